use image::{Rgba, RgbaImage};
use protocol::ErrorCode;

use super::*;

fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn busy(width: u32, height: u32, alpha: u8) -> DynamicImage {
    let mut seed = 7_u32;
    DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = seed.to_be_bytes();
        Rgba([a, b, c, alpha])
    }))
}

/// The head of a PNG that says to be so large, with the checksum that goes with it.
fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let mut crc = 0xffff_ffff_u32;
    let head = [b"IHDR", &width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    for byte in &head {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let end = b"\0\0\0\0IEND\xae\x42\x60\x82";
    [b"\x89PNG\r\n\x1a\n\0\0\0\r", &head[..], &(!crc).to_be_bytes(), b"\0\0\0\0IDAT\x35\xaf\x06\x1e", end]
        .concat()
}

#[test]
fn a_picture_is_named_by_what_is_stored_and_has_a_small_one() {
    let image = busy(1_300, 650, 255);
    let made = make(&file(&image.to_rgb8().into(), ImageFormat::Png)).unwrap();
    assert_eq!((made.facts.width, made.facts.height, made.facts.kind), (1_300, 650, PictureKind::Png));
    assert_eq!(made.facts.hash, <[u8; 32]>::from(Sha256::digest(&made.picture)));
    let small = image::load_from_memory(&made.thumbnail).unwrap();
    assert!(small.width() <= THUMBNAIL_EDGE_MAX && small.width() == 2 * small.height());
    assert_eq!(PictureKind::of(&made.thumbnail), Some(PictureKind::Jpeg));
}

#[test]
fn what_one_can_see_through_stays_so_however_small_it_has_to_get() {
    let made = make(&file(&busy(700, 700, 100), ImageFormat::Png)).unwrap();
    assert_eq!(PictureKind::of(&made.thumbnail), Some(PictureKind::Webp));
    assert!(made.thumbnail.len() <= THUMBNAIL_BYTES_MAX);
    let small = image::load_from_memory(&made.thumbnail).unwrap();
    assert!(small.width() >= 100 && small.to_rgba8().pixels().all(|pixel| pixel.0[3] < 255));
}

#[test]
fn the_thinnest_picture_has_a_small_one_that_can_be_seen() {
    for (width, height) in [(16_384, 1), (1, 9_000), (1, 1)] {
        let made = make(&file(&busy(width, height, 255), ImageFormat::Png)).unwrap();
        let small = image::load_from_memory(&made.thumbnail).unwrap();
        assert!(small.width() > 0 && small.height() > 0, "{width} × {height}");
        assert_eq!((made.facts.width, made.facts.height), (width, height));
    }
}

#[test]
fn bombs_are_refused_by_their_size_before_they_are_decoded() {
    for (width, height) in [(16_385, 1), (16_384, 16_384), (100_000, 100_000), (5_001, 5_001)] {
        let error = make(&png_of_size(width, height)).unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge, "{width} × {height}: {error}");
        assert!(error.message.contains(&width.to_string()), "{error}");
    }
    let sixteen = DynamicImage::ImageRgba16(image::ImageBuffer::new(4_400, 4_400));
    let error = make(&file(&sixteen, ImageFormat::Png)).unwrap_err();
    assert_eq!(error.code, ErrorCode::TooLarge, "{error}");
}

#[test]
fn frames_are_bounded_in_number_and_in_all_their_pixels() {
    let gif = file(&busy(16, 16, 255), ImageFormat::Gif);
    let at = 13 + if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
    let moving = |frames: usize| [&gif[..at], &gif[at..gif.len() - 1].repeat(frames), &[0x3b]].concat();
    assert!(make(&moving(PICTURE_FRAMES_MAX)).is_ok());
    let error = make(&moving(PICTURE_FRAMES_MAX + 1)).unwrap_err();
    assert!(error.code == ErrorCode::TooLarge && error.message.contains("frames"), "{error}");
    let mut large = moving(100);
    large[6..10].copy_from_slice(&[0xa0, 0x0f, 0xa0, 0x0f]);
    let error = make(&large).unwrap_err();
    assert!(error.code == ErrorCode::TooLarge && error.message.contains("all of them"), "{error}");
}

#[test]
fn what_is_no_picture_is_refused_with_words_that_help() {
    let png = file(&busy(64, 64, 255), ImageFormat::Png);
    for (what, file) in [
        ("nothing", Vec::new()),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec()),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec()),
        ("a BMP", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0".to_vec()),
        ("a signature alone", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("HTML behind a signature", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec()),
        ("HTML behind another one", b"GIF89a<script>alert(1)</script>".to_vec()),
        ("half a file", png[..png.len() / 2].to_vec()),
        ("a file with a hole", [&png[..60], &vec![0; png.len() - 80], &png[png.len() - 20..]].concat()),
    ] {
        let error = make(&file).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest, "{what}: {error}");
    }
}
