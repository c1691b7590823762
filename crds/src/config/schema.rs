//! The `clickhouse.schema` section: what a gateway may make of the tables, and how.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// How tables are made, and what is done to those that are there.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Schema {
    /// Make what is absent. `false`: only look, and wait for somebody else to make it.
    pub manage: bool,
    /// Cluster all statements run on (`ON CLUSTER`); may be a macro, `{cluster}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "kubernetes", schemars(length(min = 1, max = 128), regex(pattern = "^[-_.{}A-Za-z0-9]+$")))]
    pub cluster: Option<String>,
    /// Engine of the tables: `MergeTree`, `ReplicatedMergeTree` or `SharedMergeTree`, with its arguments if any.
    /// The rollups get the summing kind of the same engine.
    #[cfg_attr(
        feature = "kubernetes",
        schemars(length(max = 300), regex(pattern = "^(Replicated|Shared)?MergeTree *(\\(.*\\))?$"))
    )]
    pub engine: String,
    /// Blocks a table remembers, so that one that is sent again is stored once; 0 leaves it to the server. Absent:
    /// 1000, and for replicated engines the server's own default, which is that or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduplication_window: Option<u32>,
    /// Give tables that are there the retention of this file.
    pub reconcile_retention: bool,
    /// Also make `metrics_ts`, of ClickHouse's experimental engine `TimeSeries`, for PromQL.
    pub promql: bool,
}

impl Schema {
    /// What is wrong with the section, if anything; `field` is its name in the document.
    pub(super) fn problems(&self, field: &str) -> Vec<Problem> {
        let cluster = self.cluster.as_deref().filter(|name| !is_cluster(name)).map(|name| {
            let message =
                format!("{name:?} is not the name of a cluster; use letters, digits and _ - . or a macro in {{}}");
            Problem::new(format!("{field}.cluster"), message)
        });
        let engine = engine_fault(&self.engine)
            .map(|fault| Problem::new(format!("{field}.engine"), format!("{:?} {fault}", self.engine)));
        cluster.into_iter().chain(engine).collect()
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self {
            manage: true,
            cluster: None,
            engine: "MergeTree".to_owned(),
            deduplication_window: None,
            reconcile_retention: false,
            promql: false,
        }
    }
}

fn is_cluster(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.{}".contains(c))
}

/// Summing, replacing and other engines would drop rows of logs and spans that look alike.
fn engine_fault(engine: &str) -> Option<&'static str> {
    let (name, arguments) = engine.split_once('(').unwrap_or((engine, ")"));
    if !["MergeTree", "ReplicatedMergeTree", "SharedMergeTree"].contains(&name.trim_end()) {
        return Some("does not keep every row; use MergeTree, ReplicatedMergeTree or SharedMergeTree");
    }
    let Some(arguments) = arguments.strip_suffix(')') else {
        return Some("has a parenthesis that is not closed, or text after it");
    };
    let is_shared_path = !arguments.is_empty() && !arguments.contains("{table}") && !arguments.contains("{uuid}");
    is_shared_path.then_some("gives every table the same path; put {table} or {uuid} into it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(schema: &Schema) -> Vec<String> {
        schema.problems("schema").into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn engines_that_keep_every_row_are_taken() {
        for engine in [
            "MergeTree",
            "MergeTree()",
            "ReplicatedMergeTree",
            "SharedMergeTree",
            "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')",
        ] {
            assert_eq!(fields(&Schema { engine: engine.to_owned(), ..Schema::default() }), [""; 0], "{engine}");
        }
        for engine in [
            "",
            "Log",
            "SummingMergeTree",
            "MergeTree ORDER BY a",
            "ReplicatedMergeTree('/{table}'",
            "ReplicatedMergeTree('/same', '{replica}')",
        ] {
            assert_eq!(
                fields(&Schema { engine: engine.to_owned(), ..Schema::default() }),
                ["schema.engine"],
                "{engine}"
            );
        }
    }

    #[test]
    fn a_cluster_is_a_name_or_a_macro() {
        for (cluster, is_good) in
            [("main-1.a_b", true), ("{cluster}", true), ("", false), ("a'b", false), ("a b", false)]
        {
            let schema = Schema { cluster: Some(cluster.to_owned()), ..Schema::default() };
            assert_eq!(fields(&schema).is_empty(), is_good, "{cluster}");
        }
    }
}
