use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbaImage};
use proptest::prelude::*;
use std::io::Cursor;

use super::*;

/// What must never be stored.
const SECRET: &[u8] = b"GPS 47.1 N 8.5 E";

fn picture(kind: PictureKind) -> Vec<u8> {
    let pixels = RgbaImage::from_fn(20, 10, |x, y| image::Rgba([x as u8 * 9, y as u8 * 20, 77, 255]));
    let (mut file, image) = (Cursor::new(Vec::new()), DynamicImage::ImageRgba8(pixels));
    match kind {
        PictureKind::Jpeg => image.to_rgb8().write_with_encoder(JpegEncoder::new(&mut file)).unwrap(),
        PictureKind::Png => image.write_to(&mut file, ImageFormat::Png).unwrap(),
        PictureKind::Webp => image.write_to(&mut file, ImageFormat::WebP).unwrap(),
        PictureKind::Gif => image.write_to(&mut file, ImageFormat::Gif).unwrap(),
    }
    file.into_inner()
}

/// EXIF that turns a picture by a quarter, and says where it was taken.
fn exif() -> Vec<u8> {
    let tiff: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [tiff, SECRET].concat()
}

fn decoded(kind: PictureKind, file: &[u8]) -> (DynamicImage, Orientation) {
    let format = ImageFormat::from_mime_type(kind.media_type()).unwrap();
    let mut decoder = ImageReader::with_format(Cursor::new(file), format).into_decoder().unwrap();
    let orientation = decoder.orientation().unwrap();
    (DynamicImage::from_decoder(decoder).unwrap(), orientation)
}

fn chunk_of_png(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    // Nobody looks at the checksum of a chunk that is left out.
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

fn segment_of_jpeg(marker: u8, data: &[u8]) -> Vec<u8> {
    [&[0xff, marker], &(data.len() as u16 + 2).to_be_bytes()[..], data].concat()
}

/// The same picture with what must not be stored, and whether it is to be turned.
fn with_secrets(kind: PictureKind) -> (Vec<u8>, bool) {
    let file = picture(kind);
    let inserted =
        |at: usize, pieces: &[Vec<u8>]| [&file[..at], &pieces.concat(), &file[at..], SECRET].concat();
    match kind {
        PictureKind::Png => {
            let pieces = [
                chunk_of_png(b"tEXt", SECRET),
                chunk_of_png(b"eXIf", &exif()),
                chunk_of_png(b"prVt", SECRET),
            ];
            (inserted(33, &pieces), false)
        }
        PictureKind::Jpeg => {
            let exif = [b"Exif\0\0", &exif()[..]].concat();
            let pieces = [
                segment_of_jpeg(0xe1, &exif),
                segment_of_jpeg(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
                segment_of_jpeg(0xed, SECRET),
                segment_of_jpeg(0xfe, SECRET),
                segment_of_jpeg(0xe0, &[b"JFXX\0", SECRET].concat()),
                vec![0xff],
            ];
            (inserted(2, &pieces), true)
        }
        PictureKind::Gif => {
            let comment = [&[0x21, 0xfe, SECRET.len() as u8], SECRET, &[0]].concat();
            let xmp = [&b"\x21\xff\x0bXMP DataXMP"[..], &[SECRET.len() as u8], SECRET, &[0]].concat();
            let looping = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0".to_vec();
            // Behind the screen and its table of colours.
            let at = 13 + if file[10] & 0x80 == 0 { 0 } else { 3 << ((file[10] & 7) + 1) };
            (inserted(at, &[comment, xmp, looping]), false)
        }
        PictureKind::Webp => {
            let chunk = |kind: &[u8; 4], data: &[u8]| {
                let pad = &[0][..data.len() % 2];
                [&kind[..], &(data.len() as u32).to_le_bytes(), data, pad].concat()
            };
            let wide = chunk(b"VP8X", &[0x0c, 0, 0, 0, 19, 0, 0, 9, 0, 0]);
            let more = [chunk(b"EXIF", &exif()), chunk(b"XMP ", SECRET), chunk(b"ABCD", SECRET)].concat();
            let body = [b"WEBP", &wide[..], &file[12..], &more].concat();
            ([b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body, SECRET].concat(), true)
        }
    }
}

#[test]
fn what_shows_is_kept_and_nothing_else() {
    for kind in PictureKind::ALL {
        let plain = picture(kind);
        let (file, is_turned) = with_secrets(kind);
        let kept = keep(kind, &file).unwrap();
        assert!(!kept.bytes.windows(SECRET.len()).any(|part| part == SECRET), "{kind:?}");
        assert!(
            !kept
                .bytes
                .windows(4)
                .any(|part| [b"JFXX", b"tEXt", b"XMP "].contains(&part.try_into().unwrap()))
        );
        let (before, _) = decoded(kind, &plain);
        let (after, orientation) = decoded(kind, &kept.bytes);
        assert_eq!(before.to_rgba8(), after.to_rgba8(), "{kind:?}");
        let expected = if is_turned { Orientation::Rotate90 } else { Orientation::NoTransforms };
        assert_eq!((kept.frames, orientation), (1, expected), "{kind:?}");
        assert_eq!(keep(kind, &kept.bytes), Ok(kept), "{kind:?}: keeping once more changes nothing");
    }
}

#[test]
fn a_file_that_ends_too_early_is_broken() {
    for kind in PictureKind::ALL {
        let file = picture(kind);
        for bytes in 0..file.len() {
            assert_eq!(keep(kind, &file[..bytes]), Err(Broken), "{kind:?} of {bytes} bytes");
        }
    }
}

#[test]
fn the_frames_of_what_moves_are_counted() {
    let file = picture(PictureKind::Gif);
    let at = 13 + if file[10] & 0x80 == 0 { 0 } else { 3 << ((file[10] & 7) + 1) };
    let frame = &file[at..file.len() - 1];
    let moving = [&file[..at], &frame.repeat(70), &[0x3b]].concat();
    assert_eq!(keep(PictureKind::Gif, &moving).unwrap().frames, 70);
    let png = picture(PictureKind::Png);
    let moving = [&png[..33], &chunk_of_png(b"fcTL", &[0; 26]).repeat(9), &png[33..]].concat();
    assert_eq!(keep(PictureKind::Png, &moving).unwrap().frames, 9);
}

proptest! {
    #[test]
    fn whatever_a_file_is_nothing_panics(
        kind in prop::sample::select(&PictureKind::ALL[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut file, _) = with_secrets(kind);
        for (at, byte) in changes {
            *at.get_mut(&mut file) = byte;
        }
        if let Some(end) = end {
            file.truncate(end.index(file.len()));
        }
        if let Ok(kept) = keep(kind, &file) {
            prop_assert!(kept.frames > 0);
            prop_assert!(kept.bytes.len() <= file.len() + 64);
        }
        let _ = crate::chat::picture::make::make(&file);
    }
}
