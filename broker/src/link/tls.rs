//! Whom a link trusts when it speaks TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, pem};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The certificates that sign those of servers. They are loaded once for an address, not once a connection.
pub(crate) struct Trust(TlsConnector);

/// Why certificates cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file cannot be read or holds no certificate.
    #[error("{path}: {source}")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// The system has no certificates that could be used.
    #[error("the system has none; name a file with ?ca_file=/path/ca.pem")]
    None,
    /// A certificate is not understood.
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
}

impl Trust {
    /// Trusts the certificates of `ca_file` alone, or without it those of the system.
    pub(crate) fn load(ca_file: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                let failed = |source| TrustError::File { path: path.to_owned(), source };
                for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
                    roots.add(certificate.map_err(failed)?)?;
                }
                if roots.is_empty() {
                    return Err(failed(pem::Error::NoItemsFound));
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(TrustError::None);
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with a server that must own the name `host`.
    pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(name, stream).await
    }
}
