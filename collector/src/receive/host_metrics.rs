//! What the node itself does: processors, load, memory, paging, disks, filesystems, network, processes.
//!
//! Comes in: the files of `/proc` below the node's root, as the pod sees it. Goes out: one request, with the names of
//! <https://opentelemetry.io/docs/specs/semconv/system/system-metrics/> and the attributes that the OpenTelemetry
//! Collector's host metrics have. A file that cannot be read costs its own metrics and is told.
//!
//! Files are read on a thread beside the runtime's, at most one: a filesystem that hangs holds up no other work, and the
//! next scrape waits for the same thread.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crds::config::HostMetrics;
use tokio::task::JoinHandle;

use super::{
    container_logs::Node,
    scrape::{Reading, Source},
};
use crate::measurements::{Metric, Request};

mod cpu;
mod disk;
mod filesystem;
mod memory;
mod network;
mod processes;

/// The most that is read of a file: a thousand processors or mounts of two thousand pods have less.
const LARGEST_FILE: u64 = 4 << 20;

const SCOPE: &str = "clickstack-collector/host-metrics";

/// The node, measured.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    attributes: Vec<(&'static str, String)>,
    /// The thread that reads, if it has not come back yet.
    reading: Option<JoinHandle<Reading>>,
}

impl Host {
    pub fn new(config: &HostMetrics, node: &Node) -> Self {
        let root = PathBuf::from(&config.root_directory);
        let attributes = attributes(&root, node);
        Self { root, attributes, reading: None }
    }
}

impl Source for Host {
    const NAME: &'static str = "host_metrics";

    async fn read(&mut self, now: u64) -> Reading {
        let begin = || {
            let (root, attributes) = (self.root.clone(), self.attributes.clone());
            tokio::task::spawn_blocking(move || measure(&root, &attributes, now))
        };
        let reading = self.reading.get_or_insert_with(begin).await;
        self.reading = None;
        reading.unwrap_or_default()
    }
}

/// The kernel's name for the host is that of the pod here, so its file is asked, and the node's name goes before it: by
/// that everything else is found.
fn attributes(root: &Path, node: &Node) -> Vec<(&'static str, String)> {
    let own = read(root, "etc/hostname").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let named = [
        ("host.name", node.name.clone().or(own)),
        ("os.type", Some("linux".to_owned())),
        ("k8s.node.name", node.name.clone()),
        ("k8s.cluster.name", node.cluster.clone()),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn measure(root: &Path, attributes: &[(&'static str, String)], now: u64) -> Reading {
    let mut files = Files { root, missing: Vec::new() };
    let stat = files.read("proc/stat");
    let boot = cpu::boot_time(&stat);
    let mut metrics: Vec<Metric> = cpu::times(&stat, boot).into();
    metrics.extend(cpu::load(&files.read("proc/loadavg")));
    metrics.push(memory::usage(&files.read("proc/meminfo")));
    metrics.push(memory::swaps(&files.read("proc/swaps")));
    metrics.extend(memory::paging(&files.read("proc/vmstat"), boot));
    metrics.extend(disk::metrics(&files.read("proc/diskstats"), boot));
    // Those of process 1: what this process has is the pod's.
    metrics.extend(network::metrics(&files.read("proc/1/net/dev"), boot));
    let mounts = filesystem::mounts(&files.read("proc/1/mountinfo"));
    metrics.extend(filesystem::metrics(mounts.iter().filter_map(|mount| Some((mount, files.space(mount)?)))));
    metrics.push(processes::created(&stat, boot));
    metrics.push(processes::count(files.states()));
    let mut request = Request::new(SCOPE, now);
    request.add(attributes.iter().cloned(), metrics);
    let requests = if request.points() > 0 { vec![request] } else { Vec::new() };
    Reading { requests, missing: files.missing.join("; ") }
}

/// The files of the node, and which of them could not be read.
struct Files<'a> {
    root: &'a Path,
    missing: Vec<String>,
}

impl Files<'_> {
    /// Empty where there is nothing to read.
    fn read(&mut self, path: &str) -> String {
        read(self.root, path).unwrap_or_else(|error| {
            self.missing.push(format!("{}: {error}", self.root.join(path).display()));
            String::new()
        })
    }

    /// The room of a filesystem. One that went away since its mount was read is not missed.
    fn space(&self, mount: &filesystem::Mount) -> Option<filesystem::Space> {
        let path = self.root.join(mount.point.trim_start_matches('/'));
        let found = rustix::fs::statvfs(&path).ok()?;
        Some(filesystem::Space {
            block: found.f_frsize,
            blocks: found.f_blocks,
            free: found.f_bfree,
            available: found.f_bavail,
            inodes: found.f_files,
            free_inodes: found.f_ffree,
        })
    }

    /// The state of each process. One that has ended since its folder was seen is left out.
    fn states(&mut self) -> Vec<char> {
        let folder = self.root.join("proc");
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                self.missing.push(format!("{}: {error}", folder.display()));
                return Vec::new();
            }
        };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()?.parse::<u32>().ok());
        numbers.filter_map(|number| processes::state(&read(self.root, &format!("proc/{number}/stat")).ok()?)).collect()
    }
}

fn read(root: &Path, path: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(root.join(path))?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
