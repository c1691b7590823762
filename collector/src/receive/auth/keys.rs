//! The keys of an issuer, fetched and kept fresh.
//!
//! Comes in: the issuer's address. Goes out: its keys, as soon as they are known. Must not ask the issuer more often
//! than it says, whatever tokens are sent.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, jwk::Jwk};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::GuardError;
use crate::receive::{
    files::{self, Made},
    tls,
};

/// Keys are fetched anew so often by themselves, and at most so often when a token names one that is not there.
const REFRESH_EVERY: Duration = Duration::from_secs(600);
const ASK_AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// One question to the issuer, and how long a token waits for the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// An issuer has a handful of keys.
const ANSWER_LIMIT: usize = 1 << 20;
const MOST_KEYS: usize = 100;

/// A key and whose signature it proves.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) key: DecodingKey,
}

impl Key {
    /// A token that names no key may be of any.
    pub(super) fn fits(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        let is_named = id.is_none() || self.id.is_none() || self.id.as_deref() == id;
        is_named && self.key.family().algorithms().contains(&algorithm)
    }
}

/// What is known of an issuer's keys.
#[derive(Clone, Debug, Default)]
struct Known {
    /// None before the first answer.
    keys: Option<Arc<Vec<Key>>>,
    /// The end of the last question, and whether it was answered.
    asked: Option<(Instant, bool)>,
}

/// Keys in force; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Keyring {
    known: watch::Receiver<Known>,
    ask: Arc<Notify>,
}

impl Keyring {
    /// Begins to ask for the keys, for as long as somebody holds the ring.
    pub(super) fn new(issuer: &str, ca_file: Option<&str>) -> Result<Self, GuardError> {
        let issuer = Issuer { http: client(ca_file)?, address: issuer.to_owned() };
        let (newest, known) = watch::channel(Known::default());
        let ask = Arc::new(Notify::new());
        tokio::spawn(issuer.keep(newest, Arc::clone(&ask)));
        Ok(Self { known, ask })
    }

    /// The keys, with the one of that name if the issuer has it; nothing while that is not known.
    pub(super) async fn with(&self, id: Option<&str>) -> Option<Arc<Vec<Key>>> {
        let known = self.known.borrow().clone();
        if let Some(keys) = known.keys.filter(|keys| is_there(keys, id)) {
            return Some(keys);
        }
        // A name that is not there may be newer than what is known: wait for what is asked next, if it is soon.
        let mut watched = self.known.clone();
        let is_fresh = known.asked.is_some_and(|(when, answered)| answered && when.elapsed() < ASK_AT_MOST_EVERY);
        if !is_fresh {
            self.ask.notify_one();
            let news = watched.wait_for(|newer| newer.asked.map(|asked| asked.0) != known.asked.map(|asked| asked.0));
            let _ = tokio::time::timeout(ANSWER_WITHIN, news).await;
        }
        let newest = self.known.borrow().clone();
        let is_answered = newest.asked.is_some_and(|(_, answered)| answered);
        newest.keys.filter(|keys| is_there(keys, id) || is_answered)
    }
}

fn is_there(keys: &[Key], id: Option<&str>) -> bool {
    // A key without a name fits every token.
    id.is_none() || keys.iter().any(|key| key.id.is_none() || key.id.as_deref() == id)
}

struct Issuer {
    http: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    address: String,
}

/// Why the keys are not known.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("{0} cannot be asked: use https, or http on this machine")]
    Address(String),
    #[error("no answer from {0}: {1}")]
    Connection(Uri, String),
    #[error("{0} answers {1}")]
    Status(Uri, StatusCode),
    #[error("{0} answers with no JSON of the expected form")]
    Form(Uri),
    #[error("the issuer calls itself {0:?}; set receivers.otlp.auth.oidc.issuer to that, letter by letter")]
    OtherIssuer(String),
    #[error("{0} holds no key that could be used")]
    NoKey(Uri),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Issuer {
    async fn keep(self, newest: watch::Sender<Known>, ask: Arc<Notify>) {
        while !newest.is_closed() {
            let fetched = self.fetch().await;
            let answered = fetched.is_ok();
            if let Err(error) = &fetched {
                tracing::warn!(issuer = self.address, %error, "the issuer's keys cannot be fetched");
            }
            newest.send_modify(|known| {
                known.asked = Some((Instant::now(), answered));
                if let Ok(keys) = fetched {
                    known.keys = Some(Arc::new(keys));
                }
            });
            tokio::time::sleep(ASK_AT_MOST_EVERY).await;
            if answered {
                let _ = tokio::time::timeout(REFRESH_EVERY, ask.notified()).await;
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, KeysError> {
        let base = self.address.trim_end_matches('/');
        let document: Discovery = self.json(&format!("{base}/.well-known/openid-configuration")).await?.0;
        if document.issuer != self.address {
            return Err(KeysError::OtherIssuer(document.issuer));
        }
        let (set, uri): (KeySet, Uri) = self.json(&document.jwks_uri).await?;
        // One by one: a kind of key that is new here must not hide the others.
        let keys: Vec<Key> = set.keys.into_iter().filter_map(usable).take(MOST_KEYS).collect();
        if keys.is_empty() { Err(KeysError::NoKey(uri)) } else { Ok(keys) }
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<(T, Uri), KeysError> {
        if !crds::config::is_safe_issuer(address) {
            return Err(KeysError::Address(address.to_owned()));
        }
        let uri: Uri = address.parse().map_err(|_| KeysError::Address(address.to_owned()))?;
        let request = Request::get(uri.clone()).body(Empty::new());
        let request = request.map_err(|_| KeysError::Address(address.to_owned()))?;
        let answer = async {
            let answer = self.http.request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
            Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN / 2, answer).await;
        let answer: Result<_, String> = answer.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        match answer {
            Err(what) => Err(KeysError::Connection(uri, what)),
            Ok((StatusCode::OK, body)) => match serde_json::from_slice(&body) {
                Ok(value) => Ok((value, uri)),
                Err(_) => Err(KeysError::Form(uri)),
            },
            Ok((status, _)) => Err(KeysError::Status(uri, status)),
        }
    }
}

/// A public key for signatures; anything else is passed over.
fn usable(value: serde_json::Value) -> Option<Key> {
    if value.get("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (key.family() != AlgorithmFamily::Hmac).then_some(Key { id: jwk.common.key_id, key })
}

fn client(ca_file: Option<&str>) -> Result<legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, GuardError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = ca_file {
        let held = files::read(&[PathBuf::from(file)]).map_err(GuardError::Authority)?;
        add(&mut roots, &held.concat()).map_err(GuardError::AuthorityContent)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| GuardError::AuthorityContent(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
    // A question in ten minutes keeps no connection.
    Ok(legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(tls))
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Made<()> {
    for root in tls::certificates(pem)? {
        roots.add(root).map_err(|error| error.to_string())?;
    }
    Ok(())
}
