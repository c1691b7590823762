//! Connections as senders make them, and a line that answers as it is told.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prometheus_client::registry::Registry;
use prost::Message as _;
use rmpv::Value;
use tokio::{io::DuplexStream, sync::mpsc, time::Instant};

use super::*;
use crate::{ack::Outcome, budget::Budget, delivery::Delivery, metrics::Pipeline};

struct Line {
    sender: DuplexStream,
    deliveries: mpsc::Receiver<Delivery>,
    budget: Budget,
    registry: Registry,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
}

fn connected(budget: usize, key: Option<&str>) -> Line {
    let (deliver, deliveries) = mpsc::channel(64);
    let mut registry = Registry::default();
    let pipeline = Arc::new(Pipeline::new(&mut registry));
    let metrics = Arc::new(Metrics::new(&mut registry));
    let budget = Budget::new(budget);
    let intake = Intake::new(deliver, budget.clone(), Budget::new(1 << 24), 4 << 20, pipeline);
    let key = key.map(|key| SharedKey(watch::channel(Arc::new(key.as_bytes().to_vec())).1));
    let (sender, socket) = tokio::io::duplex(64 << 10);
    let (stop, stopping) = watch::channel(false);
    let forward = Forward { intake, metrics, key, hostname: "collector".to_owned() };
    let served = tokio::spawn(forward.serve(Box::new(socket), [10, 0, 0, 1].into(), stopping));
    Line { sender, deliveries, budget, registry, stop, served }
}

impl Line {
    async fn say(&mut self, value: &Value) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        self.sender.write_all(&bytes).await.unwrap();
    }

    async fn next(&mut self) -> (Vec<String>, Delivery) {
        let delivery = self.deliveries.recv().await.unwrap();
        let request = ExportLogsServiceRequest::decode(&delivery.body[..]).unwrap();
        let records = request.resource_logs.into_iter().flat_map(|group| group.scope_logs);
        let bodies = records.flat_map(|scope| scope.log_records).map(|record| match record.body.unwrap().value {
            Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        });
        (bodies.collect(), delivery)
    }

    async fn hear(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        loop {
            if let Ok(value) = rmpv::decode::read_value(&mut &bytes[..]) {
                return Some(value);
            }
            if self.sender.read_buf(&mut bytes).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.hear()).await.is_err()
    }

    fn count(&self, line: &str) -> u64 {
        let text = crate::metrics::text(&self.registry);
        text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0)
    }
}

fn record(text: &str) -> Value {
    Value::Map(vec![("log".into(), text.into())])
}

fn one(text: &str, chunk: Option<&str>) -> Value {
    let options = chunk.map(|chunk| Value::Map(vec![("chunk".into(), chunk.into())]));
    Value::Array([Value::from("tag"), 7.into(), record(text)].into_iter().chain(options).collect())
}

fn pairs(texts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        rmpv::encode::write_value(&mut bytes, &Value::Array(vec![7.into(), record(text)])).unwrap();
    }
    bytes
}

fn packed(bytes: Vec<u8>, chunk: &str, compressed: &str) -> Value {
    let options = vec![("chunk".into(), chunk.into()), ("compressed".into(), compressed.into())];
    Value::Array(vec!["tag".into(), Value::Binary(bytes), Value::Map(options)])
}

fn acknowledged(chunk: &str) -> Option<Value> {
    Some(Value::Map(vec![("ack".into(), chunk.into())]))
}

const DONE: Outcome = Outcome::Delivered { rejected: 0 };

