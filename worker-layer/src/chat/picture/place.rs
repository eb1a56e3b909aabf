//! Where pictures are kept: a folder, or a bucket of an S3-compatible store.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::{ClientOptions, GetOptions, ObjectStore, ObjectStoreExt as _, RetryConfig, path};
use protocol::chat::PICTURE_BYTES_MAX;
use tokio::sync::OnceCell;

/// What the address of a bucket begins with.
const S3: &str = "s3://";
/// How long one request to a bucket may take, and all tries together: within what a node waits for an answer.
const REQUEST: Duration = Duration::from_secs(10);
const ALL_TRIES: Duration = Duration::from_secs(15);
const RETRIES_MAX: usize = 3;
const CONNECT: Duration = Duration::from_secs(3);
/// How much of a file is read to tell what it is, bytes: each of the formats says so in its first 12.
const BEGINNING_BYTES: u64 = 16;

/// Where pictures are kept.
#[derive(Clone)]
pub struct PicturePlace(Place);

#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Bucket { url: String, prefix: path::Path, bucket: Arc<AmazonS3> },
}

/// A place that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPicturePlace {
    /// It is no folder.
    #[error("name a folder, or a bucket like s3://pictures")]
    Empty,
    /// The scheme is another one.
    #[error("pictures are kept in a folder, or in a bucket: s3://bucket or s3://bucket/prefix")]
    Scheme,
    /// What is needed to reach the bucket is wrong.
    #[error(
        "this bucket cannot be used, see AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    Bucket(#[source] object_store::Error),
    /// What stands behind the name of the bucket.
    #[error("what stands behind the name of the bucket is no prefix")]
    Prefix(#[source] path::Error),
}

impl FromStr for PicturePlace {
    type Err = BadPicturePlace;

    fn from_str(text: &str) -> Result<Self, BadPicturePlace> {
        if text.is_empty() {
            return Err(BadPicturePlace::Empty);
        }
        let Some(name) = text.strip_prefix(S3) else {
            return if text.contains("://") {
                Err(BadPicturePlace::Scheme)
            } else {
                Ok(Self(Place::Folder(text.into())))
            };
        };
        let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
        if bucket.is_empty() {
            return Err(BadPicturePlace::Scheme);
        }
        let prefix = path::Path::parse(prefix).map_err(BadPicturePlace::Prefix)?;
        let bucket = Arc::new(reached(bucket).map_err(BadPicturePlace::Bucket)?);
        Ok(Self(Place::Bucket { url: text.to_owned(), prefix, bucket }))
    }
}

/// The bucket of this name, reached as the usual variables say.
fn reached(name: &str) -> Result<AmazonS3, object_store::Error> {
    // The client takes whatever is the default of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: ALL_TRIES, ..RetryConfig::default() };
    let from_environment = AmazonS3Builder::from_env();
    let allows_http =
        from_environment.get_config_value(&"aws_allow_http".parse()?).is_some_and(|it| it == "true");
    let client =
        ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(allows_http);
    from_environment.with_bucket_name(name).with_retry(retry).with_client_options(client).build()
}

impl Default for PicturePlace {
    fn default() -> Self {
        Self(Place::Folder(Self::FOLDER.into()))
    }
}

impl PicturePlace {
    /// The folder if none is named, seen from where the worker was started: where the launcher keeps its data, too.
    pub(crate) const FOLDER: &'static str = "data/pictures";
}

impl fmt::Display for PicturePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Folder(folder) => folder.display().fmt(f),
            Place::Bucket { url, .. } => f.write_str(url),
        }
    }
}

