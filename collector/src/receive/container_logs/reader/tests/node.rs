//! A node with one container: a folder in which a kubelet's moves can be made, and a reader over it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    ops::Range,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use opentelemetry_proto::tonic::{collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value};
use prost::Message as _;

use super::super::{super::resume::resume, *};
use crate::positions::Positions;

const FOLDER: &str = "shop_cart_uid-1/main";

pub(super) struct Node {
    root: tempfile::TempDir,
    is_from_beginning: bool,
    pub(super) reader: Reader,
    pub(super) now: Instant,
    /// Every batch that is not answered for.
    pub(super) sealed: Vec<(u64, Vec<u8>)>,
    read: Vec<String>,
    pub(super) disk: Disk,
}

/// What a kill leaves: the last checkpoint, and what a spool has kept.
#[derive(Default)]
pub(super) struct Disk {
    checkpoint: Option<Saved>,
    /// Positions of sealed batches, in their order.
    places: Vec<Positions>,
    kept: Vec<Positions>,
    /// Lines in batches that are kept.
    pub(super) lines: Vec<String>,
    /// Kept, and the reader does not know yet.
    pub(super) unanswered: Vec<u64>,
}

pub(super) fn lines(numbers: Range<u64>) -> String {
    numbers.map(|number| format!("2026-11-24T16:27:03.{number:09}Z stdout F line {number}\n")).collect()
}

pub(super) fn bodies(request: &[u8]) -> Vec<String> {
    let request = ExportLogsServiceRequest::decode(request).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|group| group.scope_logs);
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    };
    scopes.flat_map(|scope| scope.log_records).map(|record| text(record.body.and_then(|body| body.value))).collect()
}

impl Node {
    pub(super) fn new(is_from_beginning: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        let rules = rules(root.path(), is_from_beginning);
        let reader = Reader::new(rules, resume(None, Vec::new()), Arc::default());
        let (now, sealed, read, disk) = (Instant::now(), Vec::new(), Vec::new(), Disk::default());
        Self { root, is_from_beginning, reader, now, sealed, read, disk }
    }

    /// As if pods were asked for, and none came.
    pub(super) fn expect_pods(&mut self) {
        let rules = Rules { pods: Some(Pods::default()), ..rules(self.root.path(), true) };
        self.reader = Reader::new(rules, resume(None, Vec::new()), Arc::default());
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(FOLDER).join(file)
    }

    pub(super) fn exists(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(file)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn delete(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    pub(super) fn truncate(&self, file: &str) {
        File::create(self.path(file)).unwrap();
    }

    /// As if nobody had written to it for a while.
    pub(super) fn age(&self, file: &str) {
        let before = SystemTime::now() - Duration::from_secs(60);
        OpenOptions::new().write(true).open(self.path(file)).unwrap().set_modified(before).unwrap();
    }

    /// As the kubelet does it: beside, renamed, and the plain file deleted.
    pub(super) fn compress(&self, file: &str) {
        let beside = self.path(&format!("{file}.tmp"));
        let mut encoder = flate2::write::GzEncoder::new(File::create(&beside).unwrap(), flate2::Compression::fast());
        encoder.write_all(&fs::read(self.path(file)).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::rename(beside, self.path(&format!("{file}.gz"))).unwrap();
        self.age(&format!("{file}.gz"));
        self.delete(file);
    }

    pub(super) fn look(&mut self) {
        self.reader.look(self.now).unwrap();
    }

    /// Reads a chunk of each log. Goes out whether there was one.
    pub(super) fn chunk(&mut self) -> bool {
        let (all, is_any) = self.reader.read(self.now, 1);
        for sealed in all {
            let bodies = bodies(&sealed.body);
            assert_eq!(bodies.len() as u64, sealed.records);
            let (batch, places) = (sealed.number, sealed.places.unwrap().into());
            self.disk.places.push(Positions { batch, places });
            self.read.extend(bodies);
            self.sealed.push((sealed.number, sealed.body));
        }
        is_any
    }

    /// Looks once and reads until nothing comes. Goes out what came.
    pub(super) fn read(&mut self) -> Vec<String> {
        let before = self.read.len();
        self.look();
        while self.chunk() {}
        self.read[before..].to_vec()
    }

    /// Looks and reads until several looks bring nothing.
    pub(super) fn read_all(&mut self) -> Vec<String> {
        let before = self.read.len();
        let mut empty = 0;
        while empty < 3 {
            empty = if self.read().is_empty() { empty + 1 } else { 0 };
        }
        self.read[before..].to_vec()
    }

    /// Records that were ever read.
    pub(super) fn count(&self) -> usize {
        self.read.len()
    }

    pub(super) fn all(&self) -> &[String] {
        &self.read
    }

    pub(super) fn answer(&mut self, number: u64) {
        self.reader.answered(number);
        self.sealed.retain(|(sealed, _)| *sealed != number);
    }

    pub(super) fn answer_all(&mut self) {
        for (number, _) in std::mem::take(&mut self.sealed) {
            self.reader.answered(number);
        }
    }

    /// Kills the reader and starts another from the positions that were answered for.
    pub(super) fn restart(&mut self, meanwhile: impl FnOnce(&Self)) {
        let saved = self.reader.positions();
        meanwhile(self);
        self.restart_from(saved);
    }

    pub(super) fn restart_from(&mut self, saved: Saved) {
        self.begin(Some(saved), Vec::new());
    }

    fn begin(&mut self, saved: Option<Saved>, kept: Vec<Positions>) {
        let rules = rules(self.root.path(), self.is_from_beginning);
        self.reader = Reader::new(rules, resume(saved, kept), Arc::default());
        self.sealed.clear();
    }

    /// The spool takes the oldest batch that it does not have.
    pub(super) fn keep(&mut self) {
        if !self.sealed.is_empty() {
            let (number, body) = self.sealed.remove(0);
            let at = self.disk.places.iter().position(|places| places.batch == number).unwrap();
            self.disk.kept.push(self.disk.places.remove(at));
            self.disk.lines.extend(bodies(&body));
            self.disk.unanswered.push(number);
        }
    }

    pub(super) fn answer_kept(&mut self, index: usize) {
        if index < self.disk.unanswered.len() {
            self.reader.answered(self.disk.unanswered.remove(index));
        }
    }

    /// Writes a checkpoint; the spool forgets what is in it.
    pub(super) fn save(&mut self) {
        if self.reader.has_looked() {
            let saved = self.reader.positions();
            self.disk.kept.retain(|kept| kept.batch > saved.batch);
            self.disk.checkpoint = Some(saved);
        }
    }

    /// Kills the reader and starts another from what is on the disk, which looks and writes that down.
    pub(super) fn kill(&mut self) {
        self.disk.places.clear();
        self.disk.unanswered.clear();
        self.begin(self.disk.checkpoint.clone(), self.disk.kept.clone());
        self.look();
        self.save();
    }
}

fn rules(folder: &std::path::Path, is_from_beginning: bool) -> Rules {
    Rules {
        folder: folder.into(),
        wanted: Wanted::default(),
        is_from_beginning,
        limit: 1024,
        node: Some("node-1".into()),
        cluster: None,
        pods: None,
        tells_places: true,
    }
}
