//! What a database has to hold, in the order it is made, as SQL.
//!
//! Comes in: the name of the database, the configuration, whether the server has text indexes. Goes out: one
//! statement an object. Must not know a server.
//!
//! The texts are the files of `schema/`. A line that begins with `/* only a b */` is for the objects that have one of
//! these words; every other line is for all that share the file. `{name}` and the like stand for what differs.

use std::time::Duration;

use crds::config::{self, Retention};

use super::retention::{interval, retention_of};
use crate::table::Table;

const DATABASE: &str = include_str!("../../schema/database.sql");
const LOGS: &str = include_str!("../../schema/logs.sql");
const TRACES: &str = include_str!("../../schema/traces.sql");
const METRICS: &str = include_str!("../../schema/metrics.sql");
const ROLLUP: &str = include_str!("../../schema/rollup.sql");
const LOGS_ROLLUP_VIEW: &str = include_str!("../../schema/logs_rollup_view.sql");
const TRACES_ROLLUP_VIEW: &str = include_str!("../../schema/traces_rollup_view.sql");
const PROMQL: &str = include_str!("../../schema/promql.sql");

/// The first version whose text indexes the tables use.
const TEXT_INDEXES: (u32, u32) = (26, 2);

/// Blocks a table remembers unless told otherwise. A block is tried for seconds, and a table gets about one a second
/// from each gateway: a thousand is minutes for many gateways.
const DEDUPLICATION_WINDOW: u32 = 1_000;

/// Something to be made.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Empty for the database itself.
    pub name: &'static str,
    pub need: Need,
    template: &'static str,
    /// The word its lines are marked with.
    word: &'static str,
    /// Whether its indexes follow the server's version; if not, they are Bloom filters everywhere.
    has_text_indexes: bool,
}

/// How much is lost without it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// Rows are inserted into it.
    Required,
    /// ClickHouse fills it, for the user interface to be quick. Inserts work without it.
    Derived,
}

/// Where and how objects are made.
#[derive(Clone, Debug)]
pub struct Site {
    pub database: String,
    pub config: config::Schema,
    pub retention: Retention,
}

/// Everything to be made, each after what it needs.
pub fn objects(config: &config::Schema) -> Vec<Object> {
    let required = |table: Table, template, word, has_text_indexes| Object {
        name: table.name(),
        need: Need::Required,
        template,
        word,
        has_text_indexes,
    };
    let database =
        Object { name: "", need: Need::Required, template: DATABASE, word: "database", has_text_indexes: false };
    let derived = |name, template| Object { name, need: Need::Derived, template, word: name, has_text_indexes: false };
    let mut objects = vec![
        database,
        required(Table::Logs, LOGS, "otel_logs", true),
        required(Table::Sessions, LOGS, "hyperdx_sessions", false),
        required(Table::Traces, TRACES, "otel_traces", true),
        required(Table::Gauge, METRICS, "gauge", false),
        required(Table::Sum, METRICS, "sum", false),
        required(Table::Histogram, METRICS, "histogram", false),
        required(Table::ExponentialHistogram, METRICS, "exponential_histogram", false),
        required(Table::Summary, METRICS, "summary", false),
        derived("otel_logs_kv_rollup_15m", ROLLUP),
        derived("otel_traces_kv_rollup_15m", ROLLUP),
        derived("otel_logs_attr_kv_rollup_15m_mv", LOGS_ROLLUP_VIEW),
        derived("otel_traces_kv_rollup_15m_mv", TRACES_ROLLUP_VIEW),
    ];
    if config.promql {
        objects.push(derived("metrics_ts", PROMQL));
    }
    objects
}

/// Whether a server of this version (`26.7.2.1`) has the text indexes of the tables.
pub fn has_text_indexes(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= TEXT_INDEXES
}

impl Object {
    /// The statement that makes it where it is absent.
    pub fn sql(&self, site: &Site, has_text_indexes: bool) -> String {
        let indexes = if has_text_indexes && self.has_text_indexes { "text" } else { "bloom" };
        let lines = self.template.lines().filter_map(|line| for_words(line, &[self.word, indexes]));
        let retention = retention_of(self.name, &site.retention).unwrap_or(Duration::ZERO);
        // Engines last: their arguments may hold macros of ClickHouse, which look like ours.
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("{database}", &site.quoted_database())
            .replace("{name}", self.name)
            .replace("{on_cluster}", &site.on_cluster())
            .replace("{retention}", &interval(retention))
            .replace("{deduplication}", &site.deduplication())
            .replace("{summing_engine}", &site.summing_engine())
            .replace("{engine}", &site.config.engine)
    }

    /// Asks whether it is there: the answer is 1 or 0.
    pub fn exists_sql(&self, site: &Site) -> String {
        match self.name {
            "" => format!("EXISTS DATABASE {}", site.quoted_database()),
            name => format!("EXISTS TABLE {}.`{name}`", site.quoted_database()),
        }
    }

    /// Its name, unless it is the database.
    pub fn table(&self) -> Option<&'static str> {
        (!self.name.is_empty()).then_some(self.name)
    }

    /// What a message calls it.
    pub const fn title(&self) -> &'static str {
        if self.name.is_empty() { "the database" } else { self.name }
    }
}

impl Site {
    pub fn quoted_database(&self) -> String {
        format!("`{}`", self.database)
    }

    /// ` ON CLUSTER 'name'`, or nothing. A string, because macros are replaced in strings only.
    pub fn on_cluster(&self) -> String {
        self.config.cluster.as_ref().map_or_else(String::new, |cluster| format!(" ON CLUSTER '{cluster}'"))
    }

    /// The blocks a table that is not replicated has to remember. 0: leave it alone.
    pub fn deduplication_window(&self) -> u32 {
        self.config.deduplication_window.unwrap_or(DEDUPLICATION_WINDOW)
    }

    fn deduplication(&self) -> String {
        let (is_replicated, window) = (!self.config.engine.starts_with("Merge"), self.config.deduplication_window);
        match (is_replicated, window) {
            (_, Some(0)) | (true, None) => String::new(),
            (true, Some(window)) => format!(", replicated_deduplication_window = {window}"),
            (false, _) => format!(", non_replicated_deduplication_window = {}", self.deduplication_window()),
        }
    }

    /// `ReplicatedMergeTree('/path', …)` → `ReplicatedSummingMergeTree('/path', …)`.
    fn summing_engine(&self) -> String {
        self.config.engine.replacen("MergeTree", "SummingMergeTree", 1)
    }
}

/// The line, if it is for one of these words.
fn for_words<'a>(line: &'a str, words: &[&str]) -> Option<&'a str> {
    let Some((wanted, rest)) = line.trim_start().strip_prefix("/* only ").and_then(|line| line.split_once(" */ "))
    else {
        return Some(line);
    };
    wanted.split(' ').any(|wanted| words.contains(&wanted)).then_some(rest)
}

#[cfg(test)]
mod tests;
