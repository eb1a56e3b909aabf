//! From a file that somebody sent to what is stored: the picture without what does not show, and a small one of it. It takes
//! a core for some milliseconds and tens of MB of memory, so it has a thread of its own.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use protocol::chat::{
    PICTURE_EDGE_MAX, PICTURE_FRAMES_MAX, PICTURE_FRAMES_PIXELS_MAX, PICTURE_PIXELS_MAX, PictureKind,
    THUMBNAIL_EDGE_MAX,
};
use protocol::{ErrorCode, RequestError};
use sha2::{Digest, Sha256};

use super::keep::{Kept, keep};
use super::link::Facts;
use crate::chat::limit::{DECODED_BYTES_MAX, THUMBNAIL_BYTES_MAX};

/// The quality of small pictures, percent: beyond it they grow more than they gain.
const THUMBNAIL_QUALITY: u8 = 78;

/// What is stored.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) facts: Facts,
    pub(super) picture: Bytes,
    pub(super) thumbnail: Bytes,
}

/// Makes of a file what is stored.
///
/// # Errors
/// `bad_request` or `too_large`, with what is wrong about the file.
pub(super) fn make(file: &[u8]) -> Result<Made, RequestError> {
    let kind = PictureKind::of(file).ok_or_else(|| {
        bad("this is no picture that can be sent: it must be a PNG, JPEG, WebP or GIF file, and this is none by its content")
    })?;
    let Kept { bytes, frames } = keep(kind, file).map_err(|_| broken(kind))?;
    let image = decode(kind, &bytes, frames)?;
    let facts = Facts {
        hash: Sha256::digest(&bytes).into(),
        kind,
        width: image.width(),
        height: image.height(),
        bytes: u32::try_from(bytes.len()).map_err(|_| large("the file is too large"))?,
    };
    let thumbnail = thumbnail(image).map_err(|_| broken(kind))?;
    Ok(Made { facts, picture: bytes.into(), thumbnail: thumbnail.into() })
}

/// The first frame, turned as it is to be shown. Sizes are looked at before anything is decoded.
fn decode(kind: PictureKind, bytes: &[u8], frames: usize) -> Result<DynamicImage, RequestError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format(kind));
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let fault = |error: ImageError| match error {
        ImageError::Limits(_) => large("this picture takes too much memory: make it smaller"),
        _ => broken(kind),
    };
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, frames)?;
    if decoder.total_bytes() > DECODED_BYTES_MAX {
        return Err(large("this picture takes too much memory: make it smaller, or use 8 bits a colour"));
    }
    let orientation = decoder.orientation().map_err(fault)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn check_size(width: u32, height: u32, frames: usize) -> Result<(), RequestError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        Err(bad("this picture has no pixels"))
    } else if width.max(height) > PICTURE_EDGE_MAX {
        Err(large(format!(
            "this picture has {width} × {height} pixels: an edge may have at most {PICTURE_EDGE_MAX}"
        )))
    } else if pixels > PICTURE_PIXELS_MAX {
        let words =
            format!("this picture has {width} × {height} pixels: at most {PICTURE_PIXELS_MAX} are allowed");
        Err(large(words))
    } else if frames > PICTURE_FRAMES_MAX {
        Err(large(format!("this picture has {frames} frames: at most {PICTURE_FRAMES_MAX} are allowed")))
    } else if frames > 1 && pixels.saturating_mul(frames as u64) > PICTURE_FRAMES_PIXELS_MAX {
        let words = format!(
            "this picture has {frames} frames of {width} × {height} pixels: all of them together may have at most \
             {PICTURE_FRAMES_PIXELS_MAX}"
        );
        Err(large(words))
    } else {
        Ok(())
    }
}

/// A small one that does not move: a JPEG, or if one can see through it, a WebP, which is smaller the busier it is.
fn thumbnail(image: DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut edge = THUMBNAIL_EDGE_MAX;
    loop {
        let small = if image.width().max(image.height()) > edge {
            image.thumbnail(edge, edge)
        } else {
            image.clone()
        };
        let mut bytes = Vec::new();
        if is_see_through(&small) {
            small.to_rgba8().write_with_encoder(WebPEncoder::new_lossless(&mut bytes))?;
        } else {
            small
                .to_rgb8()
                .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, THUMBNAIL_QUALITY))?;
        }
        if bytes.len() <= THUMBNAIL_BYTES_MAX || edge <= 1 {
            return Ok(bytes);
        }
        edge /= 2;
    }
}

fn is_see_through(image: &DynamicImage) -> bool {
    image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

fn format(kind: PictureKind) -> ImageFormat {
    match kind {
        PictureKind::Png => ImageFormat::Png,
        PictureKind::Jpeg => ImageFormat::Jpeg,
        PictureKind::Webp => ImageFormat::WebP,
        PictureKind::Gif => ImageFormat::Gif,
    }
}

fn broken(kind: PictureKind) -> RequestError {
    bad(format!(
        "this file begins like {} but cannot be read: it may be cut off or broken",
        kind.media_type()
    ))
}

fn bad(words: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, words)
}

fn large(words: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::TooLarge, words)
}

#[cfg(test)]
mod tests;
