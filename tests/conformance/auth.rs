//! Who may send: tokens that are rotated, and tokens of an issuer that comes, goes and changes its keys.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use crds::config::{CollectorConfig, Oidc};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::{Http, Response};
use tests::wait::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SOON: Duration = Duration::from_secs(30);

async fn post(gateway: &Collector, authorization: Option<&str>) -> Response {
    let mut headers = vec![("content-type", "application/x-protobuf"), ("origin", "https://shop.example")];
    headers.extend(authorization.map(|value| ("authorization", value)));
    Http::default().post(&format!("{}/v1/logs", gateway.http()), &headers, Bytes::new()).await.unwrap()
}

/// The status of a call, and whether it may be repeated.
async fn call(gateway: &Collector, authorization: &str) -> tonic::Code {
    use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
    let mut client = LogsServiceClient::connect(gateway.grpc()).await.unwrap();
    let mut request = tonic::Request::new(Default::default());
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    client.export(request).await.map_or_else(|status| status.code(), |_| tonic::Code::Ok)
}

async fn becomes(gateway: &Collector, authorization: &str, status: u16) {
    eventually(&format!("the answer is {status}"), SOON, async || {
        let answer = post(gateway, Some(authorization)).await;
        if answer.status == status { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_rotated_token_takes_effect_without_a_restart() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    std::fs::write(&file, "first\nsecond\n").unwrap();
    let change = |config: &mut CollectorConfig| {
        config.receivers.otlp.auth.token_files = vec![file.display().to_string()];
    };
    let gateway = Collector::gateway(&engine, change).await.unwrap();
    for known in ["first", "Bearer first", "bearer second"] {
        assert_eq!(post(&gateway, Some(known)).await.status, 200, "{known}");
        assert_eq!(call(&gateway, known).await, tonic::Code::Ok, "{known}");
    }
    for unknown in [None, Some("third"), Some("Bearer "), Some("Basic first")] {
        let answer = post(&gateway, unknown).await;
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, Some("Bearer")), "{unknown:?}");
        assert!(answer.header("access-control-allow-origin").is_some(), "a browser must be able to read why");
    }
    assert_eq!(call(&gateway, "third").await, tonic::Code::Unauthenticated);
    let refused = "clickstack_collector_turned_away_requests_total{transport=\"http\",reason=\"unauthenticated\"}";
    assert_eq!(gateway.metric(refused).await.unwrap(), 4.0);

    // As Kubernetes does it: a new file takes the old one's name.
    std::fs::write(dir.path().join("new"), "third").unwrap();
    std::fs::rename(dir.path().join("new"), &file).unwrap();
    becomes(&gateway, "third", 200).await;
    assert_eq!(post(&gateway, Some("first")).await.status, 401);

    // A file that is gone leaves what was.
    std::fs::remove_file(&file).unwrap();
    let (log, mut gateway) = ("files have changed but are of no use", gateway);
    eventually("the loss is told", SOON, async || {
        if gateway.process().log().contains(log) { Ok(()) } else { Err("silence".to_owned()) }
    })
    .await
    .unwrap();
    assert_eq!(post(&gateway, Some("third")).await.status, 200);
    assert!(!gateway.process().log().contains("third"), "a token is in the log");
}

#[tokio::test]
async fn a_wrong_token_is_answered_before_its_body_is_sent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    std::fs::write(&file, "first").unwrap();
    let change = |config: &mut CollectorConfig| {
        config.receivers.otlp.auth.token_files = vec![file.display().to_string()];
    };
    let gateway = Collector::gateway(&engine, change).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(gateway.config.receivers.otlp.http).await.unwrap();
    let head = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\nexpect: 100-continue\r\n\
                content-length: 60000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tokio::time::timeout(SOON, socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 401");
}

/// An issuer with one key at a time.
struct Issuer {
    key: EcdsaKeyPair,
    id: String,
}

impl Issuer {
    fn new(id: &str) -> Issuer {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Issuer { key, id: id.into() }
    }

    fn token(&self, claims: &serde_json::Value) -> String {
        let encode = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": self.id })), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Serves discovery and keys on an address, for as long as the task lives.
    async fn serve(&self, address: &str) -> tokio::task::JoinHandle<()> {
        let point = self.key.public_key().as_ref();
        let coordinate = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({ "keys": [
            { "kty": "new kind", "kid": "unknown" },
            { "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]) },
        ]});
        let issuer = format!("http://{address}");
        let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }).to_string();
        let keys = keys.to_string();
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap_or(0);
                let body = if head[..read].starts_with(b"GET /keys") { &keys } else { &discovery };
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        })
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_token_of_the_issuer_is_let_in_and_an_issuer_that_is_away_costs_no_row() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let address = format!("127.0.0.1:{}", tests::ports::free_port("127.0.0.1").unwrap());
    let issuer = format!("http://{address}");
    let oidc = Oidc { issuer: issuer.clone(), audience: "otlp".into(), ca_file: None };
    let change = |config: &mut CollectorConfig| config.receivers.otlp.auth.oidc = Some(oidc);
    let gateway = Collector::gateway(&engine, change).await.unwrap();
    let good = json!({ "iss": issuer, "aud": ["other", "otlp"], "exp": now() + 600, "nbf": now() });
    let first = Issuer::new("key-1");

    let away = post(&gateway, Some(&first.token(&good))).await;
    assert_eq!((away.status.as_u16(), away.header("retry-after").is_some()), (503, true), "{}", away.text());
    assert_eq!(call(&gateway, &first.token(&good)).await, tonic::Code::Unavailable);

    let served = first.serve(&address).await;
    becomes(&gateway, &format!("Bearer {}", first.token(&good)), 200).await;
    assert_eq!(call(&gateway, &format!("bearer {}", first.token(&good))).await, tonic::Code::Ok);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (why, wrong) in [
        ("issuer", with("iss", json!("http://other.example"))),
        ("audience", with("aud", json!("other"))),
        ("expired", with("exp", json!(now() - 120))),
        ("not yet", with("nbf", json!(now() + 600))),
        ("no end", json!({ "iss": issuer, "aud": "otlp" })),
    ] {
        assert_eq!(post(&gateway, Some(&first.token(&wrong))).await.status, 401, "{why}");
    }
    assert_eq!(post(&gateway, Some(&first.token(&with("exp", json!(now() - 30))))).await.status, 200, "clocks differ");
    let forged = Issuer::new("key-1").token(&good);
    assert_eq!(post(&gateway, Some(&forged)).await.status, 401, "another key under the same name");
    let unsigned = format!(
        "{}.{}.",
        BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        BASE64_URL_SAFE_NO_PAD.encode(good.to_string())
    );
    assert_eq!(post(&gateway, Some(&unsigned)).await.status, 401);

    served.abort();
    let second = Issuer::new("key-2");
    let _ = served.await;
    let _served = second.serve(&address).await;
    becomes(&gateway, &second.token(&good), 200).await;
}
