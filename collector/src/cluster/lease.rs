//! The lease: of several collectors that could do the same work one does, and goes on where the one before it came to.
//!
//! Comes in: a Lease of `coordination.k8s.io/v1`. Goes out: a [`Term`] for as long as it is held. How far the work has
//! come stands in an annotation of the Lease itself, so that nobody can move it who does not hold it. Every write names
//! the version it has seen: two can never both believe they wrote last. A lease of another is taken only after it was
//! *seen* unchanged for its whole duration, by this process's own clock. Must not know what the work is.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Api, ClientError, metrics::LeaseMetrics};
use crate::rfc3339::micro_time;

/// Others wait this long for a holder that vanished.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for this long must stop, well before others may start.
const GIVE_UP: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How soon a released lease is found, and a failed renewal tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two writes of a position that moves: what was answered for in between is repeated after a kill.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// For the last write of a process that stops.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// A Lease takes a few hundred bytes, and others may have annotated it.
const LARGEST: usize = 1 << 20;

/// The version of events up to which all are answered for.
const POSITION: &str = "clickstack.io/events-position";

/// A lease, before it is held.
#[derive(Debug)]
pub struct Lease {
    pub api: Api,
    pub namespace: String,
    pub name: String,
    /// Unlike any other process's.
    pub identity: String,
    /// What the Lease goes with, as an owner reference.
    pub owner: Option<Value>,
    pub metrics: Arc<LeaseMetrics>,
}

/// The time for which the work is this process's.
#[derive(Debug)]
pub struct Term {
    /// Becomes true when the work has to end: the lease is another's, or the process stops.
    pub ending: watch::Receiver<bool>,
    /// Where the holder before came to; none where nobody held it yet.
    pub position: Option<u64>,
    /// Where this one comes to.
    pub reached: watch::Sender<Option<u64>>,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("the API server")]
    Client(#[from] ClientError),
    #[error("the API server's answer breaks off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the API server's answer is not understood")]
    Content(#[from] serde_json::Error),
    #[error("it was not renewed in time")]
    Late,
    #[error("another collector took it")]
    Taken,
}

impl LeaseError {
    fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Client(ClientError::Refused { status, .. }) if *status == wanted)
    }
}

impl Lease {
    /// Does the work whenever the lease is held, until told to stop; then gives it back, so that another begins at once.
    pub async fn lead<F: Future<Output = ()>>(self, mut stopping: watch::Receiver<bool>, work: impl Fn(Term) -> F) {
        // Where the work has come to, should the Lease be gone with its annotation.
        let mut known = None;
        loop {
            let (mut held, asked) = tokio::select! {
                () = stopped(&mut stopping) => return,
                held = self.acquire(&mut known) => held,
            };
            self.metrics.held(true);
            let position = position(&held).or(known);
            let (end, ending) = watch::channel(false);
            let (reached, mut moved) = watch::channel(position);
            let mut work = std::pin::pin!(work(Term { ending, position, reached }));
            let ended = tokio::select! {
                () = stopped(&mut stopping) => End::Stop,
                () = &mut work => End::Done,
                lost = self.hold(&mut held, &mut moved, asked) => End::Lost(lost),
            };
            end.send_replace(true);
            let is_done = match ended {
                End::Done => true,
                // Held until the last of it is answered for, so that nobody repeats it.
                End::Stop => tokio::select! {
                    () = work => true,
                    _ = self.hold(&mut held, &mut moved, Instant::now()) => false,
                },
                End::Lost(lost) => {
                    self.metrics.held(false);
                    let error = format!("{:#}", anyhow::Error::new(lost));
                    tracing::warn!(error, lease = self.name, "stands by again");
                    work.await;
                    known = *moved.borrow();
                    continue;
                }
            };
            let reached = *moved.borrow();
            if is_done {
                self.release(held, reached).await;
            }
            return;
        }
    }

