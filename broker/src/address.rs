//! Where Redis is.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use crate::link::tls;

/// A checked address of Redis, with what is needed to log in. It is shown without the password.
///
/// | form | connection |
/// |---|---|
/// | `redis://[user][:password]@host[:port][/db]` | TCP |
/// | `rediss://[user][:password]@host[:port][/db][?ca_file=/path/ca.pem]` | TLS |
/// | `redis+unix:///path/socket[?db=1&user=name&pass=secret]`, also `unix://` | Unix socket |
///
/// Special characters of user and password are percent-encoded. TLS trusts the system's certificates (or those that
/// the environment variable `SSL_CERT_FILE` names); with `ca_file` it trusts that file's alone. The link always
/// speaks RESP3, so Redis 6 or newer is needed.
#[derive(Clone)]
pub struct Address(Arc<Parts>);

struct Parts {
    transport: Transport,
    login: RedisConnectionInfo,
    shown: String,
}

/// What carries the bytes.
pub(crate) enum Transport {
    /// Plain TCP: host and port.
    Tcp(String, u16),
    /// TLS over TCP: host, port, and whom to trust.
    Tls(String, u16, tls::Trust),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no URL, or one for something else.
    #[error(
        "this is no address of Redis: give redis://host:6379, rediss://… or redis+unix:///path, and percent-encode special characters of the password"
    )]
    NotRedis,
    /// A part of it is wrong.
    #[error("this address of Redis cannot be used: {0}")]
    Part(#[source] redis::RedisError),
    /// The database is negative.
    #[error("the database of an address of Redis is 0 or more, not {0}")]
    Db(i64),
    /// It ends in `#…`, which would be ignored, or would switch off the verification of certificates.
    #[error(
        "an address of Redis has no part after #: certificates are always verified (name a private CA with ?ca_file=/path/ca.pem), and a # in a password is written %23"
    )]
    Fragment,
    /// The certificates to trust cannot be read.
    #[error("the certificates to trust cannot be used: {0}")]
    Trust(#[from] tls::TrustError),
}

impl Address {
    /// Reads and checks an address. Nothing is connected yet; the file with certificates is read.
    ///
    /// # Errors
    /// [`AddressError`] says what to write instead. It never shows the password.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let url = redis::parse_redis_url(url.trim()).ok_or(AddressError::NotRedis)?;
        if url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        let ca_file =
            url.query_pairs().find(|(name, _)| name == "ca_file").map(|(_, file)| PathBuf::from(&*file));
        let info: ConnectionInfo = url.into_connection_info().map_err(AddressError::Part)?;
        let login = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if login.db() < 0 {
            return Err(AddressError::Db(login.db()));
        }
        let transport = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Transport::Tcp(host.clone(), *port),
            ConnectionAddr::TcpTls { host, port, .. } => {
                Transport::Tls(host.clone(), *port, tls::Trust::load(ca_file.as_deref())?)
            }
            ConnectionAddr::Unix(path) => Transport::Unix(path.clone()),
            _ => return Err(AddressError::NotRedis),
        };
        let shown = shown(&transport, &login);
        Ok(Self(Arc::new(Parts { transport, login, shown })))
    }

    /// The number of the database.
    #[must_use]
    pub fn db(&self) -> i64 {
        self.0.login.db()
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    pub(crate) fn login(&self) -> &RedisConnectionInfo {
        &self.0.login
    }
}

fn shown(transport: &Transport, login: &RedisConnectionInfo) -> String {
    let user = login.username().map(|user| format!("{user}@")).unwrap_or_default();
    let db = login.db();
    let host_port = |host: &str, port: &u16| {
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    };
    match transport {
        Transport::Tcp(host, port) => format!("redis://{user}{}/{db}", host_port(host, port)),
        Transport::Tls(host, port, _) => format!("rediss://{user}{}/{db}", host_port(host, port)),
        Transport::Unix(path) => format!("redis+unix://{user}{}?db={db}", path.display()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            (" redis://ana:s3cret@h:1/2\n", "redis://ana@h:1/2"),
            ("redis://:s3cret@[::1]:7", "redis://[::1]:7/0"),
            ("unix:///run/r.sock?pass=s3cret&user=ana&db=4", "redis+unix://ana@/run/r.sock?db=4"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
        }
        assert_eq!(Address::parse("redis://h/12").unwrap().db(), 12);
    }

    #[test]
    fn an_address_always_speaks_resp3() {
        for url in ["redis://h", "redis://h/?protocol=resp2", "unix:///run/r.sock"] {
            assert_eq!(Address::parse(url).unwrap().login().protocol(), ProtocolVersion::RESP3, "{url}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_without_showing_a_password() {
        for url in [
            "",
            "localhost:6379",
            "http://ana:s3cret@h",
            "redis://ana:s3cret@h:port",
            "redis://ana:s3cret@h/db",
            "redis://ana:s3cret@h/-1",
            "redis://ana:s3#cret@h",
            "redis://ana:s3cret@0.0.0.0",
            "rediss://ana:s3cret@h#insecure",
            "rediss://ana:s3cret@h?ca_file=/nowhere/ca.pem",
            "rediss://ana:s3cret@h?ca_file=/dev/null",
            "redis:///1",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3"), "{url}: {error}");
            assert!(error.len() > 20, "{url}: {error}");
        }
    }
}
