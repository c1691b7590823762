//! The log on a disk that loses, tears and fails: what was promised is found, and nothing that was taken back.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{
    disk::DiskFile,
    feed::stream_of,
    frame::{Entry, Kept},
    log::{Log, Segments},
    trail::Trail,
    window::Window,
    *,
};
use crate::{
    ack::{Ack, Outcome},
    delivery::{Checked, Next, Source, Transport},
    id::{Id, Keeper},
    making::Seq,
    positions::Positions,
    signal::Signal,
};

mod fragile;

use fragile::{Fragile, FragileFile};

/// Small, so that a short story fills several; the largest delivery is larger.
const SEGMENT: u64 = 16 << 10;

/// One step of a process's life.
#[derive(Clone, Debug)]
enum Step {
    /// Deliveries of these sizes in one commit, with these other entries.
    Commit(Vec<usize>, Vec<Other>),
    /// Everything up to this part of the deliveries, in 256ths, is done.
    Release(u8),
    /// A checkpoint has the positions of so many more batches.
    Save(u64),
    /// The disk fails once, so many operations later.
    Fail(usize),
    /// The power goes away so many operations later, within a commit or after it; the bits say what is lost.
    Crash(usize, Vec<bool>),
    /// The process ends, and the disk keeps everything.
    Restart,
}

#[derive(Clone, Debug)]
enum Other {
    Done(u64),
    Passed(u8),
    Turned(u8, u128),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 0_usize..600, 1 => 3000_usize..9000, 1 => 17_000_usize..30_000];
    let other = prop_oneof![
        (0_u64..50).prop_map(Other::Done),
        any::<u8>().prop_map(Other::Passed),
        any::<(u8, u128)>().prop_map(|(part, to)| Other::Turned(part, to))
    ];
    prop_oneof![
        12 => (prop::collection::vec(size, 0..6), prop::collection::vec(other, 0..3))
            .prop_map(|(sizes, others)| Step::Commit(sizes, others)),
        3 => any::<u8>().prop_map(Step::Release),
        1 => (0_u64..6).prop_map(Step::Save),
        2 => (0_usize..6).prop_map(Step::Fail),
        3 => (0_usize..7, prop::collection::vec(any::<bool>(), 64)).prop_map(|(at, bits)| Step::Crash(at, bits)),
        1 => Just(Step::Restart),
    ]
}

/// A process on the disk, and what it has promised.
struct Story {
    disk: Fragile,
    log: Log<Fragile>,
    segments: Segments<FragileFile>,
    next: Seq,
    /// Deliveries that were promised, from the mark on.
    promised: Vec<Kept>,
    passed: Vec<Seq>,
    /// To whom they were turned last.
    turned: BTreeMap<Seq, Keeper>,
    /// The same of commits that failed: perhaps, until the next commit.
    turned_in_doubt: Vec<(Seq, Keeper)>,
    mark: Seq,
    /// Deliveries of commits that failed: whole or not there, and gone for good after the next commit.
    doubtful: Vec<Kept>,
    own: u128,
    /// Which process kept them.
    streams: BTreeMap<Seq, u128>,
    window: Window,
    names: Names,
    trail: Trail,
    read: Batches,
}

/// Positions that deliveries were given.
#[derive(Default)]
struct Batches {
    /// Also of commits that failed.
    all: Vec<Positions>,
    /// The numbers of those that were promised.
    promised: Vec<u64>,
    saved: u64,
}

impl Batches {
    /// Every second delivery has some.
    fn next(&mut self, seq: Seq) -> Option<Positions> {
        let batch = self.all.len() as u64 + 1;
        let positions = Positions { batch, places: vec![batch as u8; 40].into() };
        seq.is_multiple_of(2).then(|| {
            self.all.push(positions.clone());
            positions
        })
    }
}

/// What deliveries are called by their senders.
#[derive(Default)]
struct Names {
    /// No two deliveries have one name, though they may have had one number here.
    next: u64,
    promised: Vec<Id>,
    /// Of commits that failed.
    failed: Vec<Id>,
}

impl Names {
    /// Every third has none.
    fn next(&mut self) -> Option<Id> {
        self.next += 1;
        let stream = u128::from(self.next % 3);
        (stream > 0).then_some(Id { stream, seq: self.next, floor: 0 })
    }
}

