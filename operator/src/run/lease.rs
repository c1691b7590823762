//! The leader lease: of several operators one acts.
//!
//! Every write names the version it read, so two processes can never both believe they wrote last. A lease of
//! another is taken only after it was *seen* unchanged for its whole duration, by this process's own clock.

use std::{
    hash::BuildHasher as _,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::coordination::v1::{Lease as Object, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, ResourceExt as _, api::PostParams};

use crate::error::chain;

/// Others wait this long for a holder that vanished.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for this long must stop, well before others may start.
const GIVE_UP: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How soon a released lease is found.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the lease was not renewed within {GIVE_UP:?}")]
    NotRenewed(#[source] kube::Error),
    #[error("another operator took the lease")]
    Taken,
}

#[derive(Debug)]
pub(super) struct Lease {
    api: Api<Object>,
    name: String,
    identity: String,
    /// The last version of another holder, and when it was first seen.
    seen: Option<(String, Instant)>,
}

impl Lease {
    pub(super) fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, seen: None }
    }

    /// Ends when the lease is held.
    pub(super) async fn acquire(&mut self) {
        let mut is_told = false;
        loop {
            match self.try_acquire().await {
                Ok(true) => return tracing::info!(identity = self.identity, "holds the lease"),
                Ok(false) if !is_told => {
                    is_told = true;
                    tracing::info!(identity = self.identity, "stands by");
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = chain(&error), lease = self.name, "cannot read or write the lease");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Renews for ever; ends when the lease is lost.
    pub(super) async fn hold(&self) -> Error {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(if renewed.elapsed() < RENEW_EVERY { RENEW_EVERY } else { LOOK_EVERY }).await;
            // A request that hangs must not outlive the lease.
            let left = GIVE_UP.saturating_sub(renewed.elapsed());
            let asked = Instant::now();
            match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(Renewal::Renewed)) => renewed = asked,
                // Somebody else wrote in between; the next look tells who.
                Ok(Ok(Renewal::Unsure)) => {}
                Ok(Ok(Renewal::Taken)) => return Error::Taken,
                Ok(Err(error)) if renewed.elapsed() + LOOK_EVERY >= GIVE_UP => return Error::NotRenewed(error),
                Ok(Err(error)) => tracing::warn!(error = chain(&error), "cannot renew the lease"),
                Err(_) => return Error::NotRenewed(kube::Error::Service("the API server does not answer".into())),
            }
        }
    }

    /// Lets another begin at once.
    pub(super) async fn release(&self) {
        let released = async {
            let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
            if holder(&lease) != Some(&self.identity) {
                return Ok(());
            }
            let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
            lease.spec = Some(LeaseSpec { lease_transitions: transitions, ..LeaseSpec::default() });
            self.api.replace(&self.name, &PostParams::default(), &lease).await.map(|_| ())
        };
        match tokio::time::timeout(Duration::from_secs(5), released).await {
            Ok(Ok(())) => tracing::info!("released the lease"),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "cannot release the lease; others wait for its end");
            }
            Err(_) => tracing::warn!("cannot release the lease in time; others wait for its end"),
        }
    }

    async fn try_acquire(&mut self) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let mut lease = Object::default();
            lease.metadata.name = Some(self.name.clone());
            lease.spec = Some(self.spec(0));
            return conflict_is_false(self.api.create(&PostParams::default(), &lease).await);
        };
        let is_free = holder(&lease).is_none_or(|holder| holder.is_empty() || *holder == self.identity);
        if !is_free && !self.is_abandoned(&lease) {
            return Ok(false);
        }
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or(0);
        self.write(lease, self.spec(transitions.saturating_add(1))).await
    }

    fn is_abandoned(&mut self, lease: &Object) -> bool {
        let version = lease.resource_version().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() > DURATION,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    async fn renew(&self) -> Result<Renewal, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else { return Ok(Renewal::Taken) };
        if holder(&lease) != Some(&self.identity) {
            return Ok(Renewal::Taken);
        }
        let old = lease.spec.clone().unwrap_or_default();
        let spec = LeaseSpec { renew_time: Some(MicroTime(Timestamp::now())), ..old };
        self.write(lease, spec).await.map(|is_written| if is_written { Renewal::Renewed } else { Renewal::Unsure })
    }

    async fn write(&self, lease: Object, spec: LeaseSpec) -> Result<bool, kube::Error> {
        let lease = Object { spec: Some(spec), ..lease };
        conflict_is_false(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

/// What became of a renewal.
enum Renewal {
    Renewed,
    Unsure,
    Taken,
}

/// Unlike any other process's.
pub(super) fn random_identity() -> String {
    format!("clickstack-operator-{:016x}", std::hash::RandomState::new().hash_one(std::process::id()))
}

fn holder(lease: &Object) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

fn conflict_is_false(written: Result<Object, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
