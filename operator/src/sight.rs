//! What gateways see of ClickHouse: their pods are asked, their last words are kept, and news wake the resource.
//!
//! Comes in: pods of gateways. Goes out: what each told last. A pod is asked by a task of its own, which waits in the
//! pod for news, so that a gateway with none costs three requests a minute. Must not ask ClickHouse itself, and must
//! not hold up a reconcile.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crds::config::Admin;
use futures::{Stream, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use tokio::sync::mpsc;

use crate::{
    metrics::Metrics,
    status::Word,
    watch::{
        Guarded, Pods, resource_of,
        shelf::{Place, place},
    },
};

mod ask;

use ask::{Answer, ask};

/// First and longest pause after a pod that did not answer: it may still be starting, or nothing may reach it.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Between two answers of a pod, however often it has news.
const PAUSE: Duration = Duration::from_secs(1);
/// So many pods are waited in, a connection each. Beyond them nobody is waited for, and all pods together are asked
/// fifty times a second.
const MOST_WAITED_IN: usize = 512;
const PAUSE_PER_POD: Duration = Duration::from_millis(20);
/// Below the longest time a gateway lets somebody wait.
const WAIT: Duration = Duration::from_secs(15);
/// A pod that failed so often in a row is no longer taken at its last word.
const FORGOTTEN_AFTER: u32 = 3;
/// Resources to be woken; tasks wait for room.
const WAKES: usize = 256;

/// The last words of all gateways of one scope.
#[derive(Clone)]
pub struct Sights(Arc<Inner>);

struct Inner {
    pods: Pods,
    /// By the pod's uid. Bounded by the pods there are: a task ends with its pod.
    told: Mutex<HashMap<String, Word>>,
    wakes: mpsc::Sender<ObjectRef<Guarded>>,
    metrics: Metrics,
}

impl fmt::Debug for Sights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sights").finish_non_exhaustive()
    }
}

/// One pod that is asked.
struct Followed {
    pod: Place,
    uid: String,
    resource: ObjectRef<Guarded>,
    address: SocketAddr,
}

impl Sights {
    /// Nothing is known at first. The stream names the resources that there is news for.
    pub fn new(pods: Pods, metrics: Metrics) -> (Self, impl Stream<Item = ObjectRef<Guarded>> + Send + 'static) {
        let (wakes, woken) = mpsc::channel(WAKES);
        let news = stream::unfold(woken, async |mut woken| woken.recv().await.map(|resource| (resource, woken)));
        (Self(Arc::new(Inner { pods, told: Mutex::default(), wakes, metrics })), news)
    }

    /// What a gateway's pod told last. From the first question on it is asked again and again.
    pub fn of(&self, pod: &Pod) -> Word {
        let Some(followed) = Followed::new(pod) else { return Word::NotYet };
        let mut told = self.0.told();
        if let Some(known) = told.get(&followed.uid) {
            return known.clone();
        }
        told.insert(followed.uid.clone(), Word::NotYet);
        self.0.metrics.follows(told.len());
        tokio::spawn(Arc::clone(&self.0).follow(followed));
        Word::NotYet
    }
}

impl Followed {
    fn new(pod: &Pod) -> Option<Self> {
        let ip: IpAddr = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
        Some(Self {
            pod: place(&pod.namespace()?, &pod.name_any()),
            uid: pod.uid()?,
            resource: resource_of(pod)?,
            address: SocketAddr::new(ip, Admin::default().health.port()),
        })
    }

    fn is_there(&self, pods: &Pods) -> bool {
        pods.get(&self.pod).is_some_and(|pod| pod.uid().as_ref() == Some(&self.uid))
    }
}

impl Inner {
    async fn follow(self: Arc<Self>, followed: Followed) {
        let (mut tag, mut failures) = (None, 0_u32);
        while followed.is_there(&self.pods) {
            let (wait, pause) = pace(self.told().len());
            let answer = ask(followed.address, tag.as_deref(), wait).await;
            let failed = answer.is_err();
            match answer {
                Ok(Answer::Same) => {}
                Ok(Answer::News { destination, tag: named }) => {
                    tag = named;
                    self.tell(&followed, Word::Says(destination)).await;
                }
                Err(error) => {
                    tracing::debug!(pod = %followed.pod, error = crate::error::chain(&error), "a gateway does not tell");
                    tag = None;
                }
            }
            failures = if failed { failures.saturating_add(1) } else { 0 };
            if failures == FORGOTTEN_AFTER {
                self.tell(&followed, Word::Silent).await;
            }
            let backoff = BACKOFF.0.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACKOFF.1);
            tokio::time::sleep(if failed { backoff } else { pause }).await;
        }
        let mut told = self.told();
        told.remove(&followed.uid);
        self.metrics.follows(told.len());
    }

    async fn tell(&self, followed: &Followed, word: Word) {
        let is_news = {
            let mut told = self.told();
            let known = told.entry(followed.uid.clone()).or_default();
            let is_news = *known != word;
            *known = word;
            is_news
        };
        if is_news {
            // Nobody listens only when the process ends.
            let _ = self.wakes.send(followed.resource.clone()).await;
        }
    }

    fn told(&self) -> MutexGuard<'_, HashMap<String, Word>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait in a pod for news, and how long until it is asked again, when so many are followed.
fn pace(pods: usize) -> (Duration, Duration) {
    if pods <= MOST_WAITED_IN {
        return (WAIT, PAUSE);
    }
    (Duration::ZERO, PAUSE_PER_POD.saturating_mul(u32::try_from(pods).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests;
