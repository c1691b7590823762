//! When to ask again, and what is worth a line in the log.
//!
//! Comes in: what became of questions. Goes out: pauses. Failures are followed sooner, and later each time, at most as late
//! as answers; by chance a little off, so that collectors started together do not ask together.

use std::time::Duration;

/// After the first failure.
const SHORTEST: Duration = Duration::from_secs(1);

/// The rhythm of one client.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    failures: u32,
    is_met: bool,
    /// The reason that was told last, until an answer.
    told: Option<String>,
}

impl Pace {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, failures: 0, is_met: false, told: None }
    }

    /// Whether the last question was answered.
    pub(super) const fn is_met(&self) -> bool {
        self.is_met && self.failures == 0
    }

    /// Whether an answer is news: the first one, or after failures.
    pub(super) const fn is_good_news(&self) -> bool {
        !self.is_met()
    }

    /// Whether a reason is not the one told last.
    pub(super) fn is_news(&mut self, reason: &str) -> bool {
        let is_news = self.told.as_deref() != Some(reason);
        self.told = Some(reason.to_owned());
        is_news
    }

    /// The pause after an answer; none where the server is owed one.
    pub(super) fn answered(&mut self, is_owed: bool) -> Duration {
        (self.failures, self.is_met, self.told) = (0, true, None);
        if is_owed { Duration::ZERO } else { about(self.interval) }
    }

    /// The pause after a failure; `asked` is what the server wants.
    pub(super) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = SHORTEST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        about(doubled.min(self.interval)).max(asked.unwrap_or_default())
    }
}

/// Up to a fifth more or less.
fn about(pause: Duration) -> Duration {
    // Without the system's randomness all pauses are as long as they should be.
    let chance = getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX));
    pause.mul_f64(0.8 + 0.4 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(pause: Duration, seconds: f64) -> bool {
        (0.8 * seconds..=1.2 * seconds + 1e-6).contains(&pause.as_secs_f64())
    }

    #[test]
    fn failures_are_followed_later_each_time_and_never_later_than_answers() {
        let mut pace = Pace::new(Duration::from_secs(30));
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = pace.failed(None);
            assert!(is_about(pause, seconds), "{pause:?} is not about {seconds} s");
        }
        for _ in 0..100 {
            pace.failed(None);
        }
        assert!(is_about(pace.failed(None), 30.0));
        assert!(is_about(pace.answered(false), 30.0));
        assert!(is_about(pace.failed(None), 1.0), "an answer begins anew");
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_and_one_that_is_owed_a_word_gets_that_at_once() {
        let mut pace = Pace::new(Duration::from_secs(30));
        assert_eq!(pace.failed(Some(Duration::from_secs(60))), Duration::from_secs(60));
        assert!(pace.failed(Some(Duration::from_millis(1))) >= Duration::from_millis(1600));
        assert_eq!(pace.answered(true), Duration::ZERO);
    }

    #[test]
    fn a_reason_is_told_once_and_again_after_an_answer() {
        let mut pace = Pace::new(Duration::from_secs(30));
        assert!(pace.is_good_news(), "the first answer is");
        assert!(pace.is_news("away") && !pace.is_news("away") && pace.is_news("broken"));
        pace.failed(None);
        assert!(pace.is_good_news());
        pace.answered(false);
        assert!(!pace.is_good_news() && pace.is_news("broken"));
    }
}
