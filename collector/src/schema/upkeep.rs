//! What is done to tables that are there: comes in what the server says of them, goes out statements. Must not touch
//! columns, keys, indexes or engines: those are their owner's.
//!
//! The deduplication window is set where it is 0, which is what the collector this one replaces leaves behind: without
//! it a block that is sent again is stored twice, and the answer "OK" promises that it is not. It changes no row that
//! is there. A window somebody has chosen stays.

use super::{
    objects::Site,
    retention::{self, Change, retention_of},
};

/// A table that is there.
#[derive(Clone, Debug)]
pub struct Existing {
    pub name: String,
    pub engine: String,
    /// Its `CREATE` statement as the server prints it.
    pub create: String,
}

/// Something to do to a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    Alter {
        table: String,
        sql: String,
        what: &'static str,
    },
    /// Left alone, for this reason.
    Leave {
        table: String,
        why: &'static str,
    },
}

/// Asks for the fields of [`Existing`], in their order.
pub fn existing_sql(database: &str) -> String {
    format!(
        "SELECT name, engine, create_table_query FROM system.tables WHERE database = '{database}' \
         AND engine LIKE '%MergeTree%' AND (name LIKE 'otel\\\\_%' OR name = 'hyperdx_sessions') \
         ORDER BY name FORMAT JSONCompactEachRow"
    )
}

/// Asks for the deduplication window of tables whose statement names none.
pub fn default_window_sql() -> String {
    format!("SELECT value FROM system.merge_tree_settings WHERE name = '{WINDOW}'")
}

/// Everything that is to be done to a table, on a server with this default window.
pub fn steps(table: &Existing, default_window: &str, site: &Site) -> Vec<Step> {
    // Not one of ours, whatever its name begins with.
    let Some(wanted) = retention_of(&table.name, &site.retention) else { return Vec::new() };
    let alter = |what, change: &str| Step::Alter {
        table: table.name.clone(),
        sql: format!("ALTER TABLE {}.`{}`{} {change}", site.quoted_database(), table.name, site.on_cluster()),
        what,
    };
    let mut steps = Vec::new();
    if forgets_blocks(table, default_window) && site.deduplication_window() > 0 {
        let change = format!("MODIFY SETTING {WINDOW} = {}", site.deduplication_window());
        steps.push(alter("deduplication window", &change));
    }
    if site.config.reconcile_retention {
        match retention::change(&table.create, wanted) {
            Change::Nothing => {}
            Change::Rule { rule, is_longer } => {
                // Rows that were to go early must learn that they may stay. The other way round the next merges see to
                // it, and rewriting everything at once would cost more than the disk it frees.
                let at_once = u8::from(is_longer);
                let change = format!("MODIFY TTL {rule} SETTINGS materialize_ttl_after_modify = {at_once}");
                steps.push(alter("retention", &change));
            }
            Change::Foreign => steps.push(Step::Leave {
                table: table.name.clone(),
                why: "its TTL is not one column plus one fixed interval; change it by hand",
            }),
        }
    }
    steps
}

const WINDOW: &str = "non_replicated_deduplication_window";

/// Whether a block sent twice would be stored twice. Replicated and shared tables always remember blocks.
fn forgets_blocks(table: &Existing, default_window: &str) -> bool {
    if table.engine.starts_with("Replicated") || table.engine.starts_with("Shared") {
        return false;
    }
    let own = table.create.split_once(WINDOW).and_then(|(_, rest)| rest.strip_prefix(" = "));
    let window = own.map_or(default_window, |rest| rest.split([',', ' ']).next().unwrap_or_default());
    window == "0"
}

#[cfg(test)]
mod tests;
