use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::Event;
use serde_json::json;

use super::*;

type Named = Shelf<String>;

fn object(name: &str, version: u64) -> ConfigMap {
    serde_json::from_value(
        json!({"metadata": {"namespace": "ns", "name": name, "resourceVersion": version.to_string()}}),
    )
    .unwrap()
}

/// Of the owner `o`; the value says the version.
fn item(object: &ConfigMap) -> Item<String> {
    Item::new(object, vec!["o".into()], object.resource_version().unwrap())
}

fn see(shelf: &Named, event: &Event<ConfigMap>) -> Vec<Place> {
    shelf.take_in(event, item)
}

/// Sent and answered at once.
fn write(shelf: &Named, object: &ConfigMap) {
    shelf.wrote(item(object), shelf.sends());
}

fn news() -> Vec<Place> {
    vec!["o".into()]
}

#[test]
fn an_event_that_says_what_the_answer_to_a_write_has_said_is_no_news() {
    let shelf = Named::default();
    write(&shelf, &object("a", 10));
    assert_eq!(shelf.of("o"), ["10"]);
    assert!(see(&shelf, &Event::Apply(object("a", 9))).is_empty(), "older than the write");
    assert!(see(&shelf, &Event::Apply(object("a", 10))).is_empty());
    assert_eq!(shelf.of("o"), ["10"]);
    assert_eq!(see(&shelf, &Event::Apply(object("a", 11))), news());
    assert_eq!(shelf.of("o"), ["11"]);
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_object_does_not_bring_it_back() {
    let shelf = Named::default();
    see(&shelf, &Event::Apply(object("a", 10)));
    assert_eq!(see(&shelf, &Event::Delete(object("a", 11))), news());
    write(&shelf, &object("a", 10));
    assert!(shelf.of("o").is_empty());
}

#[test]
fn an_object_made_anew_outlives_the_news_of_the_end_of_the_one_before() {
    let shelf = Named::default();
    see(&shelf, &Event::Apply(object("a", 10)));
    write(&shelf, &object("a", 12));
    assert!(see(&shelf, &Event::Delete(object("a", 11))).is_empty());
    assert_eq!(shelf.of("o"), ["12"]);
}

#[test]
fn a_new_list_is_all_there_is() {
    let shelf = Named::default();
    for (name, version) in [("same", 1), ("gone", 2), ("changed", 3)] {
        see(&shelf, &Event::Apply(object(name, version)));
    }
    see(&shelf, &Event::Init);
    see(&shelf, &Event::InitApply(object("same", 1)));
    see(&shelf, &Event::InitApply(object("changed", 5)));
    assert_eq!(shelf.of("o"), ["3", "2", "1"], "what was known holds until the list is whole");
    assert_eq!(see(&shelf, &Event::InitDone), news());
    assert_eq!(shelf.of("o"), ["5", "1"]);
    see(&shelf, &Event::Init);
    for (name, version) in [("same", 1), ("changed", 5)] {
        see(&shelf, &Event::InitApply(object(name, version)));
    }
    assert!(see(&shelf, &Event::InitDone).is_empty(), "a list that says the same is no news");
}

/// Written at version 10 and deleted at 11, while there was no watch: no event will ever tell.
#[test]
fn an_object_that_has_gone_while_the_watch_was_broken_does_not_come_back_with_a_slow_answer() {
    let events = [Event::Init, Event::InitApply(object("other", 5)), Event::InitDone];
    // Whenever the write was sent and answered, but for both before the list or both after.
    for sent in 0..events.len() {
        for answered in sent + 1..=events.len() {
            let shelf = Named::default();
            let mut write = None;
            for (at, event) in events.iter().enumerate() {
                if at == sent {
                    write = Some(shelf.sends());
                }
                if at == answered {
                    shelf.wrote(item(&object("a", 10)), write.unwrap());
                }
                see(&shelf, event);
            }
            if answered == events.len() {
                shelf.wrote(item(&object("a", 10)), write.unwrap());
            }
            assert_eq!(shelf.of("o"), ["5"], "sent before event {sent}, answered before {answered}");
        }
    }
}

#[test]
fn an_object_that_is_written_while_a_list_is_made_comes_with_its_event() {
    let shelf = Named::default();
    see(&shelf, &Event::Init);
    write(&shelf, &object("a", 10));
    see(&shelf, &Event::InitDone);
    assert!(shelf.of("o").is_empty());
    assert_eq!(see(&shelf, &Event::Apply(object("a", 10))), news());
    write(&shelf, &object("a", 11));
    assert_eq!(shelf.of("o"), ["11"], "and after it answers are believed");
}

#[test]
fn who_loses_an_object_to_another_hears_of_it() {
    let shelf = Named::default();
    see(&shelf, &Event::Apply(object("a", 1)));
    let given_away = |object: &ConfigMap| Item { owners: vec!["p".into()], ..item(object) };
    let woken = shelf.take_in(&Event::Apply(object("a", 2)), given_away);
    assert_eq!(woken, ["o".into(), "p".into()] as [Place; 2]);
    assert!(shelf.of("o").is_empty());
    assert_eq!(shelf.of("p"), ["2"]);
    assert_eq!(shelf.get("ns/a").as_deref(), Some("2"));
}
