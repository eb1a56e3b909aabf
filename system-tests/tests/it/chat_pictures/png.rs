//! Pictures that a test can make without a library.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(kind);
    checksum.update(data);
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], kind, data, &checksum.sum().to_be_bytes()].concat()
}

/// A PNG of one color, with other chunks before its pixels.
pub(super) fn png_with(width: u32, height: u32, color: [u8; 3], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let row = [&[0][..], &color.repeat(width as usize)].concat();
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..height {
        pixels.write_all(&row).unwrap();
    }
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut file = [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &head)[..]].concat();
    chunks.iter().for_each(|(kind, data)| file.extend(chunk(kind, data)));
    file.extend(chunk(b"IDAT", &pixels.finish().unwrap()));
    file.extend(chunk(b"IEND", b""));
    file
}

/// A PNG of one color.
pub(super) fn png(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    png_with(width, height, color, &[])
}

/// The head of a PNG that says to be so large, with nothing behind it.
pub(super) fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(1, 1, [0; 3]);
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    file.splice(8..33, chunk(b"IHDR", &head));
    file
}
