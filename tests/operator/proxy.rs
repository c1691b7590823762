//! Stands between an operator and its API server and lets a number of writes through, or keeps one back for a while: comes
//! in plain HTTP, goes out the same over TLS. The answer to the last write it lets through is kept back, as when a process
//! dies at that moment.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tests::apiserver::{ApiServer, User};
use tokio::net::TcpListener;
use tokio::sync::watch;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    /// Writes that were let through, and those of them that are done.
    begun: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
    limit: usize,
    /// What the next write that is kept back is of.
    hold: watch::Sender<Option<String>>,
    held: Arc<AtomicUsize>,
    target: String,
    client: Client<HttpsConnector<HttpConnector>, Incoming>,
}

impl Proxy {
    pub async fn start(server: &ApiServer, limit: usize) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            begun: Arc::default(),
            done: Arc::default(),
            limit,
            hold: watch::Sender::new(None),
            held: Arc::default(),
            target: server.url(),
            client: Client::builder(TokioExecutor::new()).build(trusting(&server.path("pki/apiserver.crt"))),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let proxy = serving.clone();
                let service = service_fn(move |request| {
                    let proxy = proxy.clone();
                    async move { Ok::<_, Infallible>(proxy.pass(request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        proxy
    }

    /// For an operator that speaks through it.
    pub fn kubeconfig(&self, server: &ApiServer) -> PathBuf {
        let config = server.path("through-the-proxy");
        let text = std::fs::read_to_string(server.kubeconfig(User::Operator)).unwrap();
        std::fs::write(&config, text.replace(&server.url(), &format!("http://{}", self.address))).unwrap();
        config
    }

    /// Keeps back writes of a method to a path that ends so, until they are let go.
    pub fn hold(&self, method: &Method, end: &str) {
        self.hold.send_replace(Some(format!("{method} {end}")));
    }

    pub fn let_go(&self) {
        self.hold.send_replace(None);
    }

    pub fn is_holding(&self) -> bool {
        self.held.load(Ordering::SeqCst) > 0
    }

    /// Whether the last write that is let through has been done.
    pub fn is_closed(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.limit
    }

    async fn pass(&self, mut request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let is_write = *request.method() != Method::GET && !path.contains("/leases");
        if is_write && self.begun.fetch_add(1, Ordering::SeqCst) >= self.limit {
            return std::future::pending().await;
        }
        let of = format!("{} {}", request.method(), request.uri().path());
        let is_held = |held: &Option<String>| {
            let held = held.as_ref().and_then(|held| held.split_once(' '));
            held.is_some_and(|(method, end)| of.starts_with(method) && of.ends_with(end))
        };
        let mut hold = self.hold.subscribe();
        if is_held(&hold.borrow()) {
            self.held.fetch_add(1, Ordering::SeqCst);
            let _ = hold.wait_for(|held| !is_held(held)).await;
        }
        *request.uri_mut() = format!("{}{path}", self.target).parse().unwrap();
        let Ok(answer) = self.client.request(request).await else {
            let empty = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
            return Response::builder().status(502).body(empty).unwrap();
        };
        if is_write && self.done.fetch_add(1, Ordering::SeqCst) + 1 >= self.limit {
            return std::future::pending().await;
        }
        answer.map(http_body_util::BodyExt::boxed_unsync)
    }
}

/// The API server's certificate is its own authority.
fn trusting(certificate: &Path) -> HttpsConnector<HttpConnector> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificate).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build()
}
