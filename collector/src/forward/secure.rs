//! Connections to gateways over TLS.
//!
//! Comes in: an address. Goes out: a stream to the gateway there, once it has shown who it is. Files are read for each
//! connection, so that a rotated certificate is used for new ones. Must not connect without TLS.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use crate::client_tls::{Client, TlsError};

/// Who gateways must be, and who this collector is to them.
#[derive(Clone, Debug)]
pub(super) struct Secure {
    name: ServerName<'static>,
    tls: Client,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("nobody listens")]
    Tcp(#[source] io::Error),
    #[error("cannot use TLS")]
    Tls(#[source] TlsError),
    #[error("no TLS")]
    Handshake(#[source] io::Error),
}

/// Connects to one address again and again.
#[derive(Clone, Debug)]
pub(super) struct Towards {
    address: SocketAddr,
    secure: Secure,
}

impl Secure {
    /// The gateways' name is that of the endpoint, unless another is asked for.
    pub(super) fn new(host: &str, tls: Client) -> Result<Self, TlsError> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = match tls.server_name()? {
            Some(name) => name,
            None => ServerName::try_from(host).map_err(TlsError::ServerName)?,
        };
        Ok(Self { name, tls })
    }

    pub(super) fn towards(&self, address: SocketAddr) -> Towards {
        Towards { address, secure: self.clone() }
    }

    async fn connect(self, address: SocketAddr) -> Result<TlsStream<TcpStream>, ConnectError> {
        let files = self.tls.read().await.map_err(ConnectError::Tls)?;
        let mut config = self.tls.config(&files).map_err(ConnectError::Tls)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await.map_err(ConnectError::Tcp)?;
        stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
        let connected = TlsConnector::from(Arc::new(config)).connect(self.name, stream).await;
        connected.map_err(ConnectError::Handshake)
    }
}

impl Service<Uri> for Towards {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting = self.secure.clone().connect(self.address);
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}
