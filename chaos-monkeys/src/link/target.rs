//! Where the service is, and how to get there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// How long opening a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Sockets from one address of this machine: Linux has some 28,000 ports for each, and others need some.
const SOCKETS_PER_SOURCE: usize = 20_000;

/// A connection, with or without TLS.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Where the service is: `http://` or `https://`, a host, and a port unless it is the usual one.
#[derive(Clone)]
pub struct Target {
    host: Arc<str>,
    port: u16,
    tls: Option<TlsConnector>,
}

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    /// It is no address of a service.
    #[error("give an address like http://127.0.0.1:9999, without a path")]
    Form,
    /// No certificates to trust were found.
    #[error("https needs the certificates of this system, and there are none")]
    NoCertificates,
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let uri: Uri = text.parse().map_err(|_| BadTarget::Form)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(BadTarget::Form)?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let (tls, port) = match uri.scheme_str() {
            Some("http") if is_bare => (None, 80),
            Some("https") if is_bare => (Some(connector()?), 443),
            _ => return Err(BadTarget::Form),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { host: host.into(), port: uri.port_u16().unwrap_or(port), tls })
    }
}

fn connector() -> Result<TlsConnector, BadTarget> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(BadTarget::NoCertificates);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Target {
    /// The host and the port, as the header `host` has them.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The address of a websocket.
    #[must_use]
    pub(super) fn websocket(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", self.authority())
    }

    /// Opens a connection.
    pub(super) async fn connect(&self, source: &Source) -> io::Result<Stream> {
        let slow = |_| io::Error::new(io::ErrorKind::TimedOut, "connecting took too long");
        timeout(CONNECT_MAX, self.dial(source)).await.map_err(slow)?
    }

    async fn dial(&self, source: &Source) -> io::Result<Stream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in lookup_host((&*self.host, self.port)).await? {
            match source.connect(address).await {
                Ok(stream) => return self.secured(stream).await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn secured(&self, stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Either::Left(stream)) };
        let name = ServerName::try_from(self.host.to_string())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Either::Right(Box::new(tls.connect(name, stream).await?)))
    }
}

/// Where the connections of a monkey come from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source {
    given: Option<IpAddr>,
    /// The how many-th thousand-fold of sockets it belongs to.
    block: usize,
}

impl Source {
    /// Of the sockets of all monkeys, this one has this number.
    #[must_use]
    pub fn new(addresses: &[IpAddr], number: usize) -> Self {
        let block = number / SOCKETS_PER_SOURCE;
        let given = (!addresses.is_empty()).then(|| addresses[block % addresses.len()]);
        Self { given, block }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = self.address(to.ip()) {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        socket.connect(to).await
    }

    fn address(&self, to: IpAddr) -> Option<IpAddr> {
        let loopback = || {
            let block = u8::try_from(self.block % 250).unwrap_or_default();
            (self.block > 0 && to.is_loopback() && to.is_ipv4())
                .then(|| IpAddr::V4(Ipv4Addr::new(127, 0, block, 1)))
        };
        self.given.or_else(loopback)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_scheme_a_host_and_a_port() {
        let target = |text: &str| text.parse::<Target>();
        assert_eq!(
            target("http://127.0.0.1:9999").unwrap().websocket("/ws/sets"),
            "ws://127.0.0.1:9999/ws/sets"
        );
        assert_eq!(target("http://tercet.example/").unwrap().authority(), "tercet.example:80");
        assert_eq!(target("http://[::1]:9999").unwrap().to_string(), "http://[::1]:9999");
        for bad in ["", "127.0.0.1:9999", "ftp://a", "http://", "http://a/path", "http://a?b", "ws://a"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_block_of_sockets_has_an_address_of_its_own() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let from = |given: &[IpAddr], number, to| Source::new(given, number).address(to);
        assert_eq!(from(&[], 19_999, loopback), None);
        assert_eq!(from(&[], 20_000, loopback), Some([127, 0, 1, 1].into()));
        assert_eq!(from(&[], 20_000, [10, 0, 0, 1].into()), None);
        let given = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        assert_eq!(from(&given, 20_000, [10, 0, 0, 9].into()), Some(given[1]));
        assert_eq!(from(&given, 40_000, [10, 0, 0, 9].into()), Some(given[0]));
    }
}
