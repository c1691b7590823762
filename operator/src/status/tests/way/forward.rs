//! The gateway that is forwarded to, in the conditions.

use crds::config::Forward;

use super::*;
use crate::validate::Refusal;

const CENTRAL: &str = "https://central.example:4317";

fn forwarding(token: bool) -> Plan {
    let mut plan = plan();
    let pod = &mut plan.gateway.as_mut().unwrap().pod;
    (pod.config.clickhouse, pod.config.forward) = (None, Some(Forward::to(CENTRAL)));
    let (referent, files) = (Referent::Secret("central".to_owned()), vec![("key".to_owned(), "token".to_owned())]);
    let (name, directory) = (Mount::TOKEN.to_owned(), "/etc/clickstack-forward-token".to_owned());
    pod.mounts = if token { vec![Mount { name, directory, referent, files }] } else { Vec::new() };
    plan
}

fn seen(ways: Vec<Way>, ready: i32) -> Observed {
    let pods = pods::Summary { steady: ready, ..Default::default() };
    Observed { ways, ..gateway(Workload { ready, available: ready, ..rolled_out() }, pods) }
}

fn with(ways: Vec<Way>, ready: i32) -> Status {
    made(Outcome::Applied(&forwarding(true)), &[seen(ways, ready)], None)
}

fn says(pod: &str, schema: Schema, kind: Option<Kind>) -> Way {
    told_of(Server::Gateway, pod, schema, kind)
}

#[test]
fn gateways_that_forward_claim_nothing_of_clickhouse_and_say_whom_they_reach() {
    let status = with(vec![says("a", Schema::Current, None), says("b", Schema::Current, None)], 2);
    let (state, reason, message) = told(&status, "ClickHouseReachable").unwrap();
    assert_eq!((state, reason), ("Unknown", "ForwardsElsewhere"));
    assert!(message.contains(CENTRAL), "{message}");
    let message = format!("2 gateways reach {CENTRAL}, and it lets them in");
    assert_eq!(told(&status, "ForwardReachable"), Some(("True", "Reached", message.as_str())));
    assert_eq!((told(&status, "Ready").unwrap().0, told(&status, "Degraded").unwrap().0), ("True", "False"));
    assert_eq!(status.clickhouse, None);
}

#[test]
fn a_central_gateway_that_is_away_is_named_and_leaves_ready_what_was_ready() {
    let status = with(vec![says("b", Schema::Current, Some(Kind::Unreachable))], 2);
    assert_eq!(told(&status, "Ready").unwrap().0, "True");
    for (type_, state) in [("ForwardReachable", "False"), ("Degraded", "True")] {
        let (status, reason, message) = told(&status, type_).unwrap();
        assert_eq!((status, reason), (state, "ForwardUnreachable"));
        assert!(
            message.contains(CENTRAL) && message.contains("pod b") && message.contains("since 2026-01-01T"),
            "{message}"
        );
    }
}

#[test]
fn a_refused_token_is_told_with_the_secret_it_comes_from() {
    let refused = || vec![says("b", Schema::Pending, Some(Kind::AuthFailed))];
    let status = with(refused(), 0);
    for type_ in ["Ready", "ForwardReachable"] {
        let (state, reason, message) = told(&status, type_).unwrap();
        assert_eq!((state, reason), ("False", "ForwardAuthFailed"));
        assert!(message.contains(CENTRAL) && message.contains("Secret central, key key"), "{message}");
    }
    let status = made(Outcome::Applied(&forwarding(false)), &[seen(refused(), 0)], None);
    assert!(told(&status, "Degraded").unwrap().2.contains("forwardTo.auth names no token"));
}

#[test]
fn who_is_denied_access_to_a_central_gateway_does_not_reach_it() {
    let status = with(vec![says("b", Schema::Current, Some(Kind::AccessDenied))], 2);
    assert_eq!(told(&status, "ForwardReachable").unwrap().0, "False");
}

#[test]
fn a_file_that_cannot_be_used_is_traced_to_its_object() {
    let mut way = says("b", Schema::Pending, Some(Kind::Credentials));
    if let Word::Says(Destination { trouble: Some(trouble), .. }) = &mut way.word {
        trouble.message = "/etc/clickstack-forward-token/token holds no token".to_owned();
    }
    let status = with(vec![way], 0);
    let (_, reason, message) = told(&status, "Degraded").unwrap();
    assert_eq!(reason, "CredentialsUnusable");
    assert!(message.contains("it comes from Secret central"), "{message}");
}

#[test]
fn deliveries_that_are_not_taken_degrade_and_the_way_is_open() {
    let status = with(vec![says("b", Schema::Current, Some(Kind::InsertsFail))], 2);
    assert_eq!(told(&status, "ForwardReachable").unwrap().0, "True");
    let (_, reason, message) = told(&status, "Degraded").unwrap();
    assert_eq!(reason, "ForwardFails");
    assert!(message.contains(CENTRAL), "{message}");
}

#[test]
fn while_nothing_is_planned_those_that_run_have_the_word() {
    let ways = vec![says("a", Schema::Current, None)];
    let paused = |ways, previous| made(Outcome::Refused(&Refusal::Paused), &[seen(ways, 2)], previous);
    let status = paused(ways, None);
    assert_eq!(told(&status, "ForwardReachable").unwrap().0, "True");
    let asked = vec![Way { pod: "a".to_owned(), word: Word::NotYet }];
    let later = paused(asked, Some(&status));
    assert_eq!(told(&later, "ForwardReachable"), told(&status, "ForwardReachable"));
    let stores = paused(vec![told_by("a", Schema::Current, None)], Some(&status));
    assert_eq!(told(&stores, "ForwardReachable"), None);
    assert_eq!(told(&stores, "ClickHouseReachable").unwrap().0, "True");
}

#[test]
fn what_becomes_of_telemetry_meanwhile_is_told() {
    let mut plan = forwarding(true);
    let away = || [seen(vec![says("b", Schema::Current, Some(Kind::Unreachable))], 2)];
    let without = made(Outcome::Applied(&plan), &away(), None);
    assert!(told(&without, "Degraded").unwrap().2.contains("told to send again"));
    let spool = serde_json::from_value(json!({"directory": "/spool"})).unwrap();
    plan.gateway.as_mut().unwrap().pod.config.spool = Some(spool);
    let with = made(Outcome::Applied(&plan), &away(), None);
    assert!(told(&with, "Degraded").unwrap().2.contains("waits in the spool"));
}

#[test]
fn gateways_that_still_store_are_not_taken_for_those_that_forward() {
    let status = with(vec![told_by("old", Schema::Current, None), says("new", Schema::Pending, None)], 2);
    assert_eq!(told(&status, "ForwardReachable").unwrap().1, "NotToldYet");
    assert_eq!(told(&status, "ClickHouseReachable").unwrap().1, "ForwardsElsewhere");
}
