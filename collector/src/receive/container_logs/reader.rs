//! All logs of a node, read in turn.
//!
//! Comes in: looks at the folder, answers, and the time. Goes out: batches to be sent, and positions to be kept. What is
//! sent and not answered is bounded by whoever calls: without a call nothing is read, and files wait on the disk. Must
//! not send, wait or log per line.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use super::{
    batch::Batch,
    checkpoint::{Entry, Saved},
    discover::{self, Found, Looked, Wanted},
    log::Log,
    metrics::Metrics,
    resume::{self, Resumed},
    source,
    tail::Tail,
};
use crate::cluster::Pods;

/// A batch is sent when it is so large. Large enough that its costs are those of its lines, small enough that a gateway
/// that is away does not hold much.
const BATCH: usize = 1 << 20;

/// Logs in a batch: what is said of its positions is bounded with them.
const LOGS: usize = 1024;

/// Files held open. More are opened for each chunk and closed again; a process has at least 1,024.
const OPEN_FILES: usize = 512;

/// What is read, and how.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) folder: PathBuf,
    pub(super) wanted: Wanted,
    /// Whether logs that are there when an agent runs on a node for the first time are read at all.
    pub(super) is_from_beginning: bool,
    /// Bytes of a text.
    pub(super) limit: usize,
    /// What every resource has.
    pub(super) node: Option<String>,
    pub(super) cluster: Option<String>,
    /// Where to ask what is known of a pod.
    pub(super) pods: Option<Pods>,
    /// Whether batches say where their files stand behind them.
    pub(super) tells_places: bool,
}

/// The folder of a container below the folder of all pods, and how often it had been restarted.
type Key = (String, u32);

#[derive(Debug)]
pub(super) struct Reader {
    rules: Rules,
    metrics: Arc<Metrics>,
    logs: BTreeMap<Key, Log>,
    numbers: u64,
    batches: u64,
    open: Open,
    /// Logs with records in batches that are not answered for.
    unanswered: BTreeMap<u64, Vec<Key>>,
    /// Positions of an earlier process, until the first look has used them.
    earlier: Vec<Entry>,
    /// There was no earlier process, and nobody has looked yet.
    is_first: bool,
    has_looked: bool,
    /// Positions have moved since they were last asked for.
    pub(super) is_moved: bool,
    buffer: Vec<u8>,
}

/// The batch that is being filled.
#[derive(Debug, Default)]
struct Open {
    batch: Batch,
    logs: BTreeSet<Key>,
}

/// A batch to be sent.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    pub(super) body: Vec<u8>,
    pub(super) records: u64,
    /// Where its files stand behind it, if that is asked for.
    pub(super) places: Option<Vec<u8>>,
}

impl Reader {
    /// Goes on where earlier processes have come to.
    pub(super) fn new(rules: Rules, resumed: Resumed, metrics: Arc<Metrics>) -> Self {
        Self {
            rules,
            metrics,
            logs: BTreeMap::new(),
            numbers: 0,
            batches: resumed.batch,
            open: Open::default(),
            unanswered: BTreeMap::new(),
            earlier: resumed.files,
            is_first: resumed.is_first,
            has_looked: false,
            // What was put together is written down as one.
            is_moved: true,
            buffer: Vec::new(),
        }
    }

    /// Looks what files there are.
    ///
    /// Goes out how many folders could not be read.
    ///
    /// # Errors
    /// The folder of all pods cannot be read; what is known stays known.
    pub(super) fn look(&mut self, now: Instant) -> std::io::Result<usize> {
        let Looked { found, unread } = discover::files(&self.rules.folder, &self.rules.wanted)?;
        let mut by_log: BTreeMap<Key, Vec<Found>> = self.logs.keys().map(|key| (key.clone(), Vec::new())).collect();
        for found in found {
            by_log.entry((found.origin.folder(), found.part.restart)).or_default().push(found);
        }
        for (key, found) in by_log {
            // What cannot be looked into stays as it was: its files are not gone.
            if !unread.iter().any(|folder| is_within(&key.0, folder)) {
                self.update(key, found, now);
            }
        }
        let tracked: usize = self.logs.values().map(|log| log.tails.len()).sum();
        let behind = self.logs.values().flat_map(|log| &log.tails).map(Tail::behind).sum();
        self.metrics.looked(tracked, self.open_files(), behind);
        self.metrics.unread(unread.len());
        if self.has_looked {
            self.earlier.retain(|entry| unread.iter().any(|folder| is_within(&entry.folder, folder)));
        }
        (self.has_looked, self.is_first) = (true, false);
        Ok(unread.len())
    }

    fn update(&mut self, key: Key, found: Vec<Found>, now: Instant) {
        let (rules, origin) = (&self.rules, found.first().map(|found| found.origin.clone()));
        if let (false, Some(origin)) = (self.logs.contains_key(&key), origin) {
            self.logs.insert(key.clone(), Log::new(origin, key.1, rules.limit, now));
        }
        let Some(mut log) = self.logs.remove(&key) else { return };
        log.resource.update(&self.rules);
        let last = found.iter().map(|found| found.part.order()).max().map(|(is_live, time)| (is_live, time.to_owned()));
        for found in log.update(found) {
            let is_last = last.as_ref().is_some_and(|(is_live, time)| found.part.order() == (*is_live, time.as_str()));
            let tail = self.begin(found, is_last);
            log.add(tail);
        }
        let lost = log.forget();
        if lost > 0 {
            tracing::warn!(pod = log.origin.pod, bytes = lost, "a log was deleted before it was read");
            self.metrics.lost(lost);
        }
        if !log.is_empty() {
            self.logs.insert(key, log);
        }
    }

