//! HyperDX's API as an OpAMP server, as much of it as a collector sees: comes in what a person does in its pages and what a
//! collector reports, goes out its answer to every report. Must not judge a report: a test asks for what was heard.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use prost::Message;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What is read of a report; the numbers are those of
/// <https://github.com/open-telemetry/opamp-spec/blob/main/proto/opamp.proto>.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Report {
    #[prost(bytes = "vec", tag = "1")]
    pub instance_uid: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub sequence_num: u64,
    #[prost(uint64, tag = "4")]
    pub capabilities: u64,
    #[prost(message, optional, tag = "5")]
    pub health: Option<Health>,
    #[prost(message, optional, tag = "7")]
    pub config: Option<ConfigStatus>,
    #[prost(message, optional, tag = "9")]
    pub disconnect: Option<Disconnect>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Health {
    #[prost(bool, tag = "1")]
    pub healthy: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ConfigStatus {
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// 1 applied, 3 failed.
    #[prost(int32, tag = "2")]
    pub status: i32,
    #[prost(string, tag = "3")]
    pub error: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Disconnect {}

#[derive(Clone, PartialEq, prost::Message)]
struct Reply {
    #[prost(bytes = "vec", tag = "1")]
    instance_uid: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    remote_config: Option<RemoteConfig>,
    #[prost(uint64, tag = "7")]
    capabilities: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RemoteConfig {
    #[prost(message, optional, tag = "1")]
    config: Option<ConfigMap>,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConfigMap {
    #[prost(map = "string, message", tag = "1")]
    files: HashMap<String, File>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(bytes = "vec", tag = "1")]
    body: Vec<u8>,
    #[prost(string, tag = "2")]
    content_type: String,
}

/// How the API fares.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mood {
    #[default]
    Well,
    /// Its database is away: every answer is 500.
    Broken,
    /// Something else answers in its place, with 200.
    Garbled,
    /// It offers a configuration that is no collector's.
    Confused,
}

#[derive(Debug, Default)]
struct State {
    /// Ingestion keys of all teams.
    keys: Vec<String>,
    is_enforced: bool,
    mood: Mood,
    heard: Vec<Report>,
}

/// The server, until it is dropped.
#[derive(Debug)]
pub struct HyperDx {
    pub address: SocketAddr,
    is_secure: bool,
    state: Arc<Mutex<State>>,
    _accepting: JoinSet<()>,
}

impl HyperDx {
    pub async fn start() -> HyperDx {
        Self::start_at("127.0.0.1:0".parse().unwrap(), None).await
    }

    pub async fn start_at(address: SocketAddr, tls: Option<TlsAcceptor>) -> HyperDx {
        let socket = TcpListener::bind(address).await.unwrap();
        let (address, is_secure) = (socket.local_addr().unwrap(), tls.is_some());
        let state = Arc::new(Mutex::new(State::default()));
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&state);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let (tls, state) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, state).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, state).await;
                            }
                        }
                    }
                });
            }
        });
        HyperDx { address, is_secure, state, _accepting: accepting }
    }

    /// What `OPAMP_SERVER_URL` is set to.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Teams with these keys, and whether they are asked for.
    pub fn teams(&self, keys: &[&str], is_enforced: bool) {
        let mut state = self.state.lock().unwrap();
        (state.keys, state.is_enforced) = (keys.iter().map(|key| (*key).to_owned()).collect(), is_enforced);
    }

    pub fn mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Every report, in its order.
    pub fn heard(&self) -> Vec<Report> {
        self.state.lock().unwrap().heard.clone()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, state: Arc<Mutex<State>>) {
    let answer = service_fn(|request| answer(request, Arc::clone(&state)));
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> anyhow::Result<Response<Full<Bytes>>> {
    let with = |status: StatusCode, body: Vec<u8>| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        Ok(response)
    };
    if request.uri().path() != "/v1/opamp" {
        return with(StatusCode::NOT_FOUND, b"no such path".to_vec());
    }
    if request.headers().get("content-type").is_none_or(|value| value != "application/x-protobuf") {
        return with(StatusCode::UNSUPPORTED_MEDIA_TYPE, b"Unsupported Media Type".to_vec());
    }
    let report = Report::decode(request.into_body().collect().await?.to_bytes())?;
    let mut state = state.lock().unwrap();
    state.heard.push(report.clone());
    let text = match state.mood {
        Mood::Well => configuration(&state.keys, state.is_enforced),
        Mood::Confused => json!({ "tokens": state.keys }).to_string(),
        Mood::Broken => return with(StatusCode::INTERNAL_SERVER_ERROR, b"Internal Server Error".to_vec()),
        Mood::Garbled => return with(StatusCode::OK, b"<html>welcome</html>".to_vec()),
    };
    let hash = ring::digest::digest(&ring::digest::SHA256, format!("config.json{text}").as_bytes()).as_ref().to_vec();
    let file = File { body: text.into_bytes(), content_type: "application/json".into() };
    let config = Some(ConfigMap { files: [("config.json".to_owned(), file)].into() });
    // It offers its configuration with every answer, and a status, an offer and an effective configuration are welcome.
    let remote_config = Some(RemoteConfig { config, hash });
    with(
        StatusCode::OK,
        Reply { instance_uid: report.instance_uid, remote_config, capabilities: 0x1 | 0x2 | 0x4 }.encode_to_vec(),
    )
}

/// As HyperDX's API makes it of its teams: OTLP has no pipeline before there is a key.
fn configuration(keys: &[String], is_enforced: bool) -> String {
    const EXTENSION: &str = "bearertokenauth/hyperdx";
    let mut config = json!({
        "extensions": {},
        "receivers": {
            "nop": null,
            "otlp/hyperdx": { "protocols": {
                "grpc": { "endpoint": "0.0.0.0:4317", "include_metadata": true },
                "http": {
                    "endpoint": "0.0.0.0:4318",
                    "cors": { "allowed_origins": ["*"], "allowed_headers": ["*"] },
                    "include_metadata": true,
                },
            } },
            "prometheus": { "config": { "scrape_configs": [] } },
            "fluentforward": { "endpoint": "0.0.0.0:24225" },
        },
        "connectors": { "routing/logs": { "default_pipelines": ["logs/out-default"] } },
        "exporters": { "nop": null, "clickhouse": { "password": "${env:CLICKHOUSE_PASSWORD}" } },
        "service": { "extensions": [], "pipelines": {
            "traces": { "receivers": ["nop"], "exporters": ["clickhouse"] },
            "metrics": { "receivers": ["prometheus"], "exporters": ["clickhouse"] },
            "logs/in": { "receivers": ["fluentforward"], "exporters": ["routing/logs"] },
            "logs/out-default": { "receivers": ["routing/logs"], "exporters": ["clickhouse"] },
        } },
    });
    if keys.is_empty() {
        return config.to_string();
    }
    for pipeline in ["traces", "metrics", "logs/in"] {
        config["service"]["pipelines"][pipeline]["receivers"].as_array_mut().unwrap().push(json!("otlp/hyperdx"));
    }
    if is_enforced {
        config["extensions"][EXTENSION] = json!({ "scheme": "", "tokens": keys });
        config["service"]["extensions"] = json!([EXTENSION]);
        for protocol in ["grpc", "http"] {
            let auth = json!({ "authenticator": EXTENSION });
            config["receivers"]["otlp/hyperdx"]["protocols"][protocol]["auth"] = auth;
        }
    }
    config.to_string()
}