fn kept(seq: Seq, size: usize) -> Kept {
    let body: Vec<u8> = (0..size).map(|at| (at as u64).wrapping_mul(seq + 3) as u8).collect();
    Kept {
        seq,
        signal: Signal::ALL[(seq % 3) as usize],
        transport: Transport::Grpc,
        received: seq,
        id: None,
        to: None,
        positions: None,
        body: body.into(),
    }
}

impl Story {
    fn begin(disk: Fragile) -> (Self, Left) {
        let found = recover(&disk).unwrap();
        let left = found.left;
        let own = left.own.unwrap_or_else(crate::making::random_writer);
        let (begin, next_id) = ((left.mark, left.next_seq), found.next_id);
        let log = Log::new(disk.clone(), u64::MAX, SEGMENT, found.segments, next_id, begin, own).unwrap();
        let segments = log.segments();
        let (next, mark) = (left.next_seq, left.mark);
        let (promised, passed, doubtful) = (Vec::new(), Vec::new(), Vec::new());
        let (streams, window, names) = (BTreeMap::new(), Window::default(), Names::default());
        let (turned, turned_in_doubt) = (BTreeMap::new(), Vec::new());
        let trail = Trail::default();
        let story = Self {
            disk,
            log,
            segments,
            next,
            promised,
            passed,
            turned,
            turned_in_doubt,
            mark,
            doubtful,
            own,
            streams,
            window,
            names,
            trail,
            read: Batches::default(),
        };
        (story, left)
    }

    fn commit(&mut self, sizes: &[usize], others: &[Other]) {
        let mut named = |(size, seq): (&usize, Seq)| {
            let to = seq.is_multiple_of(2).then_some(Keeper(seq.into()));
            Kept { id: self.names.next(), to, positions: self.read.next(seq), ..kept(seq, *size) }
        };
        let deliveries: Vec<_> = sizes.iter().zip(self.next..).map(&mut named).collect();
        let names: Vec<_> = deliveries.iter().filter_map(|kept| kept.id).collect();
        let mut entries: Vec<_> = deliveries.iter().cloned().map(Entry::Kept).collect();
        let waiting = self.next - self.mark;
        entries.extend(others.iter().filter_map(|other| match other {
            Other::Done(block) => Some(Entry::Done(*block)),
            // Only a delivery that was kept is passed.
            Other::Passed(part) => (waiting > 0).then(|| Entry::Passed(self.mark + waiting * u64::from(*part) / 256)),
            Other::Turned(part, to) => {
                (waiting > 0).then(|| Entry::Turned(self.mark + waiting * u64::from(*part) / 256, Keeper(*to)))
            }
        }));
        if entries.is_empty() {
            return;
        }
        if self.log.commit(&entries).is_ok() {
            for entry in &entries {
                match entry {
                    Entry::Passed(seq) => self.passed.push(*seq),
                    Entry::Turned(seq, keeper) => drop(self.turned.insert(*seq, *keeper)),
                    _ => {}
                }
            }
            self.streams.extend(deliveries.iter().map(|kept| (kept.seq, self.log.stream())));
            self.next += deliveries.len() as u64;
            self.promised.extend(deliveries);
            self.doubtful.clear();
            self.turned_in_doubt.clear();
            for id in &names {
                self.window.add(id);
            }
            self.names.promised.extend(names);
            for kept in &self.promised[self.promised.len() - sizes.len()..] {
                if let Some(positions) = &kept.positions {
                    self.read.promised.push(positions.batch);
                    self.trail.add(kept.seq, positions.clone());
                }
            }
        } else {
            self.doubtful.extend(deliveries);
            self.names.failed.extend(names);
            self.turned_in_doubt.extend(entries.iter().filter_map(|entry| match entry {
                Entry::Turned(seq, keeper) => Some((*seq, *keeper)),
                _ => None,
            }));
        }
    }

    fn release(&mut self, part: u8) {
        let mark = self.mark + (self.next - self.mark) * (u64::from(part) + 1) / 256;
        // Whether or not the disk does it, what lies below is no longer asked for.
        if self.log.release(mark, &self.window, &mut self.trail).is_ok() {
            self.doubtful.clear();
            self.turned_in_doubt.clear();
        }
        self.mark = mark;
        self.promised.retain(|kept| kept.seq >= mark);
    }

    /// What a process reads while it lives: what is promised, and no more.
    fn check_reading(&self) {
        let mut reader = Reader::new(self.segments.clone(), self.mark);
        for kept in &self.promised {
            assert_eq!(reader.read().unwrap().as_ref(), Some(kept));
        }
        assert_eq!(reader.read().unwrap(), None);
    }

