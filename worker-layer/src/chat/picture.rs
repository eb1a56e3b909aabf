//! Pictures: a file is sent over HTTP, and then named by a message.
//!
//! A picture is stored outside Redis, under the hash of what is in it, with a small one beside it. Its name says what it is and
//! is signed, so a message that carries it needs no look at the store, and a link works for whoever was given it.
//!
//! ```text
//! POST ──▶ route ──▶ a turn among the makers ──▶ the body, by claim ──▶ make: keep, decode, thumbnail ──▶ place ──▶ link
//! GET  ──▶ route ──▶ link ──▶ a turn among the readers ──▶ place ──▶ the body, by claim
//! HEAD ──▶ route ──▶ link ──▶ place, how it begins
//! send ──▶ checked ──▶ batch
//! ```
//!
//! Modules, in reading order: `route` (what a request asks for), `keep` (what is kept of a file), `make` (what is stored),
//! `place` (where), `link` (its name), `respond` (what is answered).

mod keep;
pub(super) mod link;
mod make;
mod place;
mod respond;
mod route;

use std::sync::Arc;

use broker::{Store, StoreError, Tasks};
use bytes::Bytes;
use protocol::chat::{PICTURE_BYTES_MAX, Picture, PictureKind};
use protocol::{Answer, Effect, ErrorCode, HttpBody, HttpRequest, HttpResponse, RequestError};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::link::{Key, Link, unknown};
use self::make::{Made, make};
pub use self::place::{BadPicturePlace, PicturePlace};
use self::place::{FileError, Files};
use self::route::{Asked, Form};
use super::ask::{Ask, What};
use super::limit::{MADE_AT_ONCE_MAX, MADE_TURN, READ_AT_ONCE_MAX, UPLOADS_MAX};
use super::token::TokenKey;
use crate::cause::Causes;
use crate::pace::Pace;
use crate::refusal::internal;

/// What requests for pictures share.
pub(super) struct Pictures {
    store: Store,
    files: Files,
    token_key: Option<TokenKey>,
    tasks: Tasks,
    /// Uploads at the same time,
    uploads: Semaphore,
    /// and those of them that may be in memory decoded.
    makers: Semaphore,
    /// Who may be in memory whole, to be handed on.
    readers: Semaphore,
    pace: Pace,
}

