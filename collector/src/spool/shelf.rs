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

/// Blocks of the shelf with the inserter: as many as one table may have there.
const IN_HAND: usize = 4;

/// Blocks at most: each is a file, and a name in memory.
const BLOCKS: usize = 10_000;

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
    /// All that are here: waiting, in hand, or set aside.
    known: BTreeSet<Name>,
    in_hand: usize,
    /// What is done beside: fewer than in hand.
    tasks: JoinSet<Done>,
    notices: UnboundedSender<Notice>,
}

/// How a task has ended.
enum Done {
    /// The inserter has it.
    Sent,
    Damaged(Name, io::Error),
    /// Its pause is over.
    Again(Name),
    /// It is not here any more.
    Away(Name),
}

impl Shelf {
    /// Runs until no block can come any more and every one that came is stored, or the inserter is gone.
    pub async fn run(self, mut handovers: mpsc::Receiver<Handover>) {
        let shelf = Arc::new(self);
        let (notices, mut noticed) = unbounded_channel();
        let found = shelf.with_folder(Folder::names).await;
        let waiting = found.inspect_err(|error| tracing::error!(%error, "blocks of siblings cannot be read"));
        let waiting = waiting.unwrap_or_default();
        let known = waiting.iter().copied().collect();
        let mut work = Work { shelf, waiting: waiting.into(), known, in_hand: 0, tasks: JoinSet::new(), notices };
        let mut is_closed = false;
        while !(work.shelf.blocks.is_closed() || is_closed && work.is_done()) {
            work.begin();
            tokio::select! {
                handover = handovers.recv(), if !is_closed => match handover {
                    Some(handover) => work.take(handover).await,
                    None => is_closed = true,
                },
                Some(notice) = noticed.recv() => work.note(notice),
                Some(done) = work.tasks.join_next() => work.done(done.unwrap_or(Done::Sent)),
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
        self.waiting.is_empty() && self.in_hand == 0
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
        if self.known.contains(&name) {
            // Its answer was lost on the way.
            return Outcome::Delivered { rejected: 0 };
        }
        if self.known.len() >= BLOCKS {
            return Outcome::retry();
        }
        match self.shelf.with_folder(move |folder| folder.put(name, &body)).await {
            Ok(true) => {
                self.known.insert(name);
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
        while self.in_hand < IN_HAND
            && let Some(name) = self.waiting.pop_front()
        {
            self.in_hand += 1;
            let (shelf, notices) = (Arc::clone(&self.shelf), self.notices.clone());
            self.tasks.spawn(async move { send(&shelf, name, notices).await });
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Sent => {}
            // It stays for a person to look at. Should its sibling still have it, that one is taken in its place.
            Done::Damaged(name, error) => {
                tracing::error!(%error, block = name.token(), "a block of a sibling is damaged; it stays");
                self.shelf.metrics.damaged();
                self.known.remove(&name);
                self.in_hand -= 1;
            }
            Done::Again(name) => {
                self.in_hand -= 1;
                self.waiting.push_back(name);
            }
            Done::Away(name) => {
                self.known.remove(&name);
                self.in_hand -= 1;
            }
        }
    }

    /// A block keeps its place until it is away, and while it waits to be tried again.
    fn note(&mut self, notice: Notice) {
        // No other notice is made of these blocks' receipts.
        let Notice::Block(making, fate) = notice else { return };
        let (name, table, shelf) = (making.name, making.table.name(), Arc::clone(&self.shelf));
        self.tasks.spawn(async move {
            match fate {
                Fate::Again => again(name).await,
                Fate::Stored => put_away(&shelf, name, move |folder| folder.remove(name)).await,
                Fate::Refused(code) => {
                    tracing::error!(table, code, "a block of a sibling can never be stored: it becomes a dead letter");
                    let reason = format!("ClickHouse refuses it with code {code}");
                    put_away(&shelf, name, move |folder| folder.bury(name, table, &reason)).await
                }
            }
        });
    }
}

async fn again(name: Name) -> Done {
    sleep(PAUSE).await;
    Done::Again(name)
}

/// Until it is done. What ClickHouse has is not inserted once more: a disk may fail for longer than ClickHouse remembers
/// a name.
async fn put_away<F>(shelf: &Arc<Shelf>, name: Name, how: F) -> Done
where
    F: Fn(&Folder) -> io::Result<()> + Clone + Send + 'static,
{
    loop {
        match shelf.with_folder(how.clone()).await {
            Ok(()) => return Done::Away(name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Done::Away(name),
            Err(error) => tracing::error!(%error, "a block of a sibling cannot be put away; it is tried again"),
        }
        sleep(PAUSE).await;
    }
}

/// Reads a block and hands it to the inserter, whose word comes through the receipt.
async fn send(shelf: &Arc<Shelf>, name: Name, notices: UnboundedSender<Notice>) -> Done {
    let body = match shelf.with_folder(move |folder| folder.read(name)).await {
        Ok(body) => body,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Done::Damaged(name, error),
        Err(error) => {
            tracing::error!(%error, block = name.token(), "a block of a sibling cannot be read; it is tried again");
            return again(name).await;
        }
    };
    let (heading, making, frames) = match handover::open(&body) {
        Ok(opened) => opened,
        Err(error) => return Done::Damaged(name, io::Error::other(error)),
    };
    let room = shelf.room.wait(frames.len()).await;
    let block = handover::block(&heading, frames, Receipt::new(making, notices));
    let _ = shelf.blocks.send(Block { room, ..block }).await;
    Done::Sent
}

#[cfg(test)]
mod tests;
