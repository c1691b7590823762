//! Who may send, as an OpAMP server says it (<https://opentelemetry.io/docs/specs/opamp/>): HyperDX's API, which knows the
//! ingestion keys made in its pages.
//!
//! Comes in: the server's address. Goes out: [`Advice`] for the guard, in force as soon as it is heard. The server is
//! polled; its last answer is kept on disk, and counts until there is a new one: a server that is away or in trouble changes
//! nothing, but one that asks for a lock that cannot be had here closes an open door. Before the first answer nobody is let in and nobody refused: senders are told to send again. Must not
//! let somebody in for want of an answer, end the process over one, or show a token.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crds::config::Opamp;
use http::HeaderMap;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use self::{
    admission::{Admission, FILE, Reading, Refusal},
    exchange::Server,
    keeper::Keeper,
    kept::{Answer, Kept},
    messages::{
        AgentDescription, AgentDisconnect, AgentToServer, ComponentHealth, KeyValue, RemoteConfigStatus,
        RemoteConfigStatuses, ServerToAgent, capability,
    },
    metrics::Metrics,
};
use super::{Denied, Unknown, credential, tokens::sha256};
use crate::trouble::chain;

mod admission;
mod exchange;
mod keeper;
mod kept;
mod messages;
mod metrics;
mod pace;

use pace::Pace;

/// How long senders wait for the server's word.
const AFTER: Duration = Duration::from_secs(5);

/// The last message is a courtesy, and the process is ending.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// Bytes of a UUID.
const UID: usize = 16;

/// What the server has said last of who may send; clones share it. None before anything is known.
#[derive(Clone, Debug)]
pub struct Advice(watch::Receiver<Option<Arc<Admission>>>);

impl Advice {
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let admission = self.0.borrow().clone();
        match admission.as_deref() {
            None => Err(Denied::Undecided { after: AFTER, what: Unknown::Advice }),
            Some(Admission::Nobody) => Err(Denied::Undecided { after: AFTER, what: Unknown::Team }),
            Some(Admission::Everybody) => Ok(()),
            Some(Admission::Holders(digests)) if digests.knows(credential(headers)?) => Ok(()),
            Some(Admission::Holders(_)) => Err(Denied::Unauthenticated),
        }
    }
}

/// Asks the server, again and again.
#[derive(Debug)]
pub struct Client {
    endpoint: String,
    server: Server,
    pace: Pace,
    keeper: Option<Keeper>,
    /// The reason that was told last why the disk does not have the answer, until it has.
    not_kept: Option<String>,
    agent: Agent,
    /// The configuration that was offered last, and what became of it.
    offered: Option<Offered>,
    admission: watch::Sender<Option<Arc<Admission>>>,
    /// Why it is not known who may send, as long as that is so.
    doubt: watch::Sender<Option<String>>,
    metrics: Metrics,
}

/// Who this is to the server.
#[derive(Debug)]
struct Agent {
    uid: Vec<u8>,
    sequence: u64,
    started: SystemTime,
}

#[derive(Debug)]
struct Offered {
    hash: Vec<u8>,
    refusal: Option<String>,
    /// By a process before this one, of another version perhaps, which may have read it otherwise.
    is_of_before: bool,
}

/// What an answer has changed.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Heard {
    Nothing,
    /// A configuration, of which the server waits to hear.
    Offer,
}

impl Client {
    /// A client that has not asked yet, and what the guard goes by: the answer that was kept, if there is one.
    pub fn new(config: &Opamp, registry: &mut Registry) -> (Self, Advice) {
        let (admission, advice) = watch::channel(None);
        let doubt = format!("who may send is not known: the OpAMP server {} has not been asked yet", config.endpoint);
        let kept = config.state_file.as_ref().map(|file| Kept::at(file, &config.endpoint));
        let mut client = Self {
            endpoint: config.endpoint.clone(),
            server: Server::new(config),
            pace: Pace::new(config.interval.0),
            keeper: None,
            not_kept: None,
            agent: Agent::new(),
            offered: None,
            admission,
            doubt: watch::Sender::new(Some(doubt)),
            metrics: Metrics::new(registry),
        };
        client.recall(kept);
        (client, Advice(advice))
    }

    /// Why it is not known who may send; nothing from the first answer on.
    pub fn doubt(&self) -> watch::Receiver<Option<String>> {
        self.doubt.subscribe()
    }