impl Pictures {
    pub(super) fn new(
        store: Store,
        place: PicturePlace,
        token_key: Option<TokenKey>,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            files: Files::new(place),
            token_key,
            tasks,
            uploads: Semaphore::new(UPLOADS_MAX),
            makers: Semaphore::new(MADE_AT_ONCE_MAX),
            readers: Semaphore::new(READ_AT_ONCE_MAX),
            pace: Pace::default(),
        })
    }

    /// Answers an HTTP request.
    pub(super) async fn answer(self: Arc<Self>, http: HttpRequest) -> Answer {
        let response = match route::asked(&http, self.token_key.as_ref()) {
            Ok(Asked::Upload) => self.upload(&http.body).await.map(|picture| respond::stored(&picture)),
            Ok(Asked::Read { link, form, known, is_head }) => self.read(&link, form, &known, is_head).await,
            Err(response) => Ok(*response),
        };
        Answer::Http(response.unwrap_or_else(|error| HttpResponse::error(&error)))
    }

    /// Checks the names of pictures that messages are to carry: those that are none of ours are answered.
    pub(super) async fn checked(&self, mut asks: Vec<Ask>) -> Vec<Ask> {
        if !asks.iter().any(|ask| carried(ask).is_some()) {
            return asks;
        }
        let key = self.key().await;
        for ask in &mut asks {
            let Some(link) = carried(ask) else { continue };
            let error = match &key {
                Ok(key) if key.has_signed(link) => continue,
                Ok(_) => unknown(),
                Err(error) => error.clone(),
            };
            if let Ask::Of { id, .. } = ask {
                let id = id.take();
                *ask = Ask::Nothing(Answer::Effects(vec![Effect::error(&error, id)]));
            }
        }
        asks
    }

    async fn upload(&self, body: &HttpBody) -> Result<Picture, RequestError> {
        let size = match body {
            HttpBody::Body(text) => text.len(),
            HttpBody::Claim(claim) => claim.bytes,
        };
        if size > PICTURE_BYTES_MAX {
            let words = format!("this file has {size} bytes: a picture may have at most {PICTURE_BYTES_MAX}");
            return Err(RequestError::new(ErrorCode::TooLarge, words));
        }
        let crowded = || {
            let words = "too many pictures are being taken in at the moment, nothing was done: try again";
            RequestError::new(ErrorCode::Unavailable, words)
        };
        let _upload = self.uploads.try_acquire().map_err(|_| crowded())?;
        let Made { facts, picture, thumbnail } = {
            // The body waits in Redis until it is its turn.
            let turn = timeout(MADE_TURN, self.makers.acquire()).await;
            let _maker = turn.map_err(|_| crowded())?.map_err(|_| internal())?;
            self.made(self.fetch(body).await?).await?
        };
        let key = self.key().await?;
        let name = facts.hex();
        // First what nobody reads without the other.
        self.put(&Form::Thumbnail.file(&name), thumbnail).await?;
        self.put(&Form::Whole.file(&name), picture).await?;
        Ok(key.sign(&facts))
    }

    async fn fetch(&self, body: &HttpBody) -> Result<Bytes, RequestError> {
        match body {
            HttpBody::Body(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
            HttpBody::Claim(claim) => self.store.fetch_claim(claim).await.map_err(|error| self.away(&error)),
        }
    }

    /// On a thread beside, which has the usual stack of 2 MiB. A decoder that panics is a file that cannot be read.
    async fn made(&self, file: Bytes) -> Result<Made, RequestError> {
        let making = self.tasks.tracker.spawn_blocking(move || make(&file));
        making.await.unwrap_or_else(|panic| {
            log::error!(error:% = panic; "a decoder of pictures panicked");
            Err(RequestError::new(ErrorCode::BadRequest, "this picture cannot be read"))
        })
    }

    async fn read(
        &self,
        link: &Link,
        form: Form,
        known: &[String],
        is_head: bool,
    ) -> Result<HttpResponse, RequestError> {
        if !self.key().await?.has_signed(link) {
            return Err(unknown());
        }
        let name = form.file(&link.facts.hex());
        if known.iter().any(|tag| tag == "*" || *tag == respond::tag(&name)) {
            return Ok(respond::unchanged(&name));
        }
        if is_head {
            let found = self.files.beginning(&name).await.map_err(|error| self.trouble(&error))?;
            return Ok(respond::found(&name, kind(&found.ok_or_else(gone)?)?, HttpBody::default()));
        }
        let _reader = self.readers.acquire().await.map_err(|_| internal())?;
        let found = self.files.get(&name).await.map_err(|error| self.trouble(&error))?;
        let bytes = found.ok_or_else(gone)?;
        let kind = kind(&bytes)?;
        let claim = self.store.put_claim(&bytes).await.map_err(|error| self.away(&error))?;
        Ok(respond::found(&name, kind, HttpBody::Claim(claim.once())))
    }

    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), RequestError> {
        self.files.put(name, bytes).await.map_err(|error| self.trouble(&error))
    }

    async fn key(&self) -> Result<Key, RequestError> {
        Key::of(&self.store).await.map_err(|error| self.away(&error))
    }

    fn away(&self, error: &StoreError) -> RequestError {
        self.line(error);
        let words = "Redis could not be asked, and no picture was taken in: try again in a moment";
        RequestError::new(ErrorCode::Unavailable, words)
    }

    fn trouble(&self, error: &FileError) -> RequestError {
        self.line(error);
        let words = if error.is_full() {
            "the store of pictures is full, and none was taken in: its operator has to make room"
        } else {
            "the store of pictures does not answer, and none was taken in: try again in a moment"
        };
        RequestError::new(ErrorCode::Unavailable, words)
    }

    fn line(&self, error: &dyn std::error::Error) {
        if let Some(withheld) = self.pace.turn() {
            log::warn!(error:% = Causes(error), more_before = withheld; "a picture could not be stored or read");
        }
    }
}

fn gone() -> RequestError {
    RequestError::new(ErrorCode::NotFound, "this picture is not in this worker's store any more")
}

/// What a file is. A store may have been tampered with: what is sent is one of the four, or nothing.
fn kind(file: &[u8]) -> Result<PictureKind, RequestError> {
    PictureKind::of(file).ok_or_else(internal)
}

/// The picture that a message is to carry.
fn carried(ask: &Ask) -> Option<&Link> {
    match ask {
        Ask::Of { what: What::Send { picture, .. }, .. } => picture.as_ref(),
        _ => None,
    }
}
