use super::*;

fn lease(version: &str) -> Value {
    json!({"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": "other"}})
}

#[test]
fn a_lease_of_another_is_taken_only_after_it_was_seen_unchanged_for_its_whole_duration() {
    let (mut seen, begin) = (None, Instant::now());
    assert!(!is_abandoned(&lease("1"), &mut seen, begin));
    assert!(!is_abandoned(&lease("1"), &mut seen, begin + DURATION));
    assert!(!is_abandoned(&lease("2"), &mut seen, begin + DURATION * 2), "it was renewed");
    assert!(!is_abandoned(&lease("2"), &mut seen, begin + DURATION * 3));
    assert!(is_abandoned(&lease("2"), &mut seen, begin + DURATION * 3 + LOOK_EVERY));
}

#[test]
fn a_position_is_kept_beside_what_others_have_annotated() {
    let mut found = json!({"metadata": {"annotations": {"team": "a"}}});
    assert_eq!(position(&found), None);
    set_position(&mut found, None);
    set_position(&mut found, Some(17));
    assert_eq!(position(&found), Some(17));
    assert_eq!(found["metadata"]["annotations"]["team"], "a");
    for mut strange in [json!([]), json!({"metadata": "x"}), json!({"metadata": {"annotations": [1]}})] {
        set_position(&mut strange, Some(1));
        assert_eq!(position(&strange), Some(1));
    }
}
