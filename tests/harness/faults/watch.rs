//! What a process holds while it is put to the test: comes in its process id, anew after each start, goes out its peak
//! memory and what it holds now, as the kernel counts. Must not fail when the process is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The kernel keeps the peak of a process itself; this is for the ends that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Watch {
    seen: Arc<Seen>,
    looking: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    pid: AtomicU32,
    peak_kib: AtomicU64,
}

impl Watch {
    pub fn start(pid: u32) -> Watch {
        let seen = Arc::new(Seen { pid: pid.into(), ..Seen::default() });
        let looks = Arc::clone(&seen);
        let looking = tokio::spawn(async move {
            loop {
                looks.look();
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Watch { seen, looking }
    }

    /// The process has another number now.
    pub fn follow(&self, pid: u32) {
        self.seen.pid.store(pid, Ordering::Relaxed);
    }

    /// Now, because it is about to end.
    pub fn look(&self) {
        self.seen.look();
    }

    /// The most memory any of them had, in MB of a million bytes.
    pub fn peak_mb(&self) -> f64 {
        self.look();
        megabytes(self.seen.peak_kib.load(Ordering::Relaxed))
    }

    /// Memory that is resident now, in MB.
    pub fn rss_mb(&self) -> f64 {
        megabytes(kibibytes(self.seen.pid.load(Ordering::Relaxed), "VmRSS:").unwrap_or(0))
    }

    /// Files and connections that are open now.
    pub fn open_files(&self) -> usize {
        let pid = self.seen.pid.load(Ordering::Relaxed);
        std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }
}

impl Seen {
    fn look(&self) {
        if let Some(peak) = kibibytes(self.pid.load(Ordering::Relaxed), "VmHWM:") {
            self.peak_kib.fetch_max(peak, Ordering::Relaxed);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

fn kibibytes(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().trim_end_matches(" kB").trim().parse().ok()
}

fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1_024.0 / 1e6
}
