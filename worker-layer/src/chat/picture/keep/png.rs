//! PNG: a signature, then chunks (W3C, Portable Network Graphics, third edition, section 5).

use super::{Kept, Rest};

const SIGNATURE_BYTES: usize = 8;

/// Chunks that say how it looks, and how it moves. There are others with text, times and EXIF.
const KEPT: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"sPLT",
];

pub(super) fn keep(file: &[u8]) -> Option<Kept> {
    let mut rest = Rest(file);
    let mut bytes = Vec::with_capacity(file.len());
    bytes.extend_from_slice(rest.take(SIGNATURE_BYTES)?);
    let mut frames = 0;
    loop {
        let begun = rest.0;
        let length = u32::from_be_bytes(rest.array()?) as usize;
        let kind: [u8; 4] = rest.array()?;
        rest.take(length.checked_add(4)?)?;
        if KEPT.contains(&&kind) {
            bytes.extend_from_slice(&begun[..length + 12]);
        }
        match &kind {
            b"fcTL" => frames += 1,
            b"IEND" => return Some(Kept { bytes, frames: frames.max(1) }),
            _ => {}
        }
    }
}
