//! One list and then one watch, for ever.
//!
//! Comes in: the answers of the API server. Goes out: pods that are true after a moment. A watch that ends is resumed
//! where it ended; only where the API server has forgotten that version all is listed again, from its cache. Must not
//! give up.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{
    Metrics, Pods,
    answers::{Lines, Pause, WatchError, page},
    attributes::{Known, Rules},
    client::Api,
    pod::{Event, List},
};

/// Pods in a page; a server that answers from its cache may give all at once.
const PAGE: usize = 100;

/// The watch, before it runs.
#[derive(Debug)]
pub struct Watch {
    pub api: Api,
    pub node: String,
    pub rules: Rules,
    pub pods: Pods,
    pub metrics: Arc<Metrics>,
}

impl Watch {
    /// Runs for ever.
    pub async fn run(self) {
        let (mut version, mut pause, mut told) = (None, Pause::default(), String::new());
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
        self.metrics.watched();
        let mut lines = Lines::of(&self.api, &self.path(""), &from).await?;
        while let Some(event) = lines.next().await? {
            self.event(event, version)?;
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
            let List { metadata, items } = page(&self.api, &self.path(&format!("limit={PAGE}&{from}"))).await?;
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

#[cfg(test)]
mod tests;
