//! TLS on the OTLP ports: both transports, certificates that change under open connections, and client certificates.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crds::config::{CollectorConfig, Tls};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::wait::eventually;

const SOON: Duration = Duration::from_secs(30);

type Sender = Client<hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>, Full<Bytes>>;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key, in PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A client that trusts this authority, and shows a certificate if it has one.
    fn client(&self, shows: Option<&(String, String)>) -> Sender {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        let https = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().build();
        Client::builder(TokioExecutor::new()).build(https)
    }
}

/// Puts a certificate where the collector reads it, as Kubernetes does: a link to a folder is exchanged.
fn put(dir: &Path, version: &str, (certificate, key): &(String, String)) -> Tls {
    let folder = dir.join(version);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tls.crt"), certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key).unwrap();
    std::os::unix::fs::symlink(&folder, dir.join("next")).unwrap();
    std::fs::rename(dir.join("next"), dir.join("data")).unwrap();
    let path = |name: &str| dir.join("data").join(name).display().to_string();
    Tls { certificate_file: path("tls.crt"), key_file: path("tls.key"), client_ca_file: None }
}

async fn start(engine: &ClickHouse, tls: Tls) -> Collector {
    Collector::gateway(engine, |config: &mut CollectorConfig| config.receivers.otlp.tls = Some(tls)).await.unwrap()
}

/// The status and the version of HTTP of an answer.
async fn post(sender: &Sender, gateway: &Collector) -> Result<(u16, hyper::Version), String> {
    let url = format!("https://{}/v1/logs", gateway.config.receivers.otlp.http);
    let request = hyper::Request::post(url).header("content-type", "application/x-protobuf");
    let answer = sender.request(request.body(Full::default()).unwrap()).await;
    answer.map(|answer| (answer.status().as_u16(), answer.version())).map_err(|error| format!("{error:?}"))
}

/// The status of a call over gRPC.
async fn call(sender: &Sender, gateway: &Collector) -> String {
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let request = hyper::Request::post(format!("https://{}{path}", gateway.config.receivers.otlp.grpc))
        .header("content-type", "application/grpc")
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .unwrap();
    let answer = sender.request(request).await.unwrap();
    let headers = answer.headers().clone();
    let trailers = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().trailers().cloned();
    let status = headers.get("grpc-status").cloned().or_else(|| trailers?.get("grpc-status").cloned());
    status.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_certificate_is_used_for_new_connections_and_open_ones_stay() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    let gateway = start(&engine, put(dir.path(), "1", &old.issue())).await;
    let before = old.client(None);
    assert_eq!(post(&before, &gateway).await, Ok((200, hyper::Version::HTTP_2)), "ALPN offers HTTP/2");
    assert_eq!(call(&before, &gateway).await, "0");

    // A half-written pair changes nothing.
    let mut half = new.issue();
    half.1.truncate(half.1.len() / 2);
    put(dir.path(), "2", &half);
    let mut gateway = gateway;
    eventually("the bad pair is told", SOON, async || {
        if gateway.process().log().contains("of no use") { Ok(()) } else { Err("silence".to_owned()) }
    })
    .await
    .unwrap();
    assert!(post(&old.client(None), &gateway).await.is_ok(), "the old certificate is still good");

    put(dir.path(), "3", &new.issue());
    eventually("the new certificate is used", SOON, async || post(&new.client(None), &gateway).await).await.unwrap();
    assert!(post(&old.client(None), &gateway).await.is_err(), "nobody gets the old certificate any more");
    assert_eq!(post(&before, &gateway).await.map(|answer| answer.0), Ok(200), "the open connection is still open");
    assert!(gateway.stop().await.unwrap().success());
}

#[tokio::test]
async fn with_a_client_authority_nobody_comes_in_without_its_certificate() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (server, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let mut tls = put(dir.path(), "1", &server.issue());
    let ca = dir.path().join("ca.crt");
    std::fs::write(&ca, clients.0.pem()).unwrap();
    tls.client_ca_file = Some(ca.display().to_string());
    let gateway = start(&engine, tls).await;
    let known = server.client(Some(&clients.issue()));
    assert_eq!(post(&known, &gateway).await.map(|answer| answer.0), Ok(200));
    assert_eq!(call(&known, &gateway).await, "0");
    for unknown in [server.client(None), server.client(Some(&strangers.issue()))] {
        assert!(post(&unknown, &gateway).await.is_err());
    }
}

#[tokio::test]
async fn a_connection_that_makes_no_handshake_holds_up_nobody() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let gateway = start(&engine, put(dir.path(), "1", &authority.issue())).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut socket = tokio::net::TcpStream::connect(gateway.config.receivers.otlp.http).await.unwrap();
        // The first bytes of a handshake that is never finished.
        tokio::io::AsyncWriteExt::write_all(&mut socket, &[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        silent.push(socket);
    }
    assert_eq!(post(&authority.client(None), &gateway).await.map(|answer| answer.0), Ok(200));
    assert!(gateway.stop().await.unwrap().success(), "nor the end");
}
