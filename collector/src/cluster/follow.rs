//! All objects of one kind, kept true by one list and one watch.
//!
//! Comes in: the answers of the API server. Goes out: of each object what `keep` makes of it; the object itself is
//! forgotten while the next is read. A list is read in pages, and a watch that ends is resumed where it ended. Must not
//! give up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::{Semaphore, watch};

use super::{
    Api, FollowMetrics,
    answers::{Lines, Pause, WatchError, page},
};

/// Objects in a page: pods have some 10 KB each on the way. Of the largest the API server takes, 1.5 MiB, no more are
/// within what is read of an answer.
const PAGE: usize = 40;

/// One page at a time, of all kinds: it is the largest thing held.
static LISTING: Semaphore = Semaphore::const_new(1);

/// What is kept of one kind; clones share it.
#[derive(Debug)]
pub struct Kept<K>(Arc<Held<K>>);

#[derive(Debug)]
struct Held<K> {
    by_uid: Mutex<HashMap<String, K>>,
    /// Whether all have been told once.
    is_listed: watch::Sender<bool>,
}

/// One kind, before it is followed.
#[derive(Debug)]
pub struct Follow<O, K> {
    pub api: Api,
    /// As messages and metrics call it.
    pub name: &'static str,
    pub path: &'static str,
    /// None: nothing is to be kept of it.
    pub keep: fn(&O) -> Option<K>,
    pub kept: Kept<K>,
    pub metrics: Arc<FollowMetrics>,
}

/// What tells objects and their versions apart.
pub trait Identified {
    fn uid(&self) -> &str;
    fn version(&self) -> &str;
}

#[derive(Deserialize)]
struct List<O> {
    metadata: ListMetadata,
    #[serde(default = "Vec::new")]
    items: Vec<O>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Change<O> {
    #[serde(rename = "type")]
    kind: String,
    object: Changed<O>,
}

/// An error has a code, which no object has.
#[derive(Deserialize)]
#[serde(untagged)]
enum Changed<O> {
    Failure {
        code: u16,
        #[serde(default)]
        message: String,
    },
    Object(O),
}

impl<K> Clone for Kept<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(Arc::new(Held { by_uid: Mutex::default(), is_listed: watch::Sender::new(false) }))
    }
}

impl<K> Kept<K> {
    /// Shows each. False: not all are known yet.
    pub fn each(&self, show: impl FnMut(&K)) -> bool {
        self.held().values().for_each(show);
        *self.0.is_listed.borrow()
    }

    /// Waits until all have been told once.
    pub async fn listed(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.is_listed.subscribe().wait_for(|is_listed| *is_listed).await;
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, K>> {
        self.0.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, uid: &str, kept: Option<K>) {
        let mut held = self.held();
        match kept {
            Some(kept) => drop(held.insert(uid.to_owned(), kept)),
            None => drop(held.remove(uid)),
        }
    }

    fn set_all(&self, by_uid: HashMap<String, K>) {
        *self.held() = by_uid;
        self.0.is_listed.send_replace(true);
    }

    fn count(&self) -> usize {
        self.held().len()
    }
}

impl<O: DeserializeOwned + Identified, K> Follow<O, K> {
    /// Runs for ever.
    pub async fn run(self) {
        let (mut version, mut pause, mut told) = (None, Pause::default(), String::new());
        loop {
            let begin = Instant::now();
            let reason = match self.once(&mut version).await {
                Ok(()) => String::new(),
                Err(error) if error.is_forgotten() => {
                    version = None;
                    String::new()
                }
                Err(error) => {
                    self.metrics.failed(self.name);
                    format!("{:#}", anyhow::Error::new(error))
                }
            };
            if !reason.is_empty() && reason != told {
                tracing::warn!(kind = self.name, error = reason, "objects of the cluster are not known; trying again");
            }
            pause.rest(!reason.is_empty(), begin.elapsed()).await;
            told = reason;
        }
    }

    /// Lists if it must, and watches until the watch ends.
    async fn once(&self, version: &mut Option<String>) -> Result<(), WatchError> {
        if version.is_none() {
            *version = Some(self.list().await?);
        }
        let from = version.clone().unwrap_or_default();
        let mut lines = Lines::of(&self.api, &format!("{}?", self.path), &from).await?;
        while let Some(Change { kind, object }) = lines.next::<Change<O>>().await? {
            let object = match object {
                Changed::Failure { code, message } => return Err(WatchError::Ended { code, message }),
                Changed::Object(object) => object,
            };
            *version = Some(object.version().to_owned());
            match kind.as_str() {
                "ADDED" | "MODIFIED" => self.kept.set(object.uid(), (self.keep)(&object)),
                "DELETED" => self.kept.set(object.uid(), None),
                _ => {}
            }
            self.metrics.objects(self.name, self.kept.count());
        }
        Ok(())
    }

    /// Goes out the version the list is of.
    async fn list(&self) -> Result<String, WatchError> {
        let (mut by_uid, mut next) = (HashMap::new(), String::new());
        loop {
            self.metrics.listed(self.name);
            let path = format!("{}?limit={PAGE}&continue={next}", self.path);
            let _one = LISTING.acquire().await;
            let List { metadata, items } = page::<List<O>>(&self.api, &path).await?;
            let kept = items.iter().filter_map(|one| Some((one.uid().to_owned(), (self.keep)(one)?)));
            by_uid.extend(kept);
            next = metadata.next;
            if next.is_empty() {
                self.metrics.objects(self.name, by_uid.len());
                self.kept.set_all(by_uid);
                return Ok(metadata.resource_version);
            }
        }
    }
}

#[cfg(test)]
mod tests;
