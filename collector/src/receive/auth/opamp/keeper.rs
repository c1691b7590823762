//! The last answer on its way to the disk, which may be slow, full or gone.
//!
//! Comes in: what counts now. Goes out: whether the disk has it. What could not be written is written with the next call:
//! a key that was removed must not come back with a restart. Must not wait without a bound, nor write twice at once.

use std::{fmt, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::kept::{Answer, Kept, KeptError};

/// A disk that takes longer holds up no question to the server; it is looked after again with the next one.
const WITHIN: Duration = Duration::from_secs(2);

/// None where no answer counts any more.
type Wanted = Option<Answer>;
type Write = dyn Fn(&Wanted) -> Result<(), KeptError> + Send + Sync;

/// What the disk has, and what it is to have.
pub(super) struct Keeper {
    write: Arc<Write>,
    within: Duration,
    /// What the disk does not have for certain.
    unsaved: Option<Wanted>,
    /// Only while something is unsaved.
    writing: Option<(Wanted, JoinHandle<Result<(), KeptError>>)>,
}

/// Why the disk does not have it yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    #[error("it could not be written")]
    Write(#[source] KeptError),
    #[error("the disk takes longer than {0:?}")]
    Slow(Duration),
    #[error("writing it broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("unsaved", &self.unsaved.is_some()).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn of(kept: Kept) -> Self {
        Self {
            write: Arc::new(move |wanted| kept.replace(wanted.as_ref())),
            within: WITHIN,
            unsaved: None,
            writing: None,
        }
    }

    /// From now on the disk is to have this.
    pub(super) fn want(&mut self, wanted: Option<Answer>) {
        self.unsaved = Some(wanted);
    }

    /// Brings the disk up to date, or goes on with it.
    pub(super) async fn settle(&mut self) -> Result<(), KeeperError> {
        // Twice at most: what was under way from before, and what is wanted since.
        while let Some(wanted) = self.unsaved.clone() {
            let (written, task) = self.writing.get_or_insert_with(|| {
                let (write, content) = (Arc::clone(&self.write), wanted.clone());
                (wanted.clone(), tokio::task::spawn_blocking(move || write(&content)))
            });
            let is_newest = *written == wanted;
            let done = tokio::time::timeout(self.within, task).await.map_err(|_| KeeperError::Slow(self.within))?;
            self.writing = None;
            match done {
                Ok(Ok(())) if is_newest => self.unsaved = None,
                // An older one is of no interest any more.
                _ if !is_newest => {}
                Ok(Err(error)) => return Err(KeeperError::Write(error)),
                Err(error) => return Err(KeeperError::BrokeOff(error)),
                Ok(Ok(())) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::receive::auth::opamp::admission::Admission;

    fn answer(hash: u8) -> Wanted {
        Some(Answer { hash: vec![hash], admission: Admission::Everybody })
    }

    /// A keeper whose disk takes a write for each word that is sent to it, and what it has then.
    fn keeper() -> (Keeper, mpsc::Sender<()>, Arc<Mutex<Vec<Wanted>>>) {
        let (go, gone) = mpsc::channel();
        let (gone, disk) = (Mutex::new(gone), Arc::new(Mutex::new(Vec::new())));
        let written = Arc::clone(&disk);
        let write = move |wanted: &Wanted| {
            let _ = gone.lock().unwrap().recv();
            written.lock().unwrap().push(wanted.clone());
            Ok(())
        };
        let within = Duration::from_millis(20);
        (Keeper { write: Arc::new(write), within, unsaved: None, writing: None }, go, disk)
    }

    #[tokio::test]
    async fn a_disk_that_hangs_is_waited_for_within_a_bound_and_gets_one_write_at_a_time_and_the_newest_last() {
        let (mut keeper, go, disk) = keeper();
        for hash in 1..=5 {
            keeper.want(answer(hash));
            assert!(matches!(keeper.settle().await, Err(KeeperError::Slow(_))));
        }
        keeper.want(None);
        // A second write at once would take a word as well, and the disk would have more than two contents.
        for () in [(), (), ()] {
            go.send(()).unwrap();
        }
        keeper.within = Duration::from_secs(30);
        keeper.settle().await.unwrap();
        assert_eq!(*disk.lock().unwrap(), [answer(1), None]);
        keeper.settle().await.unwrap();
        assert_eq!(disk.lock().unwrap().len(), 2, "nothing is left to write");
    }
}
