//! Pictures that messages carry.

use serde::{Deserialize, Serialize};

/// A picture that a message carries. Whoever has its `id` can read it at [`url`](Self::url).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its name, which nobody can guess.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PictureKind,
    /// As it is shown, pixels.
    pub width: u32,
    /// As it is shown, pixels.
    pub height: u32,
    /// Its size, bytes.
    pub bytes: u32,
}

/// The formats of pictures, under their media types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureKind {
    /// Portable Network Graphics.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// Graphics Interchange Format.
    #[serde(rename = "image/gif")]
    Gif,
}

/// The answer to an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// The picture: a `send` names it by its `id`.
    pub picture: Picture,
    /// Where it is.
    pub url: String,
    /// Where a small one of it is.
    pub thumbnail_url: String,
}

impl Picture {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", super::PICTURES_PATH, self.id)
    }

    /// Where a small one of it is.
    #[must_use]
    pub fn thumbnail_url(&self) -> String {
        format!("{}/thumbnail", self.url())
    }
}

impl PictureKind {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif];

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// How the names of such files end.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }

    /// What a file is, as its first bytes say.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }
}
