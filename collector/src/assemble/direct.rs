//! Deliveries straight from the receivers: nothing is kept, and every answer waits for ClickHouse.
//!
//! Comes in: the receivers' queue. Goes out: the line's source. Must not know a spool.

use std::time::Duration;

use tokio::{runtime::Handle, sync::mpsc::Receiver};

use crate::delivery::{Delivery, Next, Source};

/// How long the line rests when it has taken everything there was. To be woken for each small delivery costs more than
/// the delivery does (two switches of a thread, 4 µs), and an answer waits for a block of a second all the same. The
/// queue holds what 60,000 requests a second bring meanwhile.
const REST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Direct {
    deliveries: Receiver<Delivery>,
    runtime: Handle,
    /// Something was taken since the last rest.
    is_tired: bool,
}

impl Direct {
    pub const fn new(deliveries: Receiver<Delivery>, runtime: Handle) -> Self {
        Self { deliveries, runtime, is_tired: false }
    }

    /// What waits, without arming a timer: under load that would cost more than a small delivery.
    fn waiting(&mut self) -> Option<Next> {
        let delivery = self.deliveries.try_recv().ok()?;
        self.is_tired = true;
        Some(Next::Delivery(delivery))
    }
}

impl Source for Direct {
    fn next(&mut self, wait: Duration) -> Next {
        if let Some(next) = self.waiting() {
            return next;
        }
        if std::mem::take(&mut self.is_tired) {
            std::thread::park_timeout(REST.min(wait));
            if let Some(next) = self.waiting() {
                return next;
            }
        }
        let next = self.runtime.block_on(async { tokio::time::timeout(wait, self.deliveries.recv()).await });
        match next {
            Ok(Some(delivery)) => {
                self.is_tired = true;
                Next::Delivery(delivery)
            }
            Ok(None) => Next::End,
            Err(_) => Next::Pause,
        }
    }
}
