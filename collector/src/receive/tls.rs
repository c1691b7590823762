//! TLS on a listener, with certificates that change.
//!
//! Comes in: paths of PEM files. Goes out: for each connection the configuration of that moment; open connections keep
//! theirs. Must not print a key.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::files::{self, FilesError, Made};

/// Certificates in force now; clones share them.
#[derive(Clone, Debug)]
pub struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// Reads the files, now and whenever they change.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should.
    pub fn new(config: &crds::config::Tls) -> Result<Self, FilesError> {
        let mut paths = vec![PathBuf::from(&config.certificate_file), PathBuf::from(&config.key_file)];
        paths.extend(config.client_ca_file.as_ref().map(PathBuf::from));
        files::keep(paths, |contents| match contents {
            [certificate, key] => server(certificate, key, None),
            [certificate, key, client_ca] => server(certificate, key, Some(client_ca)),
            _ => Err("two or three files make a server".to_owned()),
        })
        .map(Self)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.borrow()))
    }
}

fn server(certificate: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Made<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(certificate)?;
    // What the parser says of a key could hold some of it.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "the key file holds no private key in PEM".to_owned())?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(pem)? {
                roots.add(root).map_err(|error| format!("a client CA is of no use: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| format!("certificate and key do not fit: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// At least one certificate.
pub(super) fn certificates(pem: &[u8]) -> Made<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err("holds no certificate in PEM".to_owned()),
    }
}
