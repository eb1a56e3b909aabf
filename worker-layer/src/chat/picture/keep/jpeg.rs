//! JPEG: segments that begin with a marker, and coded data behind each start of a scan (ITU T.81, annex B).

use super::{Kept, Rest, turned};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const JFIF: &[u8] = b"JFIF\0";
/// A JFIF segment without a preview.
const JFIF_BYTES: usize = 14;
const ADOBE: &[u8] = b"Adobe";

pub(super) fn keep(file: &[u8]) -> Option<Kept> {
    let mut rest = Rest(file);
    rest.take(2)?;
    let mut bytes = Vec::with_capacity(file.len());
    bytes.extend_from_slice(&[0xff, SOI]);
    let mut has_scan = false;
    loop {
        let marker = marker(&mut rest)?;
        match marker {
            EOI if has_scan => {
                bytes.extend_from_slice(&[0xff, EOI]);
                return Some(Kept { bytes, frames: 1 });
            }
            EOI | SOI | 0 => return None,
            // Those that stand alone.
            0x01 | 0xd0..=0xd7 => bytes.extend_from_slice(&[0xff, marker]),
            _ => {
                let length = usize::from(u16::from_be_bytes(rest.array()?)).checked_sub(2)?;
                keep_segment(marker, rest.take(length)?, &mut bytes);
                if marker == SOS {
                    has_scan = true;
                    bytes.extend_from_slice(scan(&mut rest)?);
                }
            }
        }
    }
}

fn keep_segment(marker: u8, data: &[u8], bytes: &mut Vec<u8>) {
    match marker {
        APP0 if data.starts_with(JFIF) && data.len() >= JFIF_BYTES => {
            let without_preview = [&data[..JFIF_BYTES - 2], &[0, 0]].concat();
            segment(marker, &without_preview, bytes);
        }
        APP1 => {
            if let Some(tiff) = data.strip_prefix(EXIF).and_then(turned) {
                segment(marker, &[EXIF, &tiff].concat(), bytes);
            }
        }
        APP2 if data.starts_with(ICC) => segment(marker, data, bytes),
        APP14 if data.starts_with(ADOBE) => segment(marker, data, bytes),
        // Frames, tables, scans, restarts. Other applications' segments and comments are left out.
        0xc0..=0xcf | 0xda..=0xdd => segment(marker, data, bytes),
        _ => {}
    }
}

fn segment(marker: u8, data: &[u8], bytes: &mut Vec<u8>) {
    // It was as long in the file, or is shorter.
    let length = u16::try_from(data.len() + 2).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&[0xff, marker]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(data);
}

/// The next marker; bytes that fill up may stand before it.
fn marker(rest: &mut Rest<'_>) -> Option<u8> {
    if rest.byte()? != 0xff {
        return None;
    }
    loop {
        match rest.byte()? {
            0xff => {}
            marker => return Some(marker),
        }
    }
}

/// Coded data up to the next marker that is none of its own.
fn scan<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let data = rest.0;
    let is_end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    let end = data.windows(2).position(is_end)?;
    rest.take(end)
}
