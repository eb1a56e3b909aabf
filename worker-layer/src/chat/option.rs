//! The options of the service.

use std::time::Duration;

use super::limit::{CHECK_EVERY, GRACE, LINKS_EVERY, LOOK_EVERY, RETURN_PAUSE, SILENT};
use super::picture::PicturePlace;
use super::token::TokenKey;

/// The options of the chat service.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Options {
    /// What the tokens of logins are checked with: a secret for HS256 of at least 32 bytes, or an Ed25519 public key in PEM.
    /// Without it a name is enough to log in
    // A PEM begins with hyphens.
    #[arg(
        long = "chat-token-key",
        env = "CHAT_TOKEN_KEY",
        hide_env_values = true,
        value_name = "KEY",
        allow_hyphen_values = true
    )]
    pub token_key: Option<TokenKey>,
    /// Where pictures are kept, the same for all workers: a folder, or a bucket like s3://pictures, which AWS_ENDPOINT,
    /// AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY tell how to reach
    #[arg(long = "chat-pictures", env = "CHAT_PICTURES", value_name = "PLACE", default_value = PicturePlace::FOLDER)]
    pub pictures: PicturePlace,
    /// How long presence waits. These are no options of the command line: all workers have to agree.
    #[arg(skip)]
    pub presence: Waits,
}

/// How long presence waits.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// Between two looks of a worker.
    pub look: Duration,
    /// Between two looks at the same user.
    pub check: Duration,
    /// Without a device, before a user is offline.
    pub grace: Duration,
    /// When a worker starts, and after Redis was away, before the next look.
    pub pause: Duration,
    /// Between two looks at the links of all processes.
    pub links: Duration,
    /// After how long a silence a process is dead, to a second.
    pub silent: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            look: LOOK_EVERY,
            check: CHECK_EVERY,
            grace: GRACE,
            pause: RETURN_PAUSE,
            links: LINKS_EVERY,
            silent: SILENT,
        }
    }
}
