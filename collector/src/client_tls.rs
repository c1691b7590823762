//! TLS of a client, as ClickHouse's and a gateway's are met.
//!
//! Comes in: names of PEM files, read when asked. Goes out: what a connection is made with. Must not fall back to less
//! than what the files ask for, nor keep what they held.

use std::{io, path::PathBuf, sync::Arc};

use crds::config::ClientTls;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem, pem::PemObject},
};

mod unverified;

/// Why there is no TLS client.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is not PEM")]
    Pem(PathBuf, #[source] pem::Error),
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    #[error("tls.serverName is not a host name")]
    ServerName(#[source] InvalidDnsNameError),
    #[error("the certificates cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// Which files, and what else is asked of a server.
#[derive(Clone, Debug, Default)]
pub struct Client(ClientTls);

/// Contents of the files, in the order CA, certificate, key.
#[derive(Clone, Eq, PartialEq)]
pub struct Files([Option<Vec<u8>>; 3]);

/// One of them is a private key.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(…)")
    }
}

impl Client {
    pub fn new(tls: Option<&ClientTls>) -> Self {
        Self(tls.cloned().unwrap_or_default())
    }

    /// The name the server must have, where it is not that of its address.
    ///
    /// # Errors
    /// It is no name.
    pub fn server_name(&self) -> Result<Option<ServerName<'static>>, TlsError> {
        let name = self.0.server_name.clone();
        name.map(ServerName::try_from).transpose().map_err(TlsError::ServerName)
    }

    /// The files as they are now.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn read(&self) -> Result<Files, TlsError> {
        let mut files = Files([None, None, None]);
        let named = [&self.0.ca_file, &self.0.cert_file, &self.0.key_file];
        for (name, content) in named.into_iter().zip(&mut files.0) {
            if let Some(name) = name {
                let read = tokio::fs::read(name).await;
                *content = Some(read.map_err(|error| TlsError::Read(PathBuf::from(name), error))?);
            }
        }
        Ok(files)
    }

    /// What a connection is made with.
    ///
    /// # Errors
    /// The files hold nothing that can be used.
    pub fn config(&self, files: &Files) -> Result<ClientConfig, TlsError> {
        let [ca, cert, key] = &files.0;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?;
        let builder = if self.0.insecure_skip_verify {
            let anything = unverified::Unverified::new(provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anything))
        } else {
            builder.with_root_certificates(roots(self.0.ca_file.as_deref(), ca.as_deref())?)
        };
        let (Some(cert), Some(key)) = (cert, key) else { return Ok(builder.with_no_client_auth()) };
        let (cert_file, key_file) = (self.0.cert_file.as_deref(), self.0.key_file.as_deref());
        let chain = certificates(cert_file, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Pem(path(key_file), error))?;
        builder.with_client_auth_cert(chain, key).map_err(TlsError::Unusable)
    }
}

/// A file of authorities replaces the public ones: who runs an authority of their own wants no other to vouch.
fn roots(file: Option<&str>, ca: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(ca) => {
            for certificate in certificates(file, ca)? {
                roots.add(certificate).map_err(TlsError::Unusable)?;
            }
        }
    }
    Ok(roots)
}

fn certificates(file: Option<&str>, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|error| TlsError::Pem(path(file), error))?;
    if all.is_empty() { Err(TlsError::Empty(path(file))) } else { Ok(all) }
}

fn path(file: Option<&str>) -> PathBuf {
    PathBuf::from(file.unwrap_or_default())
}