#[tokio::test(start_paused = true)]
async fn a_chunk_is_acknowledged_once_it_is_stored_and_not_before() {
    let mut line = connected(1 << 20, None);
    line.say(&one("hi", Some("c1"))).await;
    let (bodies, delivery) = line.next().await;
    assert_eq!((bodies, delivery.transport), (vec!["hi".to_owned()], Transport::Fluent));
    assert!(line.is_silent().await);
    assert!(line.budget.used() > 0);
    delivery.ack.settle(DONE);
    assert_eq!(line.hear().await, acknowledged("c1"));
    assert!(line.is_silent().await && line.budget.used() == 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_acknowledged_and_what_is_to_be_sent_again_ends_the_connection() {
    let mut line = connected(1 << 20, None);
    line.say(&one("hi", Some("c1"))).await;
    line.next().await.1.ack.settle(Outcome::Reject("no".into()));
    assert_eq!(line.hear().await, acknowledged("c1"));
    line.say(&one("ho", Some("c2"))).await;
    let begin = Instant::now();
    line.next().await.1.ack.settle(Outcome::retry());
    assert_eq!(line.hear().await, None);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    line.served.await.unwrap();
    let text = crate::metrics::text(&line.registry);
    assert!(text.contains("closed_connections_total{receiver=\"fluentforward\",reason=\"retry\"} 1"), "{text}");
    let refused = text.lines().find(|line| line.starts_with("otelcol_receiver_refused_log_records_total"));
    assert!(refused.is_some_and(|line| line.ends_with(" 2")), "whoever asked is told both: {refused:?}");
    assert!(line.deliveries.try_recv().is_err() && line.budget.used() == 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_about_is_sent_until_it_is_stored_even_when_its_sender_has_gone() {
    let mut line = connected(1 << 20, None);
    line.say(&one("hi", None)).await;
    let Line { sender, mut deliveries, served, .. } = line;
    drop(sender);
    let mut bodies = Vec::new();
    for outcome in [Outcome::retry(), Outcome::retry(), DONE] {
        let delivery = deliveries.recv().await.unwrap();
        bodies.push(delivery.body.clone());
        delivery.ack.settle(outcome);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    served.await.unwrap();
    assert!(deliveries.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_mode_and_compression_gives_its_records() {
    let mut line = connected(1 << 20, None);
    let list = Value::Array(vec![
        Value::Array(vec![7.into(), record("a")]),
        Value::Array(vec![7.into(), Value::Nil]),
        Value::Array(vec![7.into(), record("b")]),
    ]);
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &pairs(&["e"])).unwrap();
        // Senders append one member to another.
        let mut bytes = encoder.finish().unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &pairs(&["f"])).unwrap();
        bytes.extend(encoder.finish().unwrap());
        bytes
    };
    let broken = [pairs(&["g"]), b"\xc1".to_vec()].concat();
    let zstd = zstd::stream::encode_all(&pairs(&["h"])[..], 3).unwrap();
    for (message, bodies) in [
        (Value::Array(vec!["tag".into(), list]), vec!["a", "b"]),
        (packed(pairs(&["c", "d"]), "x", "text"), vec!["c", "d"]),
        (packed(gzip, "x", "gzip"), vec!["e", "f"]),
        (packed(broken, "x", "text"), vec!["g"]),
        (packed(zstd, "x", "zstd"), vec!["h"]),
    ] {
        line.say(&message).await;
        let (found, delivery) = line.next().await;
        assert_eq!(found, bodies, "{message}");
        delivery.ack.settle(DONE);
    }
    assert_eq!(line.count("clickstack_collector_stream_bad_records_total{receiver=\"fluentforward\"}"), 2);
}

/// A chunk that can never be read would be sent again for ever.
#[tokio::test(start_paused = true)]
async fn a_chunk_that_cannot_be_unfolded_is_counted_and_acknowledged() {
    let mut line = connected(64 << 20, None);
    for compressed in ["gzip", "what"] {
        line.say(&packed(b"no".to_vec(), compressed, compressed)).await;
        assert_eq!(line.hear().await, acknowledged(compressed));
        let text = crate::metrics::text(&line.registry);
        let counted = "turned_away_requests_total{transport=\"fluent\",reason=\"malformed\"}";
        assert!(text.contains(counted), "{text}");
    }
}

fn folded(bytes: &[u8], compressed: &str) -> Vec<u8> {
    if compressed == "zstd" {
        return zstd::stream::encode_all(bytes, 3).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// As Fluentd makes them: thrice what a sender may hold, and more than a request may have.
#[tokio::test(start_paused = true)]
async fn a_chunk_that_unfolds_to_more_than_there_is_room_for_is_taken_in_pieces_and_acknowledged_after_the_last() {
    const RECORDS: usize = 8000;
    let long = "x".repeat(2000);
    let texts: Vec<_> = (0..RECORDS).map(|number| format!("{number} {long}")).collect();
    let unfolded = pairs(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for (compressed, budget) in [("gzip", 6 << 20), ("zstd", 24 << 20)] {
        let mut line = connected(budget, None);
        line.say(&packed(folded(&unfolded, compressed), "large", compressed)).await;
        let mut found = Vec::new();
        while found.len() < RECORDS {
            let (bodies, delivery) = line.next().await;
            assert!(delivery.body.len() < 2 << 20);
            found.extend(bodies);
            if found.len() == RECORDS {
                assert!(line.is_silent().await);
            }
            delivery.ack.settle(DONE);
        }
        assert_eq!(found, texts, "{compressed}");
        assert_eq!(line.hear().await, acknowledged("large"));
        assert!(line.is_silent().await && line.budget.used() == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunk_of_which_a_piece_is_not_stored_is_not_acknowledged() {
    let long = "x".repeat(1000);
    let texts: Vec<_> = std::iter::repeat_n(long.as_str(), 8000).collect();
    let mut line = connected(6 << 20, None);
    line.say(&packed(folded(&pairs(&texts), "gzip"), "large", "gzip")).await;
    line.next().await.1.ack.settle(DONE);
    line.next().await.1.ack.settle(Outcome::retry());
    let (sender, deliveries) = (&mut line.sender, &mut line.deliveries);
    let rest = async {
        while let Some(delivery) = deliveries.recv().await {
            delivery.ack.settle(DONE);
        }
    };
    let mut heard = Vec::new();
    let (end, ()) = tokio::join!(sender.read_to_end(&mut heard), rest);
    assert_eq!((end.unwrap(), line.budget.used()), (0, 0));
}

/// Sent again, what came before would be stored again each time.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_late_in_a_large_chunk_costs_what_follows_it() {
    let long = "x".repeat(1000);
    let texts: Vec<_> = std::iter::repeat_n(long.as_str(), 4000).collect();
    let whole = folded(&pairs(&texts), "gzip");
    // Without its end, and one that comes to more than can be meant: nothing of it is an event.
    let cut = whole[..whole.len() * 3 / 4].to_vec();
    let text = [&b"\xd9\xff"[..], &[0; 255]].concat();
    let bomb = zstd::stream::encode_all(&text.repeat((80 << 20) / text.len())[..], 3).unwrap();
    for (bytes, compressed, has_records, reason) in
        [(cut, "gzip", true, "malformed"), (bomb, "zstd", false, "too_large")]
    {
        let mut line = connected(64 << 20, None);
        line.say(&packed(bytes, "large", compressed)).await;
        let (sender, deliveries) = (&mut line.sender, &mut line.deliveries);
        let mut heard = vec![0; ack(b"large").len()];
        let mut records = 0;
        let rest = async {
            while let Some(delivery) = deliveries.recv().await {
                records += 1;
                delivery.ack.settle(DONE);
            }
        };
        tokio::select! {
            heard = sender.read_exact(&mut heard) => drop(heard.unwrap()),
            () = rest => panic!("the connection has ended"),
        }
        assert_eq!((heard, records > 0), (ack(b"large"), has_records), "{compressed}");
        let text = crate::metrics::text(&line.registry);
        let counted = format!("turned_away_requests_total{{transport=\"fluent\",reason=\"{reason}\"}} 1");
        assert!(text.contains(&counted), "{text}");
    }
}

const WAITING: &str = "clickstack_collector_stream_waiting_connections{receiver=\"fluentforward\"}";

#[tokio::test(start_paused = true)]
async fn a_sender_that_does_not_ask_waits_for_room_as_long_as_it_takes() {
    let mut line = connected(1 << 20, None);
    let held = line.budget.admit(1 << 20);
    line.say(&one("hi", None)).await;
    assert!(tokio::time::timeout(Duration::from_secs(600), line.deliveries.recv()).await.is_err());
    assert_eq!((line.count(WAITING), line.served.is_finished()), (1, false));
    drop(held);
    let (bodies, delivery) = line.next().await;
    delivery.ack.settle(DONE);
    assert_eq!((bodies, line.count(WAITING)), (vec!["hi".to_owned()], 0));
    assert!(line.is_silent().await);
}

/// What it had written when it hung up is nobody else's to send again.
#[tokio::test(start_paused = true)]
async fn what_a_sender_has_written_that_has_gone_waits_for_room_too() {
    let mut line = connected(1 << 20, None);
    let held = line.budget.admit(1 << 20);
    line.say(&one("hi", None)).await;
    line.sender.shutdown().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(600), line.deliveries.recv()).await.is_err());
    drop(held);
    let (bodies, delivery) = line.next().await;
    delivery.ack.settle(DONE);
    assert_eq!(bodies, ["hi"]);
    line.served.await.unwrap();
}

/// It may find room elsewhere.
#[tokio::test(start_paused = true)]
async fn a_sender_that_asks_and_finds_no_room_is_told_to_send_again() {
    let mut line = connected(1 << 20, None);
    line.say(&one("hi", Some("c1"))).await;
    line.next().await.1.ack.settle(DONE);
    assert_eq!(line.hear().await, acknowledged("c1"));
    let _held = line.budget.admit(1 << 20);
    let begin = Instant::now();
    line.say(&one("ho", Some("c2"))).await;
    assert_eq!(line.hear().await, None);
    assert!((10..12).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    line.served.await.unwrap();
    let text = crate::metrics::text(&line.registry);
    assert!(text.contains("reason=\"budget\"} 1"), "{text}");
}

/// By now it has been sent again, on another connection.
#[tokio::test(start_paused = true)]
async fn a_first_message_that_asks_and_has_waited_for_too_long_is_not_taken() {
    for (seconds, is_taken) in [(5, true), (600, false)] {
        let mut line = connected(1 << 20, None);
        let held = line.budget.admit(1 << 20);
        line.say(&one("hi", Some("c1"))).await;
        assert!(tokio::time::timeout(Duration::from_secs(seconds), line.deliveries.recv()).await.is_err());
        drop(held);
        if is_taken {
            line.next().await.1.ack.settle(DONE);
            assert_eq!(line.hear().await, acknowledged("c1"));
            continue;
        }
        assert_eq!(line.hear().await, None);
        line.served.await.unwrap();
        let text = crate::metrics::text(&line.registry);
        assert!(text.contains("reason=\"budget\"} 1") && line.deliveries.try_recv().is_err(), "{text}");
    }
}

/// That may take as long as ClickHouse is away.
#[tokio::test(start_paused = true)]
async fn whoever_gives_up_holds_only_what_is_on_its_way() {
    const HELD: usize = 2300 << 10;
    for end in ["others are short of room", "its sender hangs up", "it can never be held"] {
        let mut line = connected(3 << 20, None);
        line.say(&one("hi", None)).await;
        let (_, delivery) = line.next().await;
        let half = [&b"\x93\xa3tag\xc6"[..], &(3_u32 << 20).to_be_bytes(), &[0; 200 << 10]].concat();
        line.sender.write_all(&half).await.unwrap();
        let begun = async {
            while line.budget.used() < 200 << 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), begun).await.is_ok(), "{end}: {}", line.budget.used());
        let held = line.budget.admit(HELD);
        match end {
            "its sender hangs up" => line.sender.shutdown().await.unwrap(),
            "it can never be held" => {
                drop(held);
                while line.sender.write_all(&[0; 16 << 10]).await.is_ok() {}
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let rest = line.budget.used() % HELD;
        assert!(rest < 16 << 10 && !line.served.is_finished(), "{end}: {rest}");
        delivery.ack.settle(DONE);
        line.served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_waited_for_until_others_are_short_of_room() {
    let mut line = connected(1 << 20, None);
    line.sender.write_all(b"\x93\xa3tag\x07").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(600), line.hear()).await.is_err());
    line.sender.write_all(b"\x81\xa3log\xa2hi").await.unwrap();
    let (bodies, delivery) = line.next().await;
    delivery.ack.settle(DONE);
    assert_eq!(bodies, ["hi"]);
    line.sender.write_all(b"\x93\xa3tag\x07").await.unwrap();
    assert!(line.is_silent().await);
    let _held = line.budget.admit(900 << 10);
    assert_eq!(line.hear().await, None);
    line.served.await.unwrap();
    let text = crate::metrics::text(&line.registry);
    assert!(text.contains("reason=\"broken\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_while_others_are_on_their_way_go_together() {
    let mut line = connected(1 << 20, None);
    let mut first = Vec::new();
    for number in 0..16 {
        line.say(&one(&number.to_string(), None)).await;
        first.push(line.next().await.1);
    }
    for number in 16..200 {
        line.say(&one(&number.to_string(), Some(&format!("c{number}")))).await;
    }
    assert!(line.is_silent().await && line.deliveries.try_recv().is_err());
    first.pop().unwrap().ack.settle(DONE);
    let (bodies, delivery) = line.next().await;
    assert_eq!(bodies, (16..200).map(|number| number.to_string()).collect::<Vec<_>>());
    delivery.ack.settle(DONE);
    let acks: Vec<_> = (16..200).flat_map(|number| ack(format!("c{number}").as_bytes())).collect();
    let mut heard = vec![0; acks.len()];
    line.sender.read_exact(&mut heard).await.unwrap();
    heard.sort_unstable();
    let mut wanted = acks;
    wanted.sort_unstable();
    assert_eq!(heard, wanted);
    first.into_iter().for_each(|delivery| delivery.ack.settle(DONE));
}

/// What a connection is owed is held until it can be said.
#[tokio::test(start_paused = true)]
async fn a_sender_that_asks_on_and_on_is_not_read_beyond_the_acks_it_may_be_owed() {
    const OWED: u64 = 256;
    const SENT: u64 = OWED + 44;
    let mut line = connected(1 << 20, None);
    let read = "clickstack_collector_stream_records_total{receiver=\"fluentforward\"}";
    // All of them together are far from the size of a request.
    for number in 0..SENT {
        line.say(&one("x", Some(&format!("c{number}")))).await;
    }
    let mut held = Vec::new();
    while let Ok((_, delivery)) = tokio::time::timeout(Duration::from_secs(1), line.next()).await {
        held.push(delivery);
    }
    assert_eq!(line.count(read), OWED);
    held.into_iter().for_each(|delivery| delivery.ack.settle(DONE));
    let length = (0..SENT).map(|number| ack(format!("c{number}").as_bytes()).len()).sum();
    let (mut acks, Line { sender, deliveries, .. }) = (vec![0; length], &mut line);
    let rest = async {
        while let Some(delivery) = deliveries.recv().await {
            delivery.ack.settle(DONE);
        }
    };
    tokio::select! {
        heard = sender.read_exact(&mut acks) => drop(heard.unwrap()),
        () = rest => panic!("the connection has ended"),
    }
    assert_eq!(line.count(read), SENT);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_ends_the_connection() {
    let mut line = connected(1 << 20, None);
    line.sender.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(line.hear().await, None);
    line.served.await.unwrap();
    let text = crate::metrics::text(&line.registry);
    assert!(text.contains("reason=\"malformed\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_a_request_may_be_or_than_the_budget_ends_the_connection() {
    for (budget, reason) in [(64 << 20, "too_large"), (1 << 20, "budget")] {
        let mut line = connected(budget, None);
        let head = [&b"\x93\xa3tag\xc6"[..], &(8_u32 << 20).to_be_bytes()].concat();
        line.sender.write_all(&head).await.unwrap();
        while line.sender.write_all(&[0; 16 << 10]).await.is_ok() {}
        line.served.await.unwrap();
        let text = crate::metrics::text(&line.registry);
        assert!(text.contains(&format!("reason=\"{reason}\"}} 1")) && line.budget.used() == 0, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_chunk_becomes_several_requests_and_is_acknowledged_after_the_last() {
    let mut line = connected(64 << 20, None);
    let long = "x".repeat(1000);
    let texts: Vec<_> = std::iter::repeat_n(long.as_str(), 3000).collect();
    let message = packed(pairs(&texts), "large", "text");
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &message).unwrap();
    let mut sender = std::mem::replace(&mut line.sender, tokio::io::duplex(1).0);
    let (_, mut deliveries) = tokio::join!(sender.write_all(&bytes), async {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(line.next().await);
        }
        all
    });
    line.sender = sender;
    assert_eq!(deliveries.iter().map(|(bodies, _)| bodies.len()).sum::<usize>(), 3000);
    let last = deliveries.pop().unwrap().1;
    deliveries.into_iter().for_each(|(_, delivery)| delivery.ack.settle(DONE));
    assert!(line.is_silent().await);
    last.ack.settle(DONE);
    assert_eq!(line.hear().await, acknowledged("large"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_was_taken_and_takes_no_more() {
    let mut line = connected(1 << 20, None);
    line.say(&one("hi", Some("c1"))).await;
    let (_, delivery) = line.next().await;
    line.stop.send_replace(true);
    tokio::task::yield_now().await;
    assert!(line.is_silent().await && !line.served.is_finished());
    delivery.ack.settle(DONE);
    assert_eq!((line.hear().await, line.hear().await), (acknowledged("c1"), None));
    line.served.await.unwrap();
}

/// A sender, in the words of the specification.
async fn introduced(key: &str) -> (Line, Value) {
    let mut line = connected(1 << 20, Some("secret"));
    let helo = line.hear().await.unwrap();
    let nonce = helo[1].as_map().unwrap()[0].1.as_slice().unwrap().to_vec();
    let parts = [b"salt", &b"client"[..], &nonce, key.as_bytes()].concat();
    let digest = ring::digest::digest(&ring::digest::SHA512, &parts);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let ping = ["PING", "client", "salt", &hex, "", ""].map(Value::from).to_vec();
    line.say(&Value::Array(ping)).await;
    let pong = line.hear().await.unwrap();
    (line, pong)
}

#[tokio::test(start_paused = true)]
async fn with_a_key_only_who_knows_it_may_send() {
    let (mut line, pong) = introduced("secret").await;
    assert_eq!((pong[0].as_str(), pong[1].as_bool(), pong[3].as_str()), (Some("PONG"), Some(true), Some("collector")));
    line.say(&one("hi", Some("c1"))).await;
    line.next().await.1.ack.settle(DONE);
    assert_eq!(line.hear().await, acknowledged("c1"));

    let (mut line, pong) = introduced("guess").await;
    assert_eq!(pong[1].as_bool(), Some(false));
    assert_eq!(line.hear().await, None);

    let mut line = connected(1 << 20, Some("secret"));
    line.say(&one("hi", None)).await;
    assert!(line.hear().await.is_some());
    assert_eq!(line.hear().await, None);
    line.served.await.unwrap();
    let text = crate::metrics::text(&line.registry);
    assert!(text.contains("reason=\"unauthenticated\"} 1") && line.deliveries.try_recv().is_err(), "{text}");
}