    /// The next process, on what the disk has kept.
    fn succeed(self, disk: Fragile) -> Self {
        let (mut story, left) = Self::begin(disk);
        assert!(left.mark <= self.mark);
        let mut reader = Reader::new(story.segments.clone(), self.mark);
        let mut found = Vec::new();
        while let Some(kept) = reader.read().unwrap() {
            found.push(kept);
        }
        let promised = self.promised.len();
        assert!(found.len() >= promised, "{} of {promised} are found", found.len());
        assert_eq!(found[..promised], self.promised);
        // The rest is of a commit that failed, whole, and its sender was told nothing.
        for kept in &found[promised..] {
            assert!(self.doubtful.contains(kept), "{} was never handed in, or was taken back", kept.seq);
        }
        for seq in self.passed.iter().filter(|seq| **seq >= left.mark) {
            assert!(left.passed.contains(seq), "{seq} was passed");
        }
        assert!(left.next_seq >= self.next);
        // Not where nothing was ever promised.
        assert!(self.streams.is_empty() || left.own == Some(self.own));
        for (seq, stream) in self.streams.iter().filter(|(seq, _)| **seq >= self.mark) {
            assert_eq!(stream_of(&left.streams, *seq), Some(*stream), "the stream of {seq}");
        }
        for (seq, keeper) in self.turned.range(left.mark..).filter(|(seq, _)| !left.passed.contains(seq)) {
            let turned = left.turned.get(seq);
            let is_in_doubt = || self.turned_in_doubt.iter().any(|(other, to)| other == seq && Some(to) == turned);
            assert!(turned == Some(keeper) || is_in_doubt(), "{seq} was turned to {keeper:?}, not to {turned:?}");
        }
        self.check_names(&left.window, &found);
        self.check_positions(&left.trail);
        (story.promised, story.mark, story.passed) = (found, self.mark, self.passed);
        (story.streams, story.window, story.names) = (self.streams, left.window, self.names);
        (story.turned, story.trail, story.read) = (left.turned, left.trail, self.read);
        story.trail.shared().saved.upto(story.read.saved);
        for kept in &story.promised[promised..] {
            story.read.promised.extend(kept.positions.iter().map(|positions| positions.batch));
            story.names.promised.extend(kept.id);
            story.streams.insert(kept.seq, stream_of(&left.streams, kept.seq).unwrap());
        }
        story
    }

    /// Positions that no checkpoint has are there, whatever became of their segments, and all that are there were given.
    fn check_positions(&self, trail: &Trail) {
        let found = trail.shared().earlier;
        for batch in self.read.promised.iter().filter(|batch| **batch > self.read.saved) {
            assert!(found.iter().any(|positions| positions.batch == *batch), "the positions of batch {batch} are lost");
        }
        assert!(found.iter().all(|positions| self.read.all.contains(positions)));
    }

