//! What is made here, sent until somebody answers for it.
//!
//! Comes in: a request. Goes out: its outcome; "retry" only where the process stops. Must not change the request: what
//! is sent again is the same, byte for byte. Nor hold more than its caller bounds: who makes requests faster than they
//! are answered has to stop.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::{
    ack::{Ack, Answer, Outcome},
    budget::Budget,
    delivery::{Delivery, Transport},
    positions::Positions,
    signal::Signal,
};

/// The way out.
#[derive(Clone, Debug)]
pub struct Outlet {
    pub deliveries: mpsc::Sender<Delivery>,
    pub budget: Budget,
    pub stopping: watch::Receiver<bool>,
}

impl Outlet {
    /// `repeated` is told of every time but the first.
    pub(super) async fn deliver(
        mut self,
        signal: Signal,
        transport: Transport,
        body: Bytes,
        repeated: impl Fn(),
    ) -> Outcome {
        // Admitted once, and held over all tries: the bytes are here in between too.
        let Some(_permit) = self.budget.wait(body.len()).await else { return Outcome::retry() };
        loop {
            let outcome = self.ask(signal, transport, body.clone(), None).await.outcome().await;
            let Outcome::Retry { after } = outcome else { return outcome };
            tokio::select! {
                () = tokio::time::sleep(after.max(SHORTEST_PAUSE)) => repeated(),
                _ = self.stopping.wait_for(|is_stopping| *is_stopping) => return outcome,
            }
        }
    }

    /// Hands a request on once; its bytes are admitted already. Requests are handed on in the order of asking.
    pub(super) async fn ask(
        &self,
        signal: Signal,
        transport: Transport,
        body: Bytes,
        positions: Option<Positions>,
    ) -> Answer {
        let (ack, answer) = Ack::unbacked();
        let delivery = Delivery { positions, ..Delivery::new(signal, body, transport, ack) };
        // A line that is gone has dropped the delivery, and dropping it answers "retry".
        let _ = self.deliveries.send(delivery).await;
        answer
    }
}

/// Before a request is sent again, whatever the answer says.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
