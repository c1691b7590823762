use std::collections::VecDeque;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::{
    assemble,
    delivery::Transport,
    errand::Errand,
    id::{Id, Keeper},
    making::{Notice, Passage},
    signal::Signal,
};

/// A spool's end, in memory.
struct Spool {
    next: VecDeque<Delivery>,
    passed: Vec<Seq>,
    refused: Vec<(Seq, bool)>,
    notices: UnboundedSender<Notice>,
}

impl Source for &mut Spool {
    fn next(&mut self, _wait: Duration) -> Next {
        self.next.pop_front().map_or(Next::End, Next::Delivery)
    }

    fn is_passed(&self, seq: Seq) -> bool {
        self.passed.contains(&seq)
    }

    fn hand_on(&mut self, seq: Seq, to: Option<Keeper>) -> Passage {
        let errand = Errand::new(seq, to, false, self.notices.clone());
        Passage::new(seq, Some(Id { stream: 7, seq, floor: 0 }), Some(errand), self.notices.clone())
    }

    fn refused(&mut self, seq: Seq, is_told: bool, _reason: &str) {
        self.refused.push((seq, is_told));
    }
}

struct Line {
    spool: Spool,
    noticed: UnboundedReceiver<Notice>,
    forwarded: mpsc::Receiver<Delivery>,
    relay: Relay,
    runtime: tokio::runtime::Runtime,
}

fn line(bodies: &[&[u8]]) -> (Line, Vec<crate::ack::Answer>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ((deliveries, forwarded), (notices, noticed)) = (mpsc::channel(16), unbounded_channel());
    let room = Budget::new(1 << 20);
    let (mut next, mut answers) = (VecDeque::new(), Vec::new());
    for (seq, body) in bodies.iter().enumerate() {
        let (ack, answer) = Ack::new(room.admit(0).unwrap());
        let body = Bytes::copy_from_slice(body);
        let (kept, to) = (Some(seq as Seq), Some(Keeper(9)));
        next.push_back(Delivery { kept, to, ..Delivery::new(Signal::Logs, body, Transport::Grpc, ack) });
        answers.push(answer);
    }
    let metrics = Arc::new(Pipeline::new(&mut Registry::default()));
    let relay = Relay { deliveries, room, check: assemble::check, runtime: runtime.handle().clone(), metrics };
    let spool = Spool { next, passed: Vec::new(), refused: Vec::new(), notices };
    (Line { spool, noticed, forwarded, relay, runtime }, answers)
}

#[test]
fn a_sender_is_answered_while_its_delivery_is_still_under_way() {
    let (Line { mut spool, mut noticed, mut forwarded, relay, runtime }, mut answers) = line(&[b""]);
    relay.run(&mut spool);
    let answer = runtime.block_on(answers.remove(0).outcome());
    assert_eq!(answer, Outcome::Delivered { rejected: 0 });
    let delivery = forwarded.try_recv().unwrap();
    assert_eq!((delivery.kept, delivery.id), (Some(0), Some(Id { stream: 7, seq: 0, floor: 0 })));
    assert_eq!(delivery.errand.as_ref().and_then(Errand::to), Some(Keeper(9)), "whom it was kept for");
    assert!(noticed.try_recv().is_err(), "the spool keeps it until the gateway has answered");
    delivery.ack.settle(Outcome::Delivered { rejected: 0 });
    assert!(matches!(runtime.block_on(noticed.recv()), Some(Notice::Passed(0))));
}

#[test]
fn what_was_delivered_before_is_not_sent_again_and_the_rest_is() {
    let (Line { mut spool, mut forwarded, relay, .. }, _answers) = line(&[b"", b"", b""]);
    spool.passed = vec![0, 2];
    relay.run(&mut spool);
    assert_eq!(forwarded.try_recv().unwrap().kept, Some(1));
    assert!(forwarded.try_recv().is_err());
}

#[test]
fn only_what_the_gateway_refuses_for_good_is_given_up() {
    let (Line { mut spool, mut noticed, mut forwarded, relay, runtime }, mut answers) = line(&[b"", b"", b"\xff"]);
    relay.run(&mut spool);
    assert_eq!(spool.refused, [(2, true)], "what cannot be read is refused here");
    assert!(matches!(runtime.block_on(answers.remove(2).outcome()), Outcome::Reject(_)));
    forwarded.try_recv().unwrap().ack.settle(Outcome::retry());
    forwarded.try_recv().unwrap().ack.settle(Outcome::TooLarge);
    assert!(matches!(runtime.block_on(noticed.recv()), Some(Notice::Unstorable(1, _))));
    drop(spool);
    assert!(runtime.block_on(noticed.recv()).is_none(), "nothing is said of what is to be sent again");
}
