//! WebP: chunks in a RIFF file (RFC 9649, section 2).

use super::{Kept, Rest, turned};

/// Bytes before the first chunk: `RIFF`, the size, `WEBP`.
const HEAD_BYTES: usize = 12;

/// Chunks that say how it looks, and how it moves.
const KEPT: [&[u8; 4]; 7] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];

/// Flags of `VP8X`: there is EXIF, there is XMP.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

pub(super) fn keep(file: &[u8]) -> Option<Kept> {
    let mut head = Rest(file);
    head.take(4)?;
    let size = u32::from_le_bytes(head.array()?) as usize;
    let chunks = chunks(file.get(HEAD_BYTES..size.checked_add(8)?)?)?;
    let exif = chunks.iter().find(|(kind, _)| kind == b"EXIF").and_then(|(_, data)| {
        // Some write it as it stands in a JPEG.
        turned(data.strip_prefix(b"Exif\0\0").unwrap_or(data))
    });
    let mut bytes = Vec::with_capacity(file.len());
    bytes.extend_from_slice(&file[..HEAD_BYTES]);
    let (mut frames, mut has_picture) = (0, false);
    for (kind, data) in chunks {
        frames += usize::from(&kind == b"ANMF");
        has_picture |= matches!(&kind, b"VP8 " | b"VP8L" | b"ANMF");
        if &kind == b"VP8X" {
            let mut data = data.to_vec();
            let flags = data.first_mut()?;
            *flags = *flags & !(HAS_EXIF | HAS_XMP) | if exif.is_some() { HAS_EXIF } else { 0 };
            chunk(kind, &data, &mut bytes);
        } else if KEPT.contains(&&kind) {
            chunk(kind, data, &mut bytes);
        }
    }
    if let Some(exif) = exif {
        chunk(*b"EXIF", &exif, &mut bytes);
    }
    let size = u32::try_from(bytes.len() - 8).ok()?;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    has_picture.then(|| Kept { bytes, frames: frames.max(1) })
}

fn chunks(body: &[u8]) -> Option<Vec<([u8; 4], &[u8])>> {
    let mut rest = Rest(body);
    let mut chunks = Vec::new();
    while !rest.0.is_empty() {
        let kind = rest.array()?;
        let length = u32::from_le_bytes(rest.array()?) as usize;
        chunks.push((kind, rest.take(length)?));
        // The last one may lack what makes its length even.
        rest.take((length % 2).min(rest.0.len()))?;
    }
    Some(chunks)
}

fn chunk(kind: [u8; 4], data: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&kind);
    // It was as long in the file, or is shorter.
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&[0][..data.len() % 2]);
}
