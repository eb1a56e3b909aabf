//! Free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rand::RngExt;

/// Below the range from which the system takes the ports of outgoing connections (32768 to 60999 on Linux), so that no
/// client of a test that runs beside this one takes the port before it is listened on.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// An address on this machine that is free.
#[must_use]
pub fn free() -> SocketAddr {
    free_row(1)
}

/// The first of `count` addresses in a row that are free.
#[must_use]
pub fn free_row(count: u16) -> SocketAddr {
    loop {
        let first = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(RANGE)));
        let is_free = |index| TcpListener::bind((first.ip(), first.port() + index)).is_ok();
        if (0..count).all(is_free) {
            return first;
        }
    }
}