    /// A name is known exactly when its delivery is kept or was.
    fn check_names(&self, window: &Window, found: &[Kept]) {
        for id in &self.names.promised {
            assert!(window.knows(id), "{id:?} is kept and not known");
        }
        for id in &self.names.failed {
            let is_kept = self.names.promised.contains(id) || found.iter().any(|kept| kept.id == Some(*id));
            assert_eq!(window.knows(id), is_kept, "{id:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_promised_is_found_after_any_crash(steps in prop::collection::vec(step(), 1..40)) {
        let (mut story, _) = Story::begin(Fragile::default());
        for step in steps {
            match step {
                Step::Commit(sizes, others) => story.commit(&sizes, &others),
                Step::Release(part) => story.release(part),
                Step::Save(batches) => {
                    story.read.saved = (story.read.saved + batches).min(story.read.all.len() as u64);
                    story.trail.shared().saved.upto(story.read.saved);
                }
                Step::Fail(operations) => story.disk.fail_in(operations, false),
                Step::Crash(operations, bits) => {
                    story.disk.fail_in(operations, true);
                    story.commit(&[100, 5000, 40], &[Other::Done(1)]);
                    let mut bits = bits.into_iter().cycle();
                    let disk = story.disk.crash(|| bits.next().unwrap());
                    story = story.succeed(disk);
                }
                Step::Restart => {
                    story.disk.heal();
                    let disk = story.disk.crash(|| true);
                    story = story.succeed(disk);
                }
            }
            story.check_reading();
        }
    }
}

#[test]
fn a_number_that_named_a_block_once_never_names_another() {
    let (mut story, _) = Story::begin(Fragile::default());
    story.log.commit(&[Entry::Done(9)]).unwrap();
    assert_eq!(recover(&story.disk).unwrap().left.next_block, 10);
}

#[test]
fn a_segment_whose_header_cannot_be_read_is_kept_aside_and_told() {
    let (mut story, _) = Story::begin(Fragile::default());
    story.commit(&[100], &[]);
    let name = story.disk.names().unwrap().into_iter().find(|name| name.starts_with("segment-")).unwrap();
    story.disk.open(&name).unwrap().write_at(b"XX", 0).unwrap();
    let found = recover(&story.disk).unwrap();
    assert_eq!((found.segments.len(), found.left.damaged), (0, 1));
    assert!(story.disk.names().unwrap().iter().any(|name| name.starts_with("damaged-")));
}

#[test]
fn a_full_spool_keeps_its_reserve_for_what_makes_room() {
    let disk = Fragile::default();
    let found = recover(&disk).unwrap();
    let mut log = Log::new(disk, 4 * SEGMENT, SEGMENT, found.segments, found.next_id, (0, 0), 1).unwrap();
    let mut seq = 0;
    while log.has_room(1000) {
        log.commit(&[Entry::Kept(kept(seq, 1000))]).unwrap();
        seq += 1;
    }
    for block in 0..20 {
        log.commit(&[Entry::Done(block)]).unwrap();
        assert!(!log.has_room(1000), "after {block} entries");
    }
    log.release(seq, &Window::default(), &mut Trail::default()).unwrap();
    assert!(log.has_room(1000));
}

/// A spool with room for everything, before anything is said of it.
fn roomy() -> Options<'static> {
    Options {
        directory: Path::new("/"),
        size: u64::MAX / 2,
        max_age: None,
        check: |_, _| Ok(Checked::default()),
        called: None,
        chooser: None,
    }
}

/// A delivery that is kept and one that is not both wait too long for the line.
#[test]
fn what_was_answered_and_not_read_is_not_passed_over() {
    let (deliveries, delivered) = tokio::sync::mpsc::channel(8);
    let metrics = Arc::new(SpoolMetrics::new(&mut Registry::default(), 0));
    let options = roomy();
    let (mut writer, mut feed) =
        build(Fragile::default(), &options, DeadLetters::of(Path::new("/")), delivered, &metrics).unwrap();
    assert!(matches!(feed.next(Duration::ZERO), Next::Pause), "nothing is there");
    let delivery = |seq: Option<Seq>| {
        let body = kept(seq.unwrap_or(0), 10).body;
        Delivery { kept: seq, ..Delivery::new(Signal::Logs, body, Transport::Grpc, Ack::to_nobody()) }
    };
    writer.log.commit(&[Entry::Kept(kept(0, 10))]).unwrap();
    let late = Instant::now() - 2 * feed::LONGEST_IN_MEMORY;
    {
        let mut state = writer.shared.lock();
        state.head = 1;
        state.waiting.extend([(delivery(None), late), (delivery(Some(0)), late)]);
    }
    writer.spill();
    writer.spill();
    assert!(!writer.shared.lock().is_live);
    writer.log.commit(&[Entry::Kept(kept(1, 10))]).unwrap();
    {
        let mut state = writer.shared.lock();
        state.head = 2;
        state.waiting.push_back((delivery(Some(1)), Instant::now()));
    }
    let mut seen = Vec::new();
    while let Next::Delivery(delivery) = feed.next(Duration::ZERO) {
        seen.push(delivery.kept);
    }
    assert_eq!(seen, [None, Some(0), Some(1)]);
    drop(deliveries);
}

#[test]
fn once_nothing_new_can_come_the_line_is_told_and_told_once() {
    let (deliveries, delivered) = tokio::sync::mpsc::channel(8);
    let metrics = Arc::new(SpoolMetrics::new(&mut Registry::default(), 0));
    let (_call, called) = watch::channel(false);
    let options = Options { called: Some(called), ..roomy() };
    let (writer, mut feed) =
        build(Fragile::default(), &options, DeadLetters::of(Path::new("/")), delivered, &metrics).unwrap();
    {
        let mut state = writer.shared.lock();
        state.progress.hold(0);
        state.head = 1;
        state.waiting.push_back({
            let delivery = Delivery::new(Signal::Logs, kept(0, 10).body, Transport::Grpc, Ack::to_nobody());
            (Delivery { kept: Some(0), ..delivery }, Instant::now())
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let shared = Arc::clone(&feed.shared);
    let thread = std::thread::spawn(move || writer.run(&handle));
    assert!(matches!(feed.next(Duration::from_secs(10)), Next::Delivery(_)));
    drop(deliveries);
    assert!(matches!(feed.next(Duration::from_secs(10)), Next::Last), "a block need not wait for more");
    feed.assembled(0, None);
    assert!(matches!(feed.next(Duration::ZERO), Next::Pause), "its block may have to be made again");
    shared.lock().progress.release(0);
    assert!(matches!(feed.next(Duration::from_secs(10)), Next::End));
    drop(feed);
    thread.join().unwrap();
}

#[test]
fn deliveries_that_are_damaged_hold_up_nothing_once_they_were_looked_for() {
    let (_deliveries, delivered) = tokio::sync::mpsc::channel(8);
    let metrics = Arc::new(SpoolMetrics::new(&mut Registry::default(), 0));
    let options = roomy();
    let (writer, mut feed) =
        build(Fragile::default(), &options, DeadLetters::of(Path::new("/")), delivered, &metrics).unwrap();
    // None of them is on the disk.
    writer.shared.lock().head = 3;
    assert!(matches!(feed.next(Duration::ZERO), Next::Pause));
    assert_eq!(writer.shared.lock().progress.mark(), 3);
}

#[test]
fn while_the_first_delivery_waits_too_long_no_more_are_taken() {
    let (deliveries, delivered) = tokio::sync::mpsc::channel(8);
    let metrics = Arc::new(SpoolMetrics::new(&mut Registry::default(), 0));
    let options = Options { max_age: Some(Duration::from_secs(60)), ..roomy() };
    let (writer, feed) =
        build(Fragile::default(), &options, DeadLetters::of(Path::new("/")), delivered, &metrics).unwrap();
    let shared = Arc::clone(&feed.shared);
    let mut writer =
        super::Writer { ages: Ages::since(0, vec![(0, 0)], Instant::now(), Duration::from_secs(61)), ..writer };
    writer.log.commit(&[Entry::Kept(kept(0, 10))]).unwrap();
    (writer.next_seq, shared.lock().head) = (1, 1);
    writer.tidy();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || writer.run(&handle));
    let ask = || {
        let (ack, answer) = Ack::unbacked();
        let (signal, transport) = (Signal::Logs, Transport::Grpc);
        let delivery = Delivery::new(signal, kept(0, 10).body, transport, ack);
        deliveries.blocking_send(delivery).unwrap();
        runtime.block_on(answer.outcome())
    };
    assert!(ask().is_retry());
    shared.lock().progress.assembled_below(1);
    // The next look around finds that it is stored.
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask().is_retry() {
        assert!(Instant::now() < deadline, "nothing waits any more");
    }
    drop((deliveries, feed));
    thread.join().unwrap();
}

/// What a reader of files hands over while there is room for some of it only.
#[test]
fn a_batch_of_lines_is_kept_only_when_none_before_it_is_to_be_sent_again() {
    let (deliveries, delivered) = tokio::sync::mpsc::channel(8);
    let metrics = Arc::new(SpoolMetrics::new(&mut Registry::default(), 0));
    let options = Options { size: 4 << 20, ..roomy() };
    let (writer, feed) =
        build(Fragile::default(), &options, DeadLetters::of(Path::new("/")), delivered, &metrics).unwrap();
    let segments = writer.log.segments();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || writer.run(&handle));
    let ask = |batch: u64, size: usize| {
        let (ack, answer) = Ack::unbacked();
        let positions = Some(Positions { batch, places: vec![1; 10].into() });
        let delivery = Delivery::new(Signal::Logs, vec![0; size].into(), Transport::File, ack);
        deliveries.blocking_send(Delivery { positions, ..delivery }).unwrap();
        runtime.block_on(answer.outcome())
    };
    let delivered = Outcome::Delivered { rejected: 0 };
    assert_eq!(ask(1, 10), delivered);
    assert!(ask(2, 8 << 20).is_retry(), "it is larger than the spool");
    assert!(ask(3, 10).is_retry(), "batch 2 has still to come");
    assert_eq!(ask(2, 20), delivered);
    assert_eq!(ask(3, 30), delivered);
    let mut reader = Reader::new(segments, 0);
    let mut kept = Vec::new();
    while let Some(read) = reader.read().unwrap() {
        kept.push((read.positions.unwrap().batch, read.body.len()));
    }
    assert_eq!(kept, [(1, 10), (2, 20), (3, 30)]);
    drop((deliveries, feed));
    thread.join().unwrap();
}
