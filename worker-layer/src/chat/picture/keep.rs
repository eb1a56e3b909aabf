//! What is kept of the file of a picture: what it takes to show it. Where it was taken and by what, comments, previews of how
//! it looked before, and whatever stands behind its end are left out; nothing is encoded anew, so it looks as it did.
//!
//! Each format is a row of pieces, and only pieces that are known are taken over.

mod gif;
mod jpeg;
mod png;
mod webp;

use image::metadata::Orientation;
use protocol::chat::PictureKind;

/// A picture that has nothing in it but itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// How many pictures it is, one after the other.
    pub(super) frames: usize,
}

/// The file ends too early, or is not made as its format says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is broken")]
pub(super) struct Broken;

/// Keeps what shows.
pub(super) fn keep(kind: PictureKind, file: &[u8]) -> Result<Kept, Broken> {
    let kept = match kind {
        PictureKind::Png => png::keep(file),
        PictureKind::Jpeg => jpeg::keep(file),
        PictureKind::Webp => webp::keep(file),
        PictureKind::Gif => gif::keep(file),
    };
    kept.ok_or(Broken)
}

/// What is left of a file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }
}

/// How a picture is to be turned, as EXIF that says nothing else; none if it stands as it is.
fn turned(exif: &[u8]) -> Option<[u8; 26]> {
    let orientation = Orientation::from_exif_chunk(exif).filter(|it| *it != Orientation::NoTransforms)?;
    let mut tiff = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    tiff[18] = orientation.to_exif();
    Some(tiff)
}

#[cfg(test)]
mod tests;
