//! What a process has used, as the kernel counts it: comes in a process id, goes out seconds and bytes. Must not
//! sample: both figures are the kernel's own sums.

use anyhow::Context;

/// The kernel's unit of `utime` and `stime`; 100 on every Linux that Rust runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// Processor seconds of all its threads, ended ones included, in user and kernel mode.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The name, in brackets, may hold spaces.
    let fields = stat.rsplit_once(')').context("a stat line without a name")?.1;
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_A_SECOND)
}

/// The most memory it ever had resident, in MB of a million bytes.
pub fn peak_rss_mb(pid: u32) -> anyhow::Result<f64> {
    memory_mb(pid, "VmHWM:")
}

/// A field of its status, such as `VmRSS:`, the memory it has resident now.
pub fn memory_mb(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}
