//! Since when a count counts.
//!
//! Comes in: what a kubelet says of the beginning of whoever is counted, and each value. Goes out: a time that is never
//! later than the count's last beginning, nor earlier once it began anew. Must not keep what is not told any more.
//!
//! A container that is restarted is another one with a time of its own. But a pod's sandbox may be made anew without its
//! processors' time, and the other way round; so a value that falls has begun anew as well, after it was last seen.

use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Resets {
    /// By whom and what is counted.
    seen: HashMap<(String, &'static str), Seen>,
    /// When values come in, in nanoseconds since the Unix epoch.
    now: u64,
}

#[derive(Debug)]
struct Seen {
    value: u64,
    since: u64,
    at: u64,
}

/// One who is counted.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    resets: &'a mut Resets,
    name: String,
    /// 0 where nobody knows.
    begin: u64,
}

impl Resets {
    /// Values of another time follow.
    pub(super) fn begin(&mut self, now: u64) {
        self.now = now;
    }

    /// All have been told: who was not is forgotten.
    pub(super) fn end(&mut self) {
        self.seen.retain(|_, seen| seen.at == self.now);
    }

    /// `begin` is what is said of it: 0 where nothing is.
    pub(super) fn of(&mut self, name: String, begin: u64) -> Subject<'_> {
        let begin = begin.min(self.now);
        Subject { resets: self, name, begin }
    }
}

impl Subject<'_> {
    pub(super) const fn begin(&self) -> u64 {
        self.begin
    }

    /// How long it is there, in seconds.
    pub(super) fn age(&self) -> Option<u64> {
        (self.begin > 0).then(|| (self.resets.now - self.begin) / 1_000_000_000)
    }

    /// Since when the count has come to this value.
    pub(super) fn since(&mut self, what: &'static str, value: u64) -> u64 {
        let now = self.resets.now;
        let seen = self.resets.seen.entry((self.name.clone(), what));
        let seen = seen.or_insert(Seen { value, since: self.begin, at: now });
        if self.begin > seen.since {
            seen.since = self.begin;
        } else if value < seen.value {
            seen.since = seen.at;
        }
        (seen.value, seen.at) = (value, now);
        seen.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resets: &mut Resets, now: u64, begin: u64, value: u64) -> u64 {
        resets.begin(now);
        let since = resets.of("pod".into(), begin).since("cpu", value);
        resets.end();
        since
    }

    #[test]
    fn a_new_beginning_counts_from_its_own_time() {
        let mut resets = Resets::default();
        assert_eq!(told(&mut resets, 100, 10, 5), 10);
        assert_eq!(told(&mut resets, 200, 10, 7), 10);
        assert_eq!(told(&mut resets, 300, 250, 8), 250, "another one, which has done more already");
        assert_eq!(told(&mut resets, 400, 350, 1), 350);
    }

    #[test]
    fn a_count_that_falls_has_begun_after_it_was_last_seen() {
        let mut resets = Resets::default();
        told(&mut resets, 100, 10, 5);
        assert_eq!(told(&mut resets, 200, 10, 4), 100);
        assert_eq!(told(&mut resets, 300, 10, 6), 100, "and has not begun earlier afterwards");
        assert_eq!(told(&mut resets, 400, 0, 7), 100, "not even where nobody knows");
        assert_eq!(told(&mut resets, 500, 450, 7), 450);
    }

    #[test]
    fn nothing_begins_in_the_future_and_who_is_not_told_is_forgotten() {
        let mut resets = Resets::default();
        assert_eq!(told(&mut resets, 100, 900, 5), 100);
        resets.begin(200);
        resets.end();
        assert!(resets.seen.is_empty());
        assert_eq!(told(&mut resets, 300, 0, 1), 0);
        assert_eq!(resets.of("pod".into(), 0).age(), None);
        resets.begin(5_000_000_000);
        assert_eq!(resets.of("pod".into(), 2_000_000_000).age(), Some(3));
    }
}