    /// Ends when the lease is held; says since when at the least. Follows meanwhile where its holder has come to.
    async fn acquire(&self, known: &mut Option<u64>) -> (Value, Instant) {
        let (mut seen, mut told) = (None, String::new());
        loop {
            let asked = Instant::now();
            match self.try_acquire(&mut seen, known).await {
                Ok(Some(held)) => {
                    tracing::info!(identity = self.identity, lease = self.name, "holds the lease");
                    return (held, asked);
                }
                Ok(None) if told.is_empty() => {
                    "stands by".clone_into(&mut told);
                    tracing::info!(identity = self.identity, lease = self.name, "stands by");
                }
                Ok(None) => {}
                Err(error) => {
                    self.metrics.failed();
                    let error = format!("{:#}", anyhow::Error::new(error));
                    if error != told {
                        tracing::warn!(error, lease = self.name, "cannot read or write the lease; trying again");
                        told = error;
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn try_acquire(
        &self,
        seen: &mut Option<(String, Instant)>,
        known: &mut Option<u64>,
    ) -> Result<Option<Value>, LeaseError> {
        let lease = match self.ask(Method::GET, &self.path(), None).await {
            Err(error) if error.is(StatusCode::NOT_FOUND) => {
                let made = self.ask(Method::POST, &self.folder(), Some(&self.made())).await;
                return conflict_is_none(made);
            }
            found => found?,
        };
        *known = position(&lease).or(*known);
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if !holder.is_empty() && holder != self.identity && !is_abandoned(&lease, seen, Instant::now()) {
            return Ok(None);
        }
        let transitions = lease["spec"]["leaseTransitions"].as_i64().unwrap_or(0).saturating_add(1);
        let mut taken = lease;
        *part(&mut taken, "spec") = self.spec(transitions);
        conflict_is_none(self.write(taken).await)
    }

    /// Renews, and writes where the work has come to; ends when the lease is lost.
    async fn hold(
        &self,
        held: &mut Value,
        moved: &mut watch::Receiver<Option<u64>>,
        mut renewed: Instant,
    ) -> LeaseError {
        loop {
            let wait = if renewed.elapsed() < RENEW_EVERY { RENEW_EVERY } else { LOOK_EVERY };
            let news = async {
                tokio::time::sleep(WRITE_EVERY).await;
                if moved.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = news => {}
            }
            // A request that hangs must not outlive the lease.
            let left = GIVE_UP.saturating_sub(renewed.elapsed());
            let asked = Instant::now();
            let position = *moved.borrow_and_update();
            match tokio::time::timeout(left, self.renew(held, position)).await {
                Ok(Ok(())) => renewed = asked,
                Ok(Err(LeaseError::Taken)) => return LeaseError::Taken,
                Ok(Err(error)) if renewed.elapsed() + LOOK_EVERY >= GIVE_UP => return error,
                Ok(Err(error)) => {
                    self.metrics.failed();
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, lease = self.name, "cannot renew the lease");
                }
                Err(_) => return LeaseError::Late,
            }
        }
    }

    async fn renew(&self, held: &mut Value, position: Option<u64>) -> Result<(), LeaseError> {
        let mut wanted = held.clone();
        *part(part(&mut wanted, "spec"), "renewTime") = json!(now());
        set_position(&mut wanted, position);
        match self.write(wanted).await {
            // Somebody else wrote in between; the next look tells who.
            Err(error) if error.is(StatusCode::CONFLICT) => {
                let found = match self.ask(Method::GET, &self.path(), None).await {
                    Err(error) if error.is(StatusCode::NOT_FOUND) => return Err(LeaseError::Taken),
                    found => found?,
                };
                if found["spec"]["holderIdentity"].as_str() != Some(&self.identity) {
                    return Err(LeaseError::Taken);
                }
                *held = found;
                Err(error)
            }
            Err(error) if error.is(StatusCode::NOT_FOUND) => Err(LeaseError::Taken),
            written => {
                *held = written?;
                Ok(())
            }
        }
    }

    async fn release(&self, held: Value, position: Option<u64>) {
        self.metrics.held(false);
        match tokio::time::timeout(RELEASE_WITHIN, self.free(held, position)).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "released the lease"),
            Ok(Err(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(error, "cannot release the lease; others wait for its end");
            }
            Err(_) => tracing::warn!("cannot release the lease in time; others wait for its end"),
        }
    }

    /// A renewal that was cut short may have been written all the same: then what is held is not the newest.
    async fn free(&self, mut held: Value, position: Option<u64>) -> Result<(), LeaseError> {
        loop {
            let transitions = held["spec"]["leaseTransitions"].as_i64().unwrap_or(0);
            *part(&mut held, "spec") = json!({ "leaseTransitions": transitions });
            set_position(&mut held, position);
            match self.write(held).await {
                Err(error) if error.is(StatusCode::CONFLICT) => {
                    held = self.ask(Method::GET, &self.path(), None).await?;
                    if held["spec"]["holderIdentity"].as_str() != Some(&self.identity) {
                        return Err(LeaseError::Taken);
                    }
                }
                written => return written.map(drop),
            }
        }
    }

    fn made(&self) -> Value {
        let mut lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self.spec(0),
        });
        if let Some(owner) = &self.owner {
            lease["metadata"]["ownerReferences"] = json!([owner]);
        }
        lease
    }

    fn spec(&self, transitions: i64) -> Value {
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": now(),
            "renewTime": now(),
            "leaseTransitions": transitions,
        })
    }

    /// The version stands in the document itself.
    async fn write(&self, lease: Value) -> Result<Value, LeaseError> {
        self.ask(Method::PUT, &self.path(), Some(&lease)).await
    }

    async fn ask(&self, method: Method, path: &str, document: Option<&Value>) -> Result<Value, LeaseError> {
        let is_write = document.is_some();
        let document = document.map_or_else(Bytes::new, |document| document.to_string().into());
        let body = self.api.ask(method, path, document).await?.into_body();
        if is_write {
            self.metrics.wrote();
        }
        let read = tokio::time::timeout(GIVE_UP, Limited::new(body, LARGEST).collect());
        let read = read.await.map_err(|_| LeaseError::Late)?.map_err(LeaseError::Body)?.to_bytes();
        Ok(serde_json::from_slice(&read)?)
    }

    fn folder(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.folder(), self.name)
    }
}

/// Why a term is over.
enum End {
    Stop,
    Done,
    Lost(LeaseError),
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
}

fn position(lease: &Value) -> Option<u64> {
    lease["metadata"]["annotations"][POSITION].as_str()?.parse().ok()
}

fn set_position(lease: &mut Value, position: Option<u64>) {
    if let Some(position) = position {
        *part(part(part(lease, "metadata"), "annotations"), POSITION) = json!(position.to_string());
    }
}

/// Whether a lease of another was seen unchanged for so long that its holder must have stopped.
fn is_abandoned(lease: &Value, seen: &mut Option<(String, Instant)>, now: Instant) -> bool {
    let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    match seen {
        Some((known, since)) if known == version => now.saturating_duration_since(*since) > DURATION,
        _ => {
            *seen = Some((version.to_owned(), now));
            false
        }
    }
}

/// A field of an object, and of what should be one.
fn part<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    &mut value[name]
}

fn conflict_is_none(written: Result<Value, LeaseError>) -> Result<Option<Value>, LeaseError> {
    match written {
        Ok(lease) => Ok(Some(lease)),
        Err(error) if error.is(StatusCode::CONFLICT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn now() -> String {
    micro_time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64))
}

#[cfg(test)]
mod tests;