    /// Asks until it is told to stop. `ill` says what is wrong with this process, if something is.
    pub async fn run(mut self, ill: impl Fn() -> Option<String> + Send, mut stopping: watch::Receiver<bool>) {
        // Whoever could tell this to stop is gone where waiting fails.
        tokio::select! {
            () = self.keep_asking(&ill) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        if self.pace.is_met() {
            let message = AgentToServer { agent_disconnect: Some(AgentDisconnect {}), ..self.message(ill()) };
            let _ = tokio::time::timeout(LEAVE_WITHIN, self.server.ask(&message)).await;
        }
    }

    async fn keep_asking(&mut self, ill: &(impl Fn() -> Option<String> + Send)) {
        let mut last = Heard::Nothing;
        loop {
            let message = self.message(ill());
            let pause = match self.server.ask(&message).await {
                Ok(answer) => {
                    self.metrics.answered();
                    if self.pace.is_good_news() {
                        let (server, offers) = (&self.endpoint, answer.remote_config.is_some());
                        tracing::info!(server, offers_configuration = offers, "the OpAMP server answers");
                    }
                    let heard = self.hear(answer);
                    // What became of an offer is told at once; whoever has a new one for every message waits.
                    let is_owed = heard == Heard::Offer && last == Heard::Nothing;
                    last = heard;
                    self.pace.answered(is_owed)
                }
                Err(error) => {
                    self.metrics.failed(error.as_str());
                    let reason = chain(&error);
                    self.doubt_because(&reason);
                    if self.pace.is_news(&reason) {
                        let server = &self.endpoint;
                        tracing::warn!(
                            server,
                            error = reason,
                            "the OpAMP server is of no use; what it said last counts"
                        );
                    }
                    self.pace.failed(error.after())
                }
            };
            self.keep().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Everything there is to say, each time: HyperDX's API forgets its agents at a restart, has none in common with its
    /// other replicas, and never asks.
    fn message(&mut self, ill: Option<String>) -> AgentToServer {
        self.agent.sequence += 1;
        AgentToServer {
            instance_uid: self.agent.uid.clone(),
            sequence_num: self.agent.sequence,
            agent_description: Some(self.agent.description()),
            // Not the effective configuration: that of this collector is in another language, but for the tokens.
            capabilities: capability::REPORTS_STATUS
                | capability::ACCEPTS_REMOTE_CONFIG
                | capability::REPORTS_HEALTH
                | capability::REPORTS_REMOTE_CONFIG,
            health: Some(ComponentHealth {
                healthy: ill.is_none(),
                start_time_unix_nano: nanoseconds(self.agent.started),
                last_error: ill.unwrap_or_default(),
                status_time_unix_nano: nanoseconds(SystemTime::now()),
            }),
            remote_config_status: self.offered.as_ref().map(Offered::status),
            agent_disconnect: None,
        }
    }

    fn hear(&mut self, answer: ServerToAgent) -> Heard {
        if let Some(identity) = answer.agent_identification.filter(|identity| identity.new_instance_uid.len() == UID) {
            self.agent.uid = identity.new_instance_uid;
        }
        let Some(offer) = answer.remote_config else {
            self.doubt_because("it offers no configuration");
            return Heard::Nothing;
        };
        let body = offer.config.and_then(|mut config| config.config_map.remove(FILE)).map(|file| file.body);
        // Without a hash, which a server must send, the text stands for itself.
        let hash = match (offer.config_hash, &body) {
            (hash, Some(body)) if hash.is_empty() => sha256(body).to_vec(),
            (hash, _) => hash,
        };
        if self.offered.as_ref().is_some_and(|offered| offered.hash == hash && !offered.is_of_before) {
            return Heard::Nothing;
        }
        let read = body.ok_or(Refusal::Absent).and_then(|body| admission::read(&body));
        let refusal = match read {
            Ok(reading) => {
                self.apply(hash.clone(), reading);
                None
            }
            Err(refusal) => Some(self.refuse(&refusal)),
        };
        self.metrics.applied(refusal.is_none());
        self.offered = Some(Offered { hash, refusal, is_of_before: false });
        Heard::Offer
    }

    /// The configuration before counts, unless that is an open door which the server wants closed, in whatever way.
    fn refuse(&mut self, refusal: &Refusal) -> String {
        let is_open = self.admission.borrow().as_deref() == Some(&Admission::Everybody);
        let closes = is_open && refusal.asks_for_a_lock();
        let senders = if closes { "are told to send again, until there is another" } else { "as before" };
        let reason = refusal.to_string();
        tracing::warn!(reason, senders, "an OpAMP configuration cannot be honoured");
        if closes {
            self.admission.send_replace(None);
            self.want(None);
        }
        self.metrics.failed("config");
        self.doubt_because(&format!("its configuration cannot be honoured: {reason}"));
        reason
    }

    fn apply(&mut self, hash: Vec<u8>, reading: Reading) {
        let Reading { admission, ignored } = reading;
        let ignored = ignored.join(", ");
        tracing::info!(senders = admission.to_string(), ignored, "an OpAMP configuration is in force");
        // Before it is on the disk: a slow one holds up no removal of a key.
        self.admit(admission.clone());
        self.want(Some(Answer { hash, admission }));
    }

    fn want(&mut self, answer: Option<Answer>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.want(answer);
        }
    }

    /// Brings the disk up to date, as far as it can be; what is left is for the next time.
    async fn keep(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let reason = keeper.settle().await.err().map(|error| chain(&error));
        match &reason {
            Some(error) => {
                self.metrics.failed("not_kept");
                if reason != self.not_kept {
                    tracing::warn!(
                        error,
                        "the OpAMP server's answer is not on the disk yet; a start goes by what is, until the server answers"
                    );
                }
            }
            None if self.not_kept.is_some() => tracing::info!("the OpAMP server's answer is on the disk now"),
            None => {}
        }
        self.not_kept = reason;
    }

    fn admit(&self, admission: Admission) {
        self.admission.send_replace(Some(Arc::new(admission)));
        self.doubt.send_replace(None);
    }

    /// What was said before this process: it counts until the server answers.
    fn recall(&mut self, kept: Option<Kept>) {
        let Some(kept) = kept else {
            let remedy = "receivers.otlp.auth.opamp.stateFile, or CLICKSTACK_OPAMP_STATE_FILE";
            tracing::warn!(remedy, "the OpAMP server's answers are not kept, so senders wait for it after every start");
            return;
        };
        match kept.load() {
            Ok(None) => {}
            Ok(Some(Answer { hash, admission })) => {
                tracing::info!(senders = admission.to_string(), "the OpAMP configuration of before is in force");
                self.admit(admission);
                self.offered = Some(Offered { hash, refusal: None, is_of_before: true });
                self.metrics.applied(true);
            }
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "the OpAMP server's last answer is lost; senders wait for another"
                );
                self.metrics.failed("not_kept");
            }
        }
        self.keeper = Some(Keeper::of(kept));
    }

