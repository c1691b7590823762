//! ClickHouse as the gateways see it, in the conditions.

use crds::destination::{Destination, Kind, Schema, Server, Trouble as Told};

use super::*;
use crate::{plan::Mount, references::Referent};

mod forward;

fn told_by(pod: &str, schema: Schema, kind: Option<Kind>) -> Way {
    told_of(Server::ClickHouse, pod, schema, kind)
}

fn told_of(server: Server, pod: &str, schema: Schema, kind: Option<Kind>) -> Way {
    let trouble =
        kind.map(|kind| Told { kind, code: Some(516), message: "it says no".to_owned(), since: 1_767_225_600 });
    Way { pod: pod.to_owned(), word: Word::Says(Destination { server, schema, trouble }) }
}

fn with(ways: Vec<Way>, ready: i32) -> Status {
    after(None, ways, ready)
}

fn after(previous: Option<&Status>, ways: Vec<Way>, ready: i32) -> Status {
    let mut plan = plan();
    let files = ["username", "password"].map(|key| (key.to_owned(), key.to_owned())).to_vec();
    let referent = Referent::Secret("clickhouse".to_owned());
    let credentials = Mount { name: Mount::CREDENTIALS.to_owned(), directory: "/c".to_owned(), referent, files };
    plan.gateway.as_mut().unwrap().pod.mounts = vec![credentials];
    let pods = pods::Summary { steady: ready, ..Default::default() };
    let seen = Observed { ways, ..gateway(Workload { ready, available: ready, ..rolled_out() }, pods) };
    made(Outcome::Applied(&plan), &[seen], previous)
}

#[test]
fn nothing_is_claimed_of_clickhouse_before_a_gateway_has_told() {
    for word in [Word::NotYet, Word::Silent] {
        let status = with(vec![Way { pod: "a".to_owned(), word }], 0);
        assert_eq!(told(&status, "ClickHouseReachable").unwrap().0, "Unknown");
        assert_eq!(status.clickhouse, None);
    }
    let status = with(vec![told_by("a", Schema::Pending, None)], 0);
    assert_eq!(told(&status, "ClickHouseReachable").unwrap().0, "Unknown");
    let status = with(vec![told_by("a", Schema::Current, None), told_by("b", Schema::Pending, None)], 2);
    let message = "1 gateway reaches ClickHouse, and the tables are in place";
    assert_eq!(told(&status, "ClickHouseReachable"), Some(("True", "Reached", message)));
}

#[test]
fn an_outage_degrades_and_leaves_ready_what_was_ready() {
    let status = with(vec![told_by("b", Schema::Current, Some(Kind::Unreachable))], 2);
    assert_eq!(told(&status, "Ready").unwrap().0, "True");
    for (type_, state) in [("ClickHouseReachable", "False"), ("Degraded", "True")] {
        let (status, reason, message) = told(&status, type_).unwrap();
        assert_eq!((status, reason), (state, "ClickHouseUnreachable"));
        assert!(message.contains("pod b") && message.contains("since 2026-01-01T00:00:00Z"), "{message}");
    }
}

#[test]
fn a_gateway_that_was_never_let_in_says_why_it_is_not_ready_and_where_to_look() {
    let status = with(vec![told_by("b", Schema::Pending, Some(Kind::AuthFailed))], 0);
    let (state, reason, message) = told(&status, "Ready").unwrap();
    assert_eq!((state, reason), ("False", "ClickHouseAuthFailed"));
    assert!(message.contains("Secret clickhouse, keys username and password"), "{message}");
    assert_eq!(
        status.clickhouse,
        Some(crds::v1alpha1::ClickHouseStatus { reachable: false, schema: "Pending".into() })
    );
}

#[test]
fn an_operator_that_has_just_begun_says_what_was_said_until_gateways_have_told() {
    let asked = |word| vec![told_by("a", Schema::Current, None), Way { pod: "b".to_owned(), word }];
    let outage = vec![told_by("b", Schema::Current, Some(Kind::Unreachable))];
    let reached = Word::Says(Destination { schema: Schema::Current, ..Destination::default() });
    for before in [with(asked(reached), 2), with(outage, 2)] {
        assert_eq!(after(Some(&before), asked(Word::NotYet), 2), before);
        let later = after(Some(&before), asked(Word::Silent), 2);
        assert_eq!(told(&later, "ClickHouseReachable").unwrap().0, "True");
    }
}

#[test]
fn blocks_that_are_not_taken_degrade_and_clickhouse_is_reachable() {
    let status = with(vec![told_by("b", Schema::Current, Some(Kind::InsertsFail))], 2);
    assert_eq!(told(&status, "ClickHouseReachable").unwrap().0, "True");
    assert_eq!(told(&status, "Degraded").unwrap().1, "InsertsFail");
}

#[test]
fn of_several_gateways_the_worst_and_oldest_trouble_is_told() {
    let mut ways = vec![
        told_by("a", Schema::Current, Some(Kind::InsertsFail)),
        told_by("c", Schema::Current, Some(Kind::AuthFailed)),
        told_by("b", Schema::Current, Some(Kind::AuthFailed)),
    ];
    let message = |ways: &[Way]| told(&with(ways.to_vec(), 2), "Degraded").unwrap().2.to_owned();
    let first = message(&ways);
    assert!(first.contains("pod b"), "{first}");
    ways.reverse();
    assert_eq!(message(&ways), first);
}
