//! The limit of a change on a disk: what inotify tells of a folder goes to a bare socket, a line for each name.

use std::io::Write as _;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Result;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

use super::bare::tell_port;

/// What one read takes at most, bytes: some hundred names.
const READ_BYTES: usize = 64 * 1024;

/// Watches the folder for one client.
pub(super) fn play(folder: &Path) -> Result<()> {
    let watch = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, folder, WatchFlags::CREATE | WatchFlags::DELETE)?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    tell_port(&listener)?;
    let (mut client, _) = listener.accept()?;
    client.set_nodelay(true)?;
    let mut buffer = vec![MaybeUninit::uninit(); READ_BYTES];
    let mut reader = Reader::new(watch, &mut buffer);
    let mut line = Vec::new();
    loop {
        let event = reader.next()?;
        line.clear();
        line.extend_from_slice(event.file_name().map_or(b"", |name| name.to_bytes()));
        line.push(b'\n');
        client.write_all(&line)?;
    }
}
