//! Websockets: reading what clients say, writing what they are told.
//!
//! Each has one task ([`task`]), which sleeps until its socket has something; one shared part ([`connection`]), to which
//! the rest of the node delivers; and, only while they are needed, a [`reader`] with the protocol's state and an [`outbox`]
//! with what could not be written. So an idle connection is small. The node looks after those
//! that fell silent.

pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod frame;
pub(crate) mod outbox;
pub(crate) mod reader;
pub(crate) mod task;

pub(crate) use connection::Connection;
pub(crate) use frame::Frames;
