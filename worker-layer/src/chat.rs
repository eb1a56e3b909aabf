//! The chat service: conversations of two users, each on any number of devices.
//!
//! The facts are in Redis (`key`). A *conversation* has its messages, numbered without a hole, the ids that its clients gave
//! them, and how far each side has read. A *user* has a log of changes and a home screen, which follow the conversations: one
//! call of `deliver.lua` brings a user up to where a conversation stands, and tells all devices. No script touches both, because
//! the two may be in different places; a message that is stored and not yet delivered is in the *outbox*, so it arrives though
//! its worker dies. No worker keeps anything, so any of them handles any request.
//!
//! ```text
//! events ──▶ ask ──▶ batch: outbox, send.lua, read.lua ──▶ delivery: deliver.lua for both users ──▶ page ──▶ outcomes
//!                                                             ▲
//!                                 outbox: what was left behind ┘
//! ```
//!
//! Modules, in reading order: `user` (names and pairs), `token` and `session` (who it is), `ask` (what an event asks for),
//! `batch` (its way), `stored`, `delivery` and `outbox` (messages on theirs), `page` (what is only read), `picture`, `presence` (who is
//! online), `key`, `script`, `shared`, `limit`, `trouble`, `option`.

mod ask;
mod batch;
mod delivery;
mod key;
mod limit;
mod option;
mod outbox;
mod page;
mod picture;
mod presence;
mod script;
mod session;
mod shared;
mod stored;
mod token;
mod trouble;
mod user;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{Event, Subject, chat};

use self::ask::Ask;
use self::batch::Batch;
pub use self::option::{Options, Waits};
use self::picture::Pictures;
pub use self::picture::{BadPicturePlace, PicturePlace};
use self::script::Scripts;
use self::shared::Shared;
pub use self::token::{BadTokenKey, TokenKey};
use crate::service::{Context, Outcome, Service};

/// The service.
pub struct Chat {
    shared: Arc<Shared>,
    pictures: Arc<Pictures>,
}

impl Chat {
    /// Starts the service.
    #[must_use]
    pub fn start(context: &Context, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            store: context.store.clone(),
            scripts: Scripts::new(),
            token_key: options.token_key.clone(),
            waits: options.presence,
            log: trouble::Log::default(),
        });
        outbox::start(&shared, &context.tasks);
        presence::look::start(&shared, &context.tasks);
        presence::links::start(&shared, &context.tasks);
        let Options { pictures, token_key, .. } = options.clone();
        let pictures = Pictures::new(context.store.clone(), pictures, token_key, context.tasks.clone());
        Self { shared, pictures }
    }
}

impl Service for Chat {
    fn name(&self) -> &'static str {
        chat::SERVICE
    }

    fn paths(&self) -> Vec<String> {
        vec![chat::PICTURES_PATH.to_owned()]
    }

    fn body_bytes_max(&self) -> Option<usize> {
        Some(chat::PICTURE_BYTES_MAX)
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        let ask = |event: &Event| match &event.subject {
            Subject::Http { http, .. } => {
                Ask::Http { pictures: Arc::clone(&self.pictures), http: http.clone() }
            }
            subject => ask::of(subject, self.shared.token_key.as_ref()),
        };
        let asks = batch.iter().map(ask).collect();
        async move { Batch::new(&self.shared, self.pictures.checked(asks).await).run().await }.boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
