//! The logs of a node's containers, from the kubelet's files.
//!
//! Comes in: the folder of all pods. Goes out: OTLP requests, as deliveries, and a position on the node's disk for each
//! file, which moves when its lines are answered for and not before. A process that is killed repeats what was not
//! answered, and what was answered in the last moment ([`SAVE_EVERY`]); it loses nothing. With a spool it repeats nothing
//! either: see [`crate::positions`]. Must not read faster than somebody answers: what is not taken stays in the files.
//!
//! ```text
//! discover ─Found→ reader (log: tail → cri → join) ─Batch→ deliver ─Delivery→
//!                    ▲                                        │
//!                    └── checkpoint ◄── position ◄── Outcome ◄┘
//! ```
//!
//! Files are read by one thread of its own: reading blocks, and most of the time is spent on lines.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, mpsc as channel},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crds::config::{ContainerLogs, StartAt};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::deliver::Outlet;
use crate::{ack::Outcome, cluster::Pods, positions};

mod batch;
mod checkpoint;
mod cri;
mod discover;
mod fingerprint;
mod join;
mod log;
mod metrics;
mod origin;
mod reader;
mod resource;
mod resume;
mod sender;
mod source;
mod tail;

pub use metrics::Metrics;

use checkpoint::{Checkpoint, Saved};
use discover::Wanted;
use reader::{Reader, Rules};
use resume::resume;
use sender::Sender;

/// Between two looks at the folder. A file is found so late, and read from its beginning.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two looks at the files that are open, where nothing came.
const IDLE: Duration = Duration::from_millis(250);

/// Between two writes of positions: what is answered in it is repeated after a kill. On a slow disk it is longer, so that
/// a twentieth of the time at most goes into them.
const SAVE_EVERY: Duration = Duration::from_millis(50);
const SAVE_PART: u32 = 20;

/// The part of the budget that logs may hold, so that pods which send by themselves are taken too.
const SHARE: usize = 2;

/// Who the agent is.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The name of the node.
    pub name: Option<String>,
    /// The name of the cluster.
    pub cluster: Option<String>,
    /// The agent's own pod.
    pub pod: Option<String>,
    /// The node's address, as its kubelet listens on it.
    pub address: Option<String>,
}

/// The receiver, before it runs.
#[derive(Debug)]
pub struct Receiver {
    pub outlet: Outlet,
    pub metrics: Arc<Metrics>,
    /// What is known of the node's pods, where they are asked for.
    pub pods: Option<Pods>,
    /// The spool that keeps positions with what it is sent.
    pub positions: Option<positions::Shared>,
}

/// Why logs cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ContainerLogsError {
    #[error("cannot start the thread that reads files")]
    Thread(#[source] std::io::Error),
}

impl Receiver {
    /// Reads until told to stop. Goes out a word when the last position is written.
    ///
    /// # Errors
    /// There is no thread to read with.
    pub fn start(self, config: &ContainerLogs, node: &Node) -> Result<oneshot::Receiver<()>, ContainerLogsError> {
        let rules = Rules {
            folder: PathBuf::from(&config.directory),
            wanted: Wanted {
                namespaces: config.namespaces.include.clone(),
                but_namespaces: config.namespaces.exclude.clone(),
                but_pod: node.pod.clone(),
            },
            is_from_beginning: config.start_at == StartAt::Beginning,
            limit: config.max_line_bytes.as_usize(),
            node: node.name.clone(),
            cluster: node.cluster.clone(),
            pods: self.pods.clone(),
            tells_places: self.positions.is_some(),
        };
        let checkpoint = Checkpoint::at(&config.state_directory);
        let (done, is_done) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("container-logs".to_owned())
            .spawn(move || {
                Worker::new(self, rules, checkpoint, runtime).run();
                let _ = done.send(());
            })
            .map_err(ContainerLogsError::Thread)?;
        Ok(is_done)
    }
}

/// The thread.
struct Worker {
    reader: Reader,
    checkpoint: Checkpoint,
    sender: Sender,
    stopping: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    /// What the spool is told of checkpoints.
    saved: positions::Saved,
    /// Size and records of what is sent and not answered for.
    held: HashMap<u64, (usize, u64)>,
    limit: usize,
    answers: channel::Receiver<(u64, Outcome)>,
    next_look: Instant,
    next_save: Instant,
    told: String,
}

