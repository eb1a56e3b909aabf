//! What the protocol says, checked from outside: the golden messages, the documents, and properties of the parsers.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail like the test")]

mod chat;
mod document;
mod files;
mod golden;
mod property;
mod sets;
mod source;
mod vector;
