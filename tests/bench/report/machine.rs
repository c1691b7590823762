//! Where it was measured: figures of another machine are other figures.

use std::fmt;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub memory_gb: u64,
    pub kernel: String,
}

impl Machine {
    pub fn here() -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after_colon = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim();
            Some(line.to_owned())
        };
        let kibibytes =
            after_colon(&read("/proc/meminfo"), "MemTotal").and_then(|line| line.split(' ').next()?.parse().ok());
        Machine {
            processor: after_colon(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: kibibytes.unwrap_or(0_u64) * 1024 / 1_000_000_000,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, processors, memory_gb, kernel } = self;
        write!(f, "{processors} × {processor}, {memory_gb} GB, Linux {kernel}")
    }
}
