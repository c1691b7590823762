use super::*;

#[test]
fn the_delay_doubles_up_to_a_minute() {
    let delays: Vec<_> = [1, 2, 3, 6, 7, 100, u32::MAX].map(|failures| delay(failures, 0).as_secs()).into();
    assert_eq!(delays, [1, 2, 4, 32, 60, 60, 60]);
}

#[test]
fn jitter_shortens_by_less_than_a_quarter() {
    assert!(delay(3, 999) > Duration::from_secs(3));
    assert!(delay(3, 999) < Duration::from_secs(4));
}

#[test]
fn success_starts_anew_and_resources_do_not_slow_each_other() {
    let backoff = Backoff::default();
    for _ in 0..5 {
        backoff.failed("a");
    }
    assert!(backoff.failed("a") > Duration::from_secs(20));
    assert!(backoff.failed("b") <= Duration::from_secs(1));
    backoff.succeeded("a");
    assert!(backoff.failed("a") <= Duration::from_secs(1));
}
