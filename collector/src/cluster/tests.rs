pub(crate) mod server;

use super::*;

#[test]
fn a_deleted_pod_is_known_for_a_while() {
    let (pods, now) = (Pods::default(), Instant::now());
    pods.set("1".into(), Known::default());
    pods.set("2".into(), Known::default());
    pods.remove("1", now);
    assert!(pods.find("1").is_some());
    pods.set_all([("3".to_owned(), Known::default())].into(), now + Duration::from_secs(200));
    assert_eq!(pods.count(), 3);
    pods.set_all([("3".to_owned(), Known::default())].into(), now + REMEMBER);
    assert!(pods.find("1").is_none() && pods.find("2").is_some());
}
