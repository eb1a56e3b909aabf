//! The options of the service.

use super::token::TokenKey;

/// The options of the chat service.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Options {
    /// What the tokens of logins are checked with: a secret for HS256 of at least 32 bytes, or an Ed25519 public key in PEM.
    /// Without it a name is enough to log in
    #[arg(long = "chat-token-key", env = "CHAT_TOKEN_KEY", hide_env_values = true, value_name = "KEY")]
    pub token_key: Option<TokenKey>,
}
