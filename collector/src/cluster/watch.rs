//! One list and then one watch, for ever.
//!
//! Comes in: the answers of the API server. Goes out: pods that are true after a moment. A watch that ends is resumed
//! where it ended; only where the API server has forgotten that version all is listed again, from its cache. Must not
//! give up.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::{
    Metrics, Pods,
    attributes::{Known, Rules},
    client::{Api, ClientError},
    pod::{Event, List},
};

/// First and longest pause after a failure. Doubled each time, and shortened by up to a half: agents that fail together
/// come back one after another.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Pods in a page; a server that answers from its cache may give all at once.
const PAGE: usize = 100;

/// 500 pods, the most a node has anywhere, of 128 KiB. One alone has at most 1.5 MiB, which is what the API server takes.
const LARGEST_PAGE: usize = 64 << 20;
const LARGEST_EVENT: usize = 4 << 20;

/// The API server ends a watch after so many seconds, so that one whose peer is gone ends too.
const WATCH_SECONDS: u64 = 290;
/// A watch that says nothing for longer than it may last is dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(WATCH_SECONDS + 30);

/// The watch, before it runs.
#[derive(Debug)]
pub struct Watch {
    pub api: Api,
    pub node: String,
    pub rules: Rules,
    pub pods: Pods,
    pub metrics: Arc<Metrics>,
}

#[derive(Debug, thiserror::Error)]
enum WatchError {
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
    fn is_forgotten(&self) -> bool {
        const GONE: u16 = 410;
        match self {
            Self::Client(ClientError::Refused { status, .. }) => status.as_u16() == GONE,
            Self::Ended { code, .. } => *code == GONE,
            _ => false,
        }
    }
}

impl Watch {
    /// Runs for ever.
    pub async fn run(self) {
        let (mut version, mut pause, mut told) = (None, PAUSE.0, String::new());
        loop {
            let begin = Instant::now();
            let result = self.once(&mut version).await;
            self.metrics.pods(self.pods.count());
            let reason = match result {
                Ok(()) => String::new(),
                Err(error) if error.is_forgotten() => {
                    version = None;
                    String::new()
                }
                Err(error) => {
                    self.metrics.failed();
                    format!("{:#}", anyhow::Error::new(error))
                }
            };
            if !reason.is_empty() && reason != told {
                tracing::warn!(error = reason, "the pods of this node are not known; trying again");
            }
            let has_lasted = reason.is_empty() && begin.elapsed() > PAUSE.1;
            told = reason;
            if has_lasted {
                pause = PAUSE.0;
                continue;
            }
            // A random part of the second half.
            let part = RandomState::new().hash_one(0) % 512;
            tokio::time::sleep(pause / 2 + pause * part as u32 / 1024).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Lists if it must, and watches until the watch ends.
    async fn once(&self, version: &mut Option<String>) -> Result<(), WatchError> {
        if version.is_none() {
            *version = Some(self.list().await?);
        }
        let from = version.clone().unwrap_or_default();
        let query = format!("watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={from}");
        self.metrics.watched();
        let mut body = self.api.get(&self.path(&query)).await?.into_body();
        let mut line = Vec::new();
        while let Some(data) = next(&mut body).await? {
            for piece in data.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if line.len() > LARGEST_EVENT {
                    return Err(WatchError::Body("an event is too large".into()));
                }
                if line.ends_with(b"\n") {
                    self.event(serde_json::from_slice(&line)?, version)?;
                    line.clear();
                }
            }
        }
        Ok(())
    }

    /// Goes out the version the list is of.
    async fn list(&self) -> Result<String, WatchError> {
        let (mut pods, mut next) = (HashMap::new(), String::new());
        loop {
            // Version 0: any that the server has at hand, from its cache.
            let from = if next.is_empty() { "resourceVersion=0".to_owned() } else { format!("continue={next}") };
            self.metrics.listed();
            let body = self.api.get(&self.path(&format!("limit={PAGE}&{from}"))).await?.into_body();
            let page = tokio::time::timeout(LONGEST_SILENCE, Limited::new(body, LARGEST_PAGE).collect());
            let page = page.await.map_err(|_| WatchError::Silent)?.map_err(WatchError::Body)?.to_bytes();
            let List { metadata, items } = serde_json::from_slice(&page)?;
            pods.extend(items.iter().map(|pod| (pod.identity().to_owned(), Known::of(pod, &self.rules))));
            next = metadata.next;
            if next.is_empty() {
                self.pods.set_all(pods, Instant::now());
                self.metrics.pods(self.pods.count());
                return Ok(metadata.resource_version);
            }
        }
    }

    fn event(&self, event: Event, version: &mut Option<String>) -> Result<(), WatchError> {
        let Event { kind, object } = event;
        if kind == "ERROR" {
            return Err(WatchError::Ended { code: object.code, message: object.message });
        }
        *version = Some(object.metadata.resource_version.clone());
        let pod = object.pod();
        match kind.as_str() {
            "ADDED" | "MODIFIED" => self.pods.set(pod.identity().to_owned(), Known::of(&pod, &self.rules)),
            "DELETED" => self.pods.remove(pod.identity(), Instant::now()),
            _ => {}
        }
        self.metrics.pods(self.pods.count());
        Ok(())
    }

    fn path(&self, query: &str) -> String {
        format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}&{query}", self.node)
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

#[cfg(test)]
mod tests;
