//! The process's own log: JSON lines on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging at a level (`info`) or by a filter (`info,collector::insert=debug`).
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber can only be a test's; its own is as good.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .try_init();
}
