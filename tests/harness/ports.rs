//! Free ports: comes in a host, goes out a port nobody listens on. Must not hand out a port the kernel
//! gives to outgoing connections: an engine that is killed must get its own port back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the kernel's ephemeral ports (from 32768) and Kubernetes' node ports (from 30000).
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that is free on `host`, different at each call within this process.
pub fn free_port(host: &str) -> anyhow::Result<u16> {
    // Processes that run side by side start at different places.
    let place = (std::process::id() % 97) as u16 * 101;
    for _ in 0..COUNT {
        let port = FIRST + (place + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((host, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port on {host} from {FIRST} to {}", FIRST + COUNT)
}