/// Without what it takes to reach a bucket.
impl fmt::Debug for PicturePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The files of pictures. A file is there whole or not at all.
pub(super) struct Files {
    place: PicturePlace,
    /// Opened when it is first needed: before that nobody has to make a folder.
    folder: OnceCell<Arc<LocalFileSystem>>,
}

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The folder cannot be used.
    #[error("the folder of pictures cannot be used")]
    Folder(#[source] io::Error),
    /// The store says so.
    #[error("the store of pictures failed")]
    Store(#[from] object_store::Error),
    /// Something else is under this name.
    #[error("a file in the store of pictures is larger than any picture")]
    Large,
}

impl FileError {
    /// Whether there is no room left.
    pub(super) fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl Files {
    pub(super) fn new(place: PicturePlace) -> Self {
        Self { place, folder: OnceCell::new() }
    }

    /// Stores a file. When this returns it is on disk.
    ///
    /// # Errors
    /// [`FileError`]; then it is not there, or whole.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), FileError> {
        let (store, path) = self.open(name).await?;
        store.put(&path, bytes.into()).await?;
        Ok(())
    }

    /// Reads a file, if it is there.
    ///
    /// # Errors
    /// [`FileError`].
    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>, FileError> {
        self.read(name, GetOptions::new()).await
    }

    /// Reads how a file begins, if it is there: what it is.
    ///
    /// # Errors
    /// [`FileError`].
    pub(super) async fn beginning(&self, name: &str) -> Result<Option<Bytes>, FileError> {
        self.read(name, GetOptions::new().with_range(Some(0..BEGINNING_BYTES))).await
    }

    async fn read(&self, name: &str, options: GetOptions) -> Result<Option<Bytes>, FileError> {
        let (store, path) = self.open(name).await?;
        match store.get_opts(&path, options).await {
            Ok(found) if found.meta.size > PICTURE_BYTES_MAX as u64 => Err(FileError::Large),
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The store, and where in it a file is: in 256 folders, so that none grows too large to look at.
    async fn open(&self, name: &str) -> Result<(Arc<dyn ObjectStore>, path::Path), FileError> {
        let (folder, _) = name.split_at_checked(2).unwrap_or(("", name));
        let path = path::Path::from_iter([folder, name]);
        match &self.place.0 {
            Place::Folder(place) => {
                let store = self.folder.get_or_try_init(|| async { opened(place) }).await?;
                Ok((Arc::clone(store) as Arc<dyn ObjectStore>, path))
            }
            Place::Bucket { prefix, bucket, .. } => {
                let path = prefix.parts().chain(path.parts()).collect();
                Ok((Arc::clone(bucket) as Arc<dyn ObjectStore>, path))
            }
        }
    }
}

/// Makes the folder if need be. Nobody else on the machine reads what is in it.
fn opened(folder: &Path) -> Result<Arc<LocalFileSystem>, FileError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(FileError::Folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket_and_nothing_else() {
        for bad in ["", "http://host/x", "s3://", "s3:///x", "ftp://x", "s3://bucket/a//b"] {
            assert!(bad.parse::<PicturePlace>().is_err(), "{bad}");
        }
        for good in ["pictures", "/var/lib/tercet/pictures", "s3://bucket", "s3://bucket/a/b"] {
            assert_eq!(good.parse::<PicturePlace>().unwrap().to_string(), good);
        }
    }

    #[tokio::test]
    async fn a_file_comes_back_whole_and_one_that_is_not_there_is_told_from_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("not/yet").to_str().unwrap().parse().unwrap());
        assert_eq!(files.get("abcdef").await.unwrap(), None);
        files.put("abcdef", Bytes::from_static(b"picture")).await.unwrap();
        files.put("abcdef", Bytes::from_static(b"picture")).await.unwrap();
        assert_eq!(files.get("abcdef").await.unwrap().unwrap(), "picture");
        assert_eq!(files.beginning("abcdef").await.unwrap().unwrap(), "picture");
        assert_eq!(files.beginning("fedcba").await.unwrap(), None);
        files.put("fedcba", Bytes::from_static(&[7; 1000])).await.unwrap();
        assert_eq!(files.beginning("fedcba").await.unwrap().unwrap(), [7; BEGINNING_BYTES as usize][..]);
        assert!(folder.path().join("not/yet/ab/abcdef").is_file());
        let taken = tempfile::NamedTempFile::new().unwrap();
        let files = Files::new(taken.path().to_str().unwrap().parse().unwrap());
        assert!(files.put("abcdef", Bytes::new()).await.is_err());
        assert!(files.get("abcdef").await.is_err());
    }

    #[test]
    fn a_full_disk_is_found_among_the_causes() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let store = object_store::Error::Generic { store: "folder", source: Box::new(full) };
        assert!(FileError::Store(store).is_full());
        assert!(!FileError::Large.is_full());
    }
}