impl Worker {
    fn new(receiver: Receiver, rules: Rules, checkpoint: Checkpoint, runtime: Handle) -> Self {
        let earlier = checkpoint.load().unwrap_or_else(|error| {
            tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "positions are of no use");
            Some(Saved::default())
        });
        let Receiver { outlet, metrics, positions, .. } = receiver;
        let has_spool = positions.is_some();
        let (kept, saved) = positions.map(|positions| (positions.earlier, positions.saved)).unwrap_or_default();
        let resumed = resume(earlier, kept);
        tell(&resumed, &metrics);
        let (limit, stopping) = (outlet.budget.limit() / SHARE, outlet.stopping.clone());
        let reader = Reader::new(rules, resumed, Arc::clone(&metrics));
        // As many as batches are held.
        let (answer, answers) = channel::channel();
        let sender = Sender::new(outlet, Arc::clone(&metrics), answer, runtime, has_spool);
        let now = Instant::now();
        let (held, told) = (HashMap::new(), String::new());
        Self {
            reader,
            checkpoint,
            sender,
            stopping,
            metrics,
            saved,
            held,
            limit,
            answers,
            next_look: now,
            next_save: now,
            told,
        }
    }

    fn run(mut self) {
        while !*self.stopping.borrow() {
            while let Ok(answer) = self.answers.try_recv() {
                self.answered(&answer);
            }
            let now = Instant::now();
            self.look(now);
            // Before the first batch, what it stands on is written down.
            self.save(now);
            let is_idle = self.is_full() || !self.read(now);
            if is_idle && let Ok(answer) = self.answers.recv_timeout(IDLE) {
                self.answered(&answer);
            }
        }
        // Whoever has a batch stops trying, so this ends.
        while !self.held.is_empty()
            && let Ok(answer) = self.answers.recv()
        {
            self.answered(&answer);
        }
        self.next_save = Instant::now();
        self.save(self.next_save);
    }

    fn is_full(&self) -> bool {
        self.held.values().map(|(bytes, _)| bytes).sum::<usize>() >= self.limit
    }

    fn look(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_EVERY;
        let reason = match self.reader.look(now) {
            Ok(0) => String::new(),
            Ok(unread) => format!("{unread} folders of pods or containers cannot be read"),
            Err(error) => format!("{:#}", anyhow::Error::new(error)),
        };
        if !reason.is_empty() && reason != self.told {
            tracing::warn!(error = reason, "cannot look for container logs; trying again");
        }
        self.told = reason;
    }

    /// Goes out whether anything was read.
    fn read(&mut self, now: Instant) -> bool {
        let observed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let (sealed, is_any) = self.reader.read(now, observed);
        for sealed in sealed {
            self.held.insert(sealed.number, (sealed.body.len(), sealed.records));
            self.sender.send(sealed);
        }
        self.tell_held();
        is_any
    }

    fn answered(&mut self, (number, outcome): &(u64, Outcome)) {
        let Some((_, records)) = self.held.remove(number) else { return };
        self.tell_held();
        self.metrics.answered(outcome, records);
        match outcome {
            Outcome::Retry { .. } => return,
            Outcome::Delivered { .. } => {}
            Outcome::Reject(reason) => tracing::warn!(records, %reason, "log records are refused for good"),
            Outcome::TooLarge => tracing::warn!(records, "log records are refused: too large for the gateway"),
        }
        self.reader.answered(*number);
    }

    fn tell_held(&self) {
        self.metrics.held(self.held.len(), self.held.values().map(|(bytes, _)| bytes).sum());
    }

    fn save(&mut self, now: Instant) {
        if now < self.next_save || !self.reader.is_moved || !self.reader.has_looked() {
            return;
        }
        let positions = self.reader.positions();
        let batch = positions.batch;
        let saved = self.checkpoint.save(positions);
        self.next_save = Instant::now() + SAVE_EVERY.max(now.elapsed() * SAVE_PART);
        self.metrics.checkpoint(saved.is_ok());
        if saved.is_ok() {
            self.saved.upto(batch);
        }
        if let Err(error) = saved {
            // Tried again at the next change; what was written last is still there.
            self.reader.is_moved = true;
            tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "cannot keep positions");
            self.next_save = now + LOOK_EVERY * 10;
        }
    }
}

fn tell(resumed: &resume::Resumed, metrics: &Metrics) {
    metrics.resumed(resumed.taken, resumed.repeated);
    if resumed.repeated > 0 {
        let batches = resumed.repeated;
        tracing::warn!(batches, "what the spool has of log files has a gap; lines behind it are read and sent again");
    }
}
