//! GIF: a screen, then blocks (CompuServe, GIF89a specification).

use super::{Kept, Rest};

const HEADER_BYTES: usize = 6;
const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

/// Applications that say how often it moves; others have XMP and colour profiles.
const KEPT: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

pub(super) fn keep(file: &[u8]) -> Option<Kept> {
    let mut rest = Rest(file);
    rest.take(HEADER_BYTES)?;
    let screen: [u8; 7] = rest.array()?;
    rest.take(table_bytes(screen[4]))?;
    let mut bytes = Vec::with_capacity(file.len());
    bytes.extend_from_slice(&file[..file.len() - rest.0.len()]);
    let mut frames = 0;
    loop {
        let begun = rest.0;
        let is_kept = match rest.byte()? {
            IMAGE => {
                let descriptor: [u8; 9] = rest.array()?;
                // The colours, and how long the codes are at first.
                rest.take(table_bytes(descriptor[8]) + 1)?;
                skip_blocks(&mut rest)?;
                frames += 1;
                true
            }
            EXTENSION => {
                let label = rest.byte()?;
                let first = rest.0.get(1..12);
                skip_blocks(&mut rest)?;
                label == GRAPHIC_CONTROL
                    || label == APPLICATION && first.is_some_and(|name| KEPT.contains(&name))
            }
            TRAILER if frames > 0 => {
                bytes.push(TRAILER);
                return Some(Kept { bytes, frames });
            }
            _ => return None,
        };
        if is_kept {
            bytes.extend_from_slice(&begun[..begun.len() - rest.0.len()]);
        }
    }
}

/// The size of the table of colours that a byte of flags announces.
fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) }
}

/// Blocks with their lengths before them, up to an empty one.
fn skip_blocks(rest: &mut Rest<'_>) -> Option<()> {
    loop {
        match rest.byte()? {
            0 => return Some(()),
            length => rest.take(length.into())?,
        };
    }
}