    /// Where to begin with a file that was not known.
    fn begin(&mut self, found: Found, is_last: bool) -> Tail {
        self.numbers += 1;
        let entry = claim(&mut self.earlier, &found);
        let is_quiet = found.is_quiet;
        let has_room = self.open_files() < OPEN_FILES;
        let mut tail = Tail::new(self.numbers, found);
        match entry {
            Some(entry) => tail.resume(&entry),
            None if self.is_first && !self.rules.is_from_beginning => tail.skip_to_end(),
            None => {}
        }
        tail.settle(!is_last && is_quiet);
        if has_room {
            tail.hold();
        }
        self.is_moved = true;
        tail
    }

    /// Reads a chunk of every log that has one. Goes out what is to be sent, and whether anything was read: of a chunk
    /// that is read again nothing is sent, nor of one within a text.
    pub(super) fn read(&mut self, now: Instant, observed: u64) -> (Vec<Sealed>, bool) {
        let mut sealed = Vec::new();
        let mut is_any = false;
        let mut open_files = self.open_files();
        let keys: Vec<Key> = self.logs.keys().cloned().collect();
        for key in keys {
            let Some(log) = self.logs.get_mut(&key) else { continue };
            if !log.is_due(now) || log.resource.is_waiting(now) {
                continue;
            }
            let before = self.open.batch.records;
            self.open.batch.begin(log.resource.encoded());
            let read = log.read(&mut self.open.batch, &mut self.buffer, now, observed);
            self.open.batch.end();
            if self.open.batch.records == before {
                self.open.batch.take_back();
            }
            if open_files >= OPEN_FILES {
                log.tails.iter_mut().for_each(Tail::close);
            }
            open_files += usize::from(read.bytes > 0);
            self.metrics.read(&read);
            if read.bytes > 0 || read.records > 0 {
                is_any = true;
                self.open.logs.insert(key);
            }
            if self.open.batch.size() >= BATCH || self.open.logs.len() >= LOGS {
                sealed.extend(self.seal());
            }
        }
        // Nothing more to wait for: what is there goes.
        if !is_any || sealed.is_empty() {
            sealed.extend(self.seal());
        }
        (sealed, is_any)
    }

    /// Closes the open batch. Text without a record moves positions with the next batch that has one.
    fn seal(&mut self) -> Option<Sealed> {
        if self.open.batch.records == 0 {
            return None;
        }
        self.batches += 1;
        let number = self.batches;
        let Open { batch, logs } = std::mem::take(&mut self.open);
        let mut places = Vec::new();
        for key in &logs {
            if let Some(log) = self.logs.get_mut(key) {
                log.mark(number);
                if self.rules.tells_places {
                    places.extend(log.places(&key.0));
                }
            }
        }
        let places = self.rules.tells_places.then(|| resume::places(&places));
        self.unanswered.insert(number, logs.into_iter().collect());
        let records = batch.records;
        Some(Sealed { number, body: batch.finish(), records, places })
    }

    /// A batch needs not be sent again.
    pub(super) fn answered(&mut self, number: u64) {
        for key in self.unanswered.remove(&number).unwrap_or_default() {
            if let Some(log) = self.logs.get_mut(&key) {
                log.answered(number);
            }
        }
        self.is_moved = true;
    }

    /// Up to where every file is answered for, and up to which batch that tells everything.
    pub(super) fn positions(&mut self) -> Saved {
        self.is_moved = false;
        let batch = self.unanswered.first_key_value().map_or(self.batches, |(first, _)| first - 1);
        let entries = self.logs.iter().flat_map(|((folder, _), log)| log.tails.iter().map(move |tail| (folder, tail)));
        // What the first look has not found may be there at the next.
        let files = entries.map(|(folder, tail)| tail.entry(folder)).chain(self.earlier.iter().cloned()).collect();
        Saved { batch, files }
    }

    /// Whether positions mean all files: before the first look they would forget those of the process before.
    pub(super) const fn has_looked(&self) -> bool {
        self.has_looked
    }

    fn open_files(&self) -> usize {
        self.logs.values().flat_map(|log| &log.tails).filter(|tail| tail.is_open()).count()
    }
}

/// Whether a container's folder is this folder or in it.
fn is_within(container: &str, folder: &str) -> bool {
    container.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The position of an earlier process for this file: of the same inode, or else of one that began the same and is what
/// this was compressed from. An inode alone may be that of another file by now, and a compressed file may have no text to
/// tell it by: then its name does.
fn claim(entries: &mut Vec<Entry>, found: &Found) -> Option<Entry> {
    if entries.is_empty() {
        return None;
    }
    let folder = found.origin.folder();
    let begin = source::begin(found).unwrap_or_default();
    let is_known = |entry: &Entry| {
        !found.part.is_compressed || entry.fingerprint.is_telling() || found.path.ends_with(&entry.file)
    };
    let is_inode =
        |entry: &Entry| (entry.device, entry.inode) == (found.identity.device, found.identity.inode) && is_known(entry);
    let is_source = |entry: &Entry| entry.fingerprint.is_telling() && found.part.is_compressed;
    let means = |entry: &Entry| {
        (is_inode(entry) || is_source(entry)) && entry.folder == folder && entry.fingerprint.fits(&begin)
    };
    // Where several mean this text, the one that says most: it may have been compressed in between.
    let meaning = entries.iter().enumerate().filter(|(_, entry)| means(entry));
    let last = meaning.max_by_key(|(_, entry)| entry.reach()).map(|(index, _)| index);
    last.map(|index| entries.swap_remove(index))
}

#[cfg(test)]
mod tests;
