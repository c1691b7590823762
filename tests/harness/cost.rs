//! What a process has used, as the kernel counts it: comes in a process id, goes out seconds and bytes. Must not
//! sample: both figures are the kernel's own sums.

use std::time::Duration;

use anyhow::Context;
use nix::{time::clock_getcpuclockid, unistd::Pid};

/// Processor seconds of all its threads, ended ones included, in user and kernel mode. The clock counts nanoseconds; the
/// numbers of `/proc/<pid>/stat` count hundredths of a second, which are a tenth of what some cases take.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let pid = Pid::from_raw(pid.try_into().context("a process id")?);
    let clock = clock_getcpuclockid(pid).with_context(|| format!("process {pid}"))?;
    Ok(Duration::from(clock.now()?).as_secs_f64())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_process_counts_less_than_the_kernels_hundredths() {
        let pid = std::process::id();
        let before = cpu_seconds(pid).unwrap();
        let after = cpu_seconds(pid).unwrap();
        assert!(after > before && after - before < 0.01, "{before} and {after}");
    }
}
