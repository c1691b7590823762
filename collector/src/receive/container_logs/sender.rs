//! Batches on their way to whoever answers for them.
//!
//! Comes in: sealed batches. Goes out: the outcome of each, by its number. Where a spool keeps positions with them they go
//! in the order of their numbers, and what is to be sent again goes before anything newer; else each goes its own way.
//! Must not hold more than it is given: whoever reads bounds that.

use std::{sync::Arc, sync::mpsc as channel, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Handle, sync::mpsc};

use super::{super::deliver::Outlet, Metrics, reader::Sealed};
use crate::{ack::Outcome, budget::Permit, delivery::Transport, positions::Positions, signal::Signal};

/// Batches sent together and waited for: as much as the spool takes into one commit.
const GROUP: usize = 4;

/// Before batches are sent again, whatever the answers say.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Where answers go: the number of a batch, and what became of it.
pub(super) type Answers = channel::Sender<(u64, Outcome)>;

#[derive(Debug)]
pub(super) struct Sender {
    outlet: Outlet,
    metrics: Arc<Metrics>,
    answers: Answers,
    runtime: Handle,
    /// To the task that keeps the order. Bounded by whoever reads: it counts what is not answered for.
    in_order: Option<mpsc::UnboundedSender<Sealed>>,
}

impl Sender {
    pub(super) fn new(
        outlet: Outlet,
        metrics: Arc<Metrics>,
        answers: Answers,
        runtime: Handle,
        is_in_order: bool,
    ) -> Self {
        let in_order = is_in_order.then(|| {
            let (batches, waiting) = mpsc::unbounded_channel();
            let (outlet, metrics, answers) = (outlet.clone(), Arc::clone(&metrics), answers.clone());
            runtime.spawn(InOrder { outlet, metrics, answers, waiting, group: Vec::new() }.run());
            batches
        });
        Self { outlet, metrics, answers, runtime, in_order }
    }

    pub(super) fn send(&self, sealed: Sealed) {
        if let Some(in_order) = &self.in_order {
            // It ends after this.
            let _ = in_order.send(sealed);
            return;
        }
        let (outlet, answers, metrics) = (self.outlet.clone(), self.answers.clone(), Arc::clone(&self.metrics));
        self.runtime.spawn(async move {
            let body = Bytes::from(sealed.body);
            let outcome = outlet.deliver(Signal::Logs, Transport::File, body, || metrics.repeated()).await;
            let _ = answers.send((sealed.number, outcome));
        });
    }
}

/// The task that keeps the order.
struct InOrder {
    outlet: Outlet,
    metrics: Arc<Metrics>,
    answers: Answers,
    waiting: mpsc::UnboundedReceiver<Sealed>,
    /// Sent, or to be sent again.
    group: Vec<Batch>,
}

struct Batch {
    number: u64,
    body: Bytes,
    positions: Option<Positions>,
    /// Held over all tries: the bytes are here in between too.
    permit: Option<Permit>,
}

impl InOrder {
    async fn run(mut self) {
        while self.fill().await {
            let Some(pause) = self.send().await else { continue };
            let is_stopping = tokio::select! {
                () = tokio::time::sleep(pause.max(SHORTEST_PAUSE)) => false,
                _ = self.outlet.stopping.wait_for(|is_stopping| *is_stopping) => true,
            };
            if is_stopping {
                self.give_up();
            } else {
                // What has no permit has not been sent yet.
                let sent = self.group.iter().filter(|batch| batch.permit.is_some());
                sent.for_each(|_| self.metrics.repeated());
            }
        }
    }

    /// False: nothing will come any more.
    async fn fill(&mut self) -> bool {
        if self.group.is_empty() {
            let Some(sealed) = self.waiting.recv().await else { return false };
            self.group.push(sealed.into());
        }
        while self.group.len() < GROUP
            && let Ok(sealed) = self.waiting.try_recv()
        {
            self.group.push(sealed.into());
        }
        true
    }

    /// Sends the group and waits for all of its answers. Goes out how long what is left of it has to wait.
    async fn send(&mut self) -> Option<Duration> {
        let mut asked = Vec::with_capacity(self.group.len());
        for batch in &mut self.group {
            if batch.permit.is_none() {
                // Only the first waits: it holds nothing that others could be waiting for.
                batch.permit = if asked.is_empty() {
                    tokio::select! {
                        permit = self.outlet.budget.wait(batch.body.len()) => permit,
                        _ = self.outlet.stopping.wait_for(|is_stopping| *is_stopping) => None,
                    }
                } else {
                    self.outlet.budget.admit(batch.body.len())
                };
            }
            if batch.permit.is_none() {
                break;
            }
            let (body, positions) = (batch.body.clone(), batch.positions.clone());
            asked.push(self.outlet.ask(Signal::Logs, Transport::File, body, positions).await);
        }
        let not_asked = self.group.split_off(asked.len());
        // At a stop that is one pause more, in which it is seen.
        let mut pause = asked.is_empty().then_some(Duration::ZERO);
        for (batch, answer) in std::mem::take(&mut self.group).into_iter().zip(asked) {
            match answer.outcome().await {
                Outcome::Retry { after } => {
                    pause = pause.max(Some(after));
                    self.group.push(batch);
                }
                outcome => drop(self.answers.send((batch.number, outcome))),
            }
        }
        self.group.extend(not_asked);
        pause
    }

    /// What is not kept by now is read again by the next process.
    fn give_up(&mut self) {
        for batch in self.group.drain(..) {
            let _ = self.answers.send((batch.number, Outcome::retry()));
        }
    }
}

impl From<Sealed> for Batch {
    fn from(sealed: Sealed) -> Self {
        let Sealed { number, body, places, .. } = sealed;
        let positions = places.map(|places| Positions { batch: number, places: places.into() });
        Self { number, body: body.into(), positions, permit: None }
    }
}
