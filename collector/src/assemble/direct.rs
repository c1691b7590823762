//! Deliveries straight from the receivers: nothing is kept, and every answer waits for ClickHouse.
//!
//! Comes in: the receivers' queue. Goes out: the line's source. Must not know a spool.

use std::time::Duration;

use tokio::{runtime::Handle, sync::mpsc::Receiver};

use crate::delivery::{Delivery, Next, Source};

#[derive(Debug)]
pub struct Direct {
    pub deliveries: Receiver<Delivery>,
    pub runtime: Handle,
}

impl Source for Direct {
    /// What waits is taken without arming a timer: under load that would cost more than a small delivery.
    fn next(&mut self, wait: Duration) -> Next {
        if let Ok(delivery) = self.deliveries.try_recv() {
            return Next::Delivery(delivery);
        }
        let next = self.runtime.block_on(async { tokio::time::timeout(wait, self.deliveries.recv()).await });
        match next {
            Ok(Some(delivery)) => Next::Delivery(delivery),
            Ok(None) => Next::End,
            Err(_) => Next::Pause,
        }
    }
}
