//! What the API server answers, read within bounds.
//!
//! Comes in: bodies. Goes out: a page of a list, or a watch line by line. Must not wait for ever: a watch that is silent
//! for longer than it may last is dead.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::client::{Api, ClientError};

/// First and longest pause after a failure. Doubled each time, and shortened by up to a half: collectors that fail
/// together come back one after another.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// 500 pods, the most a node has anywhere, of 128 KiB; or 40 objects of 1.5 MiB, the most the API server takes.
const LARGEST_PAGE: usize = 64 << 20;
const LARGEST_EVENT: usize = 4 << 20;

/// The API server ends a watch after so many seconds, so that one whose peer is gone ends too.
pub const WATCH_SECONDS: u64 = 290;
/// A watch that says nothing for longer than it may last is dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(WATCH_SECONDS + 30);

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("the API server")]
    Client(#[from] ClientError),
    #[error("the API server's answer breaks off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the API server's answer is not understood")]
    Content(#[from] serde_json::Error),
    #[error("the API server ends the watch with {code}: {message}")]
    Ended { code: u16, message: String },
    #[error("the API server is silent")]
    Silent,
}

impl WatchError {
    /// Whether the version a watch was to begin with is not known any more.
    pub fn is_forgotten(&self) -> bool {
        const GONE: u16 = 410;
        match self {
            Self::Client(ClientError::Refused { status, .. }) => status.as_u16() == GONE,
            Self::Ended { code, .. } => *code == GONE,
            _ => false,
        }
    }
}

/// A page of a list.
pub async fn page<T: DeserializeOwned>(api: &Api, path: &str) -> Result<T, WatchError> {
    let body = api.get(path).await?.into_body();
    let page = tokio::time::timeout(LONGEST_SILENCE, Limited::new(body, LARGEST_PAGE).collect());
    let page = page.await.map_err(|_| WatchError::Silent)?.map_err(WatchError::Body)?.to_bytes();
    Ok(serde_json::from_slice(&page)?)
}

/// The lines of a watch.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    data: Bytes,
    line: Vec<u8>,
}

impl Lines {
    /// Begins a watch. `path` has a query already.
    pub async fn of(api: &Api, path: &str, from: &str) -> Result<Self, WatchError> {
        let rest = format!("watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={from}");
        let body = api.get(&format!("{path}{rest}")).await?.into_body();
        Ok(Self { body, data: Bytes::new(), line: Vec::new() })
    }

    /// The next one; none where the watch has ended, as each does in time.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WatchError> {
        loop {
            let end = memchr::memchr(b'\n', &self.data).map(|at| at + 1);
            let piece = &self.data[..end.unwrap_or(self.data.len())];
            if self.line.len() + piece.len() > LARGEST_EVENT {
                return Err(WatchError::Body("an event is too large".into()));
            }
            self.line.extend_from_slice(piece);
            self.data.advance(end.unwrap_or(self.data.len()));
            if end.is_some() {
                let read = serde_json::from_slice(&self.line);
                self.line.clear();
                return Ok(Some(read?));
            }
            match next(&mut self.body).await? {
                Some(data) => self.data = data,
                None => return Ok(None),
            }
        }
    }
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, WatchError> {
    loop {
        let frame = tokio::time::timeout(LONGEST_SILENCE, body.frame()).await.map_err(|_| WatchError::Silent)?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(WatchError::Body(error.into())),
        }
    }
}

/// How long to wait before the next try.
#[derive(Debug)]
pub struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Pause {
    /// After something that began so long ago: what has lasted is no failure.
    pub async fn rest(&mut self, has_failed: bool, lasted: Duration) {
        if !has_failed && lasted > PAUSE.1 {
            self.0 = PAUSE.0;
            return;
        }
        // A random part of the second half.
        let part = RandomState::new().hash_one(0) % 512;
        tokio::time::sleep(self.0 / 2 + self.0 * part as u32 / 1024).await;
        self.0 = (self.0 * 2).min(PAUSE.1);
    }
}