    fn doubt_because(&self, reason: &str) {
        if self.admission.borrow().is_none() {
            let doubt = format!("who may send is not known: the OpAMP server {}: {reason}", self.endpoint);
            self.doubt.send_replace(Some(doubt));
        }
    }
}

impl Agent {
    fn new() -> Self {
        let started = SystemTime::now();
        Self { uid: uuid(started), sequence: 0, started }
    }

    fn description(&self) -> AgentDescription {
        AgentDescription {
            identifying_attributes: vec![
                KeyValue::of("service.name", "clickstack-collector"),
                KeyValue::of("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::of("service.instance.id", &hyphenated(&self.uid)),
            ],
            non_identifying_attributes: vec![
                KeyValue::of("os.type", std::env::consts::OS),
                KeyValue::of("host.arch", architecture()),
            ],
        }
    }
}

impl Offered {
    fn status(&self) -> RemoteConfigStatus {
        let status = if self.refusal.is_none() { RemoteConfigStatuses::Applied } else { RemoteConfigStatuses::Failed };
        RemoteConfigStatus {
            last_remote_config_hash: self.hash.clone(),
            status: status.into(),
            error_message: self.refusal.clone().unwrap_or_default(),
        }
    }
}

/// In the words of the semantic conventions.
const fn architecture() -> &'static str {
    match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        _ => std::env::consts::ARCH,
    }
}

/// A UUID of version 7 (RFC 9562): milliseconds, then chance.
fn uuid(now: SystemTime) -> Vec<u8> {
    let milliseconds = nanoseconds(now) / 1_000_000;
    let mut uid = crate::making::random_writer().to_be_bytes();
    uid[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    uid[6] = uid[6] & 0x0f | 0x70;
    uid[8] = uid[8] & 0x3f | 0x80;
    uid.to_vec()
}

fn hyphenated(uid: &[u8]) -> String {
    let hexadecimal: String = uid.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hexadecimal.get(part).unwrap_or_default());
    parts.join("-")
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
