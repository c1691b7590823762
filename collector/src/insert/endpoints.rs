//! Which of several ClickHouse servers is spoken to.
//!
//! Comes in: addresses, and what became of requests to them. Goes out: the one for the next request. It stays the
//! same until it fails; one that failed is passed over for a while. Must not decide whether a block may move: that
//! depends on what the first server may have done with it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a server that failed is passed over: longer than a restart of ClickHouse takes, short beside the time a
/// lost one is missed.
const PASSED_OVER: Duration = Duration::from_secs(10);

/// One of the configured servers, by its place in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Server(usize);

/// The configured servers.
#[derive(Debug)]
pub struct Endpoints {
    /// `http://host:8123`, without a slash at its end.
    addresses: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: usize,
    /// Until when each is passed over.
    until: Vec<Option<Instant>>,
}

impl Endpoints {
    pub fn new<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let addresses: Vec<_> = addresses.map(|address| address.trim_end_matches('/').to_owned()).collect();
        let until = vec![None; addresses.len()];
        Self { addresses, state: Mutex::new(State { current: 0, until }) }
    }

    pub fn address(&self, server: Server) -> &str {
        self.addresses.get(server.0).map_or("", String::as_str)
    }

    pub fn all(&self) -> impl Iterator<Item = Server> + use<> {
        (0..self.addresses.len()).map(Server)
    }

    /// The server for the next request: the last one that worked; where it is passed over the next one in the list;
    /// where all are, the one whose time ends first.
    pub fn choose(&self, now: Instant) -> Server {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.until.len().max(1);
        let is_usable = |index: &usize| state.until.get(*index).copied().flatten().is_none_or(|until| until <= now);
        let in_turn = || (0..count).map(|step| (state.current + step) % count);
        let next = in_turn().find(is_usable);
        let chosen = next.or_else(|| in_turn().min_by_key(|index| state.until.get(*index).copied().flatten()));
        state.current = chosen.unwrap_or(state.current);
        Server(state.current)
    }

    /// It failed; says whether that is news.
    pub fn pass_over(&self, server: Server, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.until.get_mut(server.0) else { return false };
        let is_news = until.is_none_or(|until| until <= now);
        *until = Some(now + PASSED_OVER);
        is_news
    }

    /// It answered.
    pub fn works(&self, server: Server) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = state.until.get_mut(server.0) {
            *until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Endpoints, Instant) {
        (Endpoints::new(["http://a", "http://b/", "http://c"].into_iter()), Instant::now())
    }

    #[test]
    fn the_first_is_kept_until_it_fails_and_the_next_is_kept_after_it_is_back() {
        let (servers, now) = three();
        assert_eq!(servers.address(servers.choose(now)), "http://a");
        assert!(servers.pass_over(Server(0), now) && !servers.pass_over(Server(0), now));
        assert_eq!(servers.address(servers.choose(now)), "http://b");
        assert_eq!(servers.choose(now + PASSED_OVER * 2), Server(1), "no way back without need");
    }

    #[test]
    fn where_all_fail_the_one_that_failed_first_is_tried() {
        let (servers, now) = three();
        for (after, server) in [(0, 1), (1, 2), (2, 0)] {
            servers.pass_over(Server(server), now + Duration::from_secs(after));
        }
        assert_eq!(servers.choose(now + Duration::from_secs(3)), Server(1));
        servers.works(Server(2));
        servers.pass_over(Server(1), now + Duration::from_secs(4));
        assert_eq!(servers.choose(now + Duration::from_secs(5)), Server(2));
    }
}
