//! What is known of the way to ClickHouse: whether somebody answers, whether we are let in, whether blocks are taken.
//!
//! Comes in: answers to pings, to statements and to inserts. Goes out: a [`Destination`] whoever asks is told. A thing
//! that goes wrong once is nobody's business: a ping must fail twice, a block must have been given back. Must not
//! influence what is sent, and must not tell a value.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crds::destination::{Destination, Kind, Schema, Server, Trouble};
use tokio::sync::watch;

use super::{Client, InsertError};
use crate::{
    table::Table,
    trouble::{note, tell},
};

/// Between two pings, and from a failed one to the next: two failures and their time-outs fit into ten seconds.
const PING_EVERY: Duration = Duration::from_secs(3);
const PING_AGAIN: Duration = Duration::from_secs(1);

/// Without a new failure in this time nothing is known any more: nobody may have sent for the table since.
const FAILURE_LASTS: Duration = Duration::from_secs(60);

/// Shared by everything that speaks with ClickHouse.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    known: Arc<Mutex<Known>>,
    told: Arc<watch::Sender<Destination>>,
}

/// Each kind of trouble has a source of its own, and only this source says that it is over.
#[derive(Debug, Default)]
struct Known {
    is_schema_current: bool,
    failed_pings: u32,
    unreachable: Option<Trouble>,
    refused: Option<Trouble>,
    schema: Option<Trouble>,
    /// By table, so that one which takes blocks does not hide another.
    inserts: BTreeMap<&'static str, (Trouble, Instant)>,
}

impl Reach {
    /// What is told, now and whenever it changes.
    pub fn told(&self) -> watch::Receiver<Destination> {
        self.told.subscribe()
    }

    /// Asks whether somebody is there, for as long as the process lives; while we are not let in, asks for that too.
    pub async fn keep(self, client: Client) {
        loop {
            let answer = client.ping().await;
            let pause = if answer.is_ok() { PING_EVERY } else { PING_AGAIN };
            self.pinged(answer.err().as_ref());
            if self.lock().refused.is_some() {
                // Its end is noted where every answer is.
                let _ = client.query("SELECT 1").await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A ping was answered, or failed.
    pub(super) fn pinged(&self, failure: Option<&InsertError>) {
        self.change(|known| {
            known.inserts.retain(|_, (_, last)| last.elapsed() < FAILURE_LASTS);
            let Some(error) = failure else {
                if known.unreachable.take().is_some() {
                    // What failed for want of an answer is over with it.
                    known.inserts.retain(|_, (trouble, _)| trouble.code.is_some());
                }
                known.failed_pings = 0;
                return;
            };
            known.failed_pings = known.failed_pings.saturating_add(1);
            if known.failed_pings >= 2 {
                let kind = refusal(error).unwrap_or(Kind::Unreachable);
                note(&mut known.unreachable, kind, error.code(), error.to_string());
            }
        });
    }

    /// A statement or a block was answered. Says nothing of whether somebody is there: pings do.
    pub(super) fn answered(&self, failure: Option<&InsertError>) {
        // The way of nearly every block: nothing is wrong, and nothing was.
        if failure.is_none() && self.told.borrow().trouble.is_none() {
            return;
        }
        self.change(|known| match failure {
            None => known.refused = None,
            Some(error) => {
                if let Some(kind) = refusal(error) {
                    note(&mut known.refused, kind, error.code(), error.to_string());
                }
            }
        });
    }

    /// A block was stored.
    pub(super) fn inserted(&self, table: Table) {
        if self.told.borrow().trouble.is_some() {
            self.change(|known| drop(known.inserts.remove(table.name())));
        }
    }

    /// A block was given back to its senders, after all its tries.
    pub(super) fn gave_up(&self, table: Table, error: &InsertError) {
        if refusal(error).is_some() {
            return;
        }
        self.change(|known| {
            let message = format!("blocks of {} are not taken: {error}", table.name());
            let mut trouble = known.inserts.remove(table.name()).map(|(trouble, _)| trouble);
            note(&mut trouble, of_code(error.code(), Kind::InsertsFail), error.code(), message);
            known.inserts.extend(trouble.map(|trouble| (table.name(), (trouble, Instant::now()))));
        });
    }

    /// The tables are there, or why not.
    pub(crate) fn schema(&self, failure: Option<(Option<u32>, String)>) {
        self.change(|known| {
            known.is_schema_current = failure.is_none();
            match failure {
                None => known.schema = None,
                // Without an answer it is the way that fails.
                Some((None, _)) => {}
                Some((code, message)) => note(&mut known.schema, of_code(code, Kind::Schema), code, message),
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let now = {
            let mut known = self.lock();
            change(&mut known);
            known.told()
        };
        tell(&self.told, now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn told(&self) -> Destination {
        let inserts = self.inserts.values().map(|(trouble, _)| trouble);
        let all = [&self.unreachable, &self.refused, &self.schema].into_iter().flatten().chain(inserts);
        let schema = if self.is_schema_current { Schema::Current } else { Schema::Pending };
        let trouble = all.min_by_key(|trouble| trouble.kind).cloned();
        Destination { server: Server::ClickHouse, schema, trouble }
    }
}

/// Why we are not let in, if this is why. Codes: UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD,
/// AUTHENTICATION_FAILED.
fn refusal(error: &InsertError) -> Option<Kind> {
    match (error, error.code()) {
        (InsertError::Login(_) | InsertError::Tls(_), _) => Some(Kind::Credentials),
        (_, Some(192 | 193 | 194 | 516)) => Some(Kind::AuthFailed),
        _ => None,
    }
}

/// ACCESS_DENIED is a matter of one statement: another may be allowed.
const fn of_code(code: Option<u32>, otherwise: Kind) -> Kind {
    if matches!(code, Some(497)) { Kind::AccessDenied } else { otherwise }
}

#[cfg(test)]
mod tests;
