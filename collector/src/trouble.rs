//! Something that is wrong on the way out, noted for whoever asks. Comes in: an error. Goes out: a [`Trouble`] with its
//! beginning. Must not decide what is wrong: each outlet knows.

use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use crds::destination::{Destination, Kind, Trouble};
use tokio::sync::watch;

/// The same kind of trouble keeps its beginning.
pub(crate) fn note(place: &mut Option<Trouble>, kind: Kind, code: Option<u32>, message: String) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let since = place.as_ref().filter(|trouble| trouble.kind == kind).map_or_else(now, |trouble| trouble.since);
    *place = Some(Trouble { kind, code, message, since });
}

/// An error with its causes on one line; hyper says "client error" and keeps the reason in the cause.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Tells whoever asks what is true now, and wakes those who wait only where that is news.
pub(crate) fn tell(told: &watch::Sender<Destination>, now: Destination) {
    told.send_if_modified(|told| {
        let is_news = *told != now;
        *told = now;
        is_news
    });
}
