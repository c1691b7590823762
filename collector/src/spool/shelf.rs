//! Blocks of siblings that had to end, on the disk until they are stored.
//!
//! Comes in: handovers. Goes out: the same blocks, to the inserter, under the names they came with; and to a sibling
//! the word that its block is on this disk. A block is a file, so it outlives this process as the spool does. Must not
//! make anything of a block, and must not hold more than its limit: who finds no room asks another gateway.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::sleep,
};

use crate::{
    ack::Outcome,
    budget::Budget,
    handover::{self, Handover},
    making::{Fate, Name, Notice, Receipt},
    metrics::ShelfMetrics,
    table::Block,
};

mod folder;

pub use folder::Folder;

/// Blocks of the shelf with the inserter: one to store while the next is read.
const IN_HAND: usize = 2;

/// Before a block that could not be stored is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the stage needs.
#[derive(Debug)]
pub struct Shelf {
    pub folder: Folder,
    /// To the inserter.
    pub blocks: mpsc::Sender<Block>,
    /// Memory for blocks that nobody waits for.
    pub room: Budget,
    pub metrics: Arc<ShelfMetrics>,
}

/// What is to be stored.
struct Work {
    shelf: Arc<Shelf>,
    waiting: VecDeque<Name>,
    in_hand: BTreeSet<Name>,
    /// Blocks on their way to the inserter: fewer than in hand. Each ends with what is wrong with it.
    reads: JoinSet<Option<(Name, io::Error)>>,
    notices: UnboundedSender<Notice>,
}

impl Shelf {
    /// Runs until no block can come any more and every one that came is stored, or the inserter is gone.
    pub async fn run(self, mut handovers: mpsc::Receiver<Handover>) {
        let shelf = Arc::new(self);
        let (notices, mut noticed) = unbounded_channel();
        let found = shelf.with_folder(Folder::names).await;
        let waiting = found.inspect_err(|error| tracing::error!(%error, "blocks of siblings cannot be read"));
        let waiting = waiting.unwrap_or_default().into();
        let mut work = Work { shelf, waiting, in_hand: BTreeSet::new(), reads: JoinSet::new(), notices };
        let mut is_closed = false;
        while !(work.shelf.blocks.is_closed() || is_closed && work.is_done()) {
            work.begin();
            tokio::select! {
                handover = handovers.recv(), if !is_closed => match handover {
                    Some(handover) => work.take(handover).await,
                    None => is_closed = true,
                },
                Some(notice) = noticed.recv() => work.note(notice).await,
                Some(Ok(Some((name, error)))) = work.reads.join_next() => work.give_up(name, &error),
                () = work.shelf.blocks.closed() => {}
            }
        }
    }

    /// What touches the disk does so beside the threads that serve sockets.
    async fn with_folder<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let shelf = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&shelf.folder);
            shelf.metrics.holds(shelf.folder.held());
            result
        });
        done.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
    }
}

impl Work {
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.in_hand.is_empty()
    }

    async fn take(&mut self, Handover { body, ack }: Handover) {
        let outcome = self.keep(body).await;
        self.shelf.metrics.came(&outcome);
        ack.settle(outcome);
    }

    async fn keep(&mut self, body: Bytes) -> Outcome {
        let name = match handover::open(&body) {
            Ok((_, making, _)) => making.name,
            Err(error) => return Outcome::Reject(format!("not a block of a gateway: {error}").into()),
        };
        if self.in_hand.contains(&name) || self.waiting.contains(&name) {
            // Its answer was lost on the way.
            return Outcome::Delivered { rejected: 0 };
        }
        match self.shelf.with_folder(move |folder| folder.put(name, &body)).await {
            Ok(true) => {
                self.waiting.push_back(name);
                Outcome::Delivered { rejected: 0 }
            }
            Ok(false) => Outcome::retry(),
            Err(error) => {
                tracing::error!(%error, "a block of a sibling cannot be written");
                Outcome::retry()
            }
        }
    }

    /// As many as may be, to the inserter.
    fn begin(&mut self) {
        while self.in_hand.len() < IN_HAND
            && let Some(name) = self.waiting.pop_front()
        {
            self.in_hand.insert(name);
            let (shelf, notices) = (Arc::clone(&self.shelf), self.notices.clone());
            self.reads.spawn(async move { send(&shelf, name, notices).await.err().map(|error| (name, error)) });
        }
    }

    /// A file that is no block any more stays for a person to look at, and the next process to try.
    fn give_up(&mut self, name: Name, error: &io::Error) {
        tracing::error!(%error, block = name.token(), "a block of a sibling cannot be read; it stays");
        self.shelf.metrics.damaged();
        self.in_hand.remove(&name);
    }

    async fn note(&mut self, notice: Notice) {
        // No other notice is made of these blocks' receipts.
        let Notice::Block(making, fate) = notice else { return };
        let name = making.name;
        self.in_hand.remove(&name);
        let done = match fate {
            Fate::Again => {
                self.waiting.push_back(name);
                return sleep(PAUSE).await;
            }
            Fate::Stored => self.shelf.with_folder(move |folder| folder.remove(name)).await,
            Fate::Refused(code) => {
                let table = making.table.name();
                tracing::error!(table, code, "a block of a sibling can never be stored and is a dead letter now");
                let reason = format!("ClickHouse refuses it with code {code}");
                self.shelf.with_folder(move |folder| folder.bury(name, table, reason)).await
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "a block of a sibling cannot be put away, it is inserted again under its name");
            self.waiting.push_back(name);
            sleep(PAUSE).await;
        }
    }
}

/// Reads a block and hands it to the inserter, whose word comes through the receipt.
async fn send(shelf: &Arc<Shelf>, name: Name, notices: UnboundedSender<Notice>) -> io::Result<()> {
    let body = shelf.with_folder(move |folder| folder.read(name)).await?;
    let (heading, making, frames) = handover::open(&body).map_err(io::Error::other)?;
    let room = shelf.room.wait(frames.len()).await;
    let block = handover::block(&heading, frames, Receipt::new(making, notices));
    let _ = shelf.blocks.send(Block { room, ..block }).await;
    Ok(())
}

#[cfg(test)]
mod tests;
