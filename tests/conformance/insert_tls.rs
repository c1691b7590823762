//! ClickHouse behind TLS: rows and statements get there, and to nobody else.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;
use tokio_rustls::TlsAcceptor;

pub type Authority = CertifiedIssuer<'static, KeyPair>;

const NAME: &str = "clickhouse.internal";

pub fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key in PEM.
fn leaf(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

/// A server of that name, which lets everybody in.
pub fn acceptor(authority: &Authority, name: &str) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(with_leaf(builder.with_no_client_auth(), authority, name)))
}

fn with_leaf(builder: ConfigBuilder<ServerConfig, WantsServerCert>, authority: &Authority, name: &str) -> ServerConfig {
    let (cert, key) = leaf(authority, name);
    let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    builder.with_single_cert(chain, key).unwrap()
}

/// TLS in front of an engine: whom it lets in, and with which versions of HTTP they came.
struct Front {
    url: String,
    seen: Arc<Mutex<Vec<Version>>>,
}

impl Front {
    /// Speaks the protocols of `alpn`, and wants a certificate of `clients` where there is one.
    async fn start(engine: &ClickHouse, authority: &Authority, clients: Option<&Authority>, alpn: &[&[u8]]) -> Front {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config = with_leaf(builder, authority, NAME);
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", socket.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (behind, http, log) = (engine.url(), Http::default(), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (acceptor, behind, http, log) = (acceptor.clone(), behind.clone(), http.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let pass = hyper::service::service_fn(|request| {
                        pass_on(request, behind.clone(), http.clone(), Arc::clone(&log))
                    });
                    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), pass).await;
                });
            }
        });
        Front { url, seen }
    }
}

async fn pass_on(
    request: Request<Incoming>,
    behind: String,
    http: Http,
    seen: Arc<Mutex<Vec<Version>>>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    seen.lock().unwrap().push(head.version);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let named = |name: &'static str| head.headers.get(name).and_then(|value| Some((name, value.to_str().ok()?)));
    let headers: Vec<_> = ["x-clickhouse-user", "x-clickhouse-key"].into_iter().filter_map(named).collect();
    let body = body.collect().await?.to_bytes();
    let answer = http.send(head.method.clone(), &format!("{behind}{path}"), &headers, body).await?;
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        if name.as_str().starts_with("x-clickhouse") {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// A gateway that is not ready yet, towards `front` with the files in `dir`.
async fn gateway(engine: &ClickHouse, front: &Front, dir: &Path, tls: &str) -> Collector {
    let yaml = tls.replace("DIR", &dir.display().to_string());
    Collector::gateway_unready(engine, |config| {
        let document = format!("role: gateway\nclickhouse: {{endpoint: '{}', tls: {yaml}}}", front.url);
        let written = crds::config::CollectorConfig::from_yaml(&document).unwrap().clickhouse.unwrap();
        let clickhouse = config.clickhouse.as_mut().unwrap();
        (clickhouse.endpoint, clickhouse.tls) = (written.endpoint, written.tls);
        clickhouse.retry_for = "500ms".parse().unwrap();
    })
    .await
    .unwrap()
}

async fn stores(gateway: &Collector, engine: &ClickHouse) {
    gateway.ready().await.unwrap();
    let answer = OtlpHttp::new(&gateway.http()).send(&Rows::new("tls", 1).request(0..10)).await;
    assert!(answer.is_accepted(), "{answer:?}");
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), "10");
}

async fn says(gateway: &Collector, words: &str) {
    eventually("readiness says why not", Duration::from_secs(20), async || {
        let told = Http::default().get(&gateway.probe("/ready")).await.map_err(|error| format!("{error:#}"))?.text();
        if told.contains(words) { Ok(()) } else { Err(told) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn rows_and_statements_go_over_tls_with_a_client_certificate_and_over_http_2_where_it_is_offered() {
    for (alpn, version) in [(&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2), (&[], Version::HTTP_11)] {
        let engine = ClickHouse::start(Options::default()).await.unwrap();
        let (servers, clients, dir) = (authority(), authority(), tempfile::tempdir().unwrap());
        let front = Front::start(&engine, &servers, Some(&clients), alpn).await;
        let (cert, key) = leaf(&clients, "collector");
        for (name, text) in [("ca", &servers.pem()), ("cert", &cert), ("key", &key)] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let tls = "{caFile: DIR/ca, certFile: DIR/cert, keyFile: DIR/key, serverName: clickhouse.internal}";
        stores(&gateway(&engine, &front, dir.path(), tls).await, &engine).await;
        let seen = front.seen.lock().unwrap().clone();
        assert!(!seen.is_empty() && seen.iter().all(|seen| *seen == version), "{seen:?}");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_gets_nothing_and_a_new_authority_takes_effect_at_once() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let (right, wrong, dir) = (authority(), authority(), tempfile::tempdir().unwrap());
    let front = Front::start(&engine, &right, None, &[]).await;
    let ca = dir.path().join("ca");
    std::fs::write(&ca, right.pem()).unwrap();
    says(&gateway(&engine, &front, dir.path(), "{caFile: DIR/ca}").await, "certificate").await;
    std::fs::write(&ca, wrong.pem()).unwrap();
    let named = gateway(&engine, &front, dir.path(), "{caFile: DIR/ca, serverName: clickhouse.internal}").await;
    says(&named, "certificate").await;
    assert!(front.seen.lock().unwrap().is_empty(), "nothing was sent, no password either");

    std::fs::write(&ca, right.pem()).unwrap();
    stores(&named, &engine).await;
    // A file that is written half keeps what works.
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(OtlpHttp::new(&named.http()).send(&Rows::new("tls", 2).request(10..20)).await.is_accepted());
}

#[tokio::test]
async fn whoever_asks_for_it_gets_no_check() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let front = Front::start(&engine, &authority(), None, &[]).await;
    let dir = tempfile::tempdir().unwrap();
    stores(&gateway(&engine, &front, dir.path(), "{insecureSkipVerify: true}").await, &engine).await;
}
