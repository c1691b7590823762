//! The configuration file and the machine, made into what the stages need.
//!
//! Comes in: a checked [`CollectorConfig`], the environment, the cgroup. Goes out: [`Settings`], with nothing left
//! to default or to doubt. The only place that reads the environment.

use std::{fs, path::Path};

use crds::{config::CollectorConfig, problem::Problem};

use crate::{
    assemble,
    insert::{Login, Secret},
};

/// Everything a process is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub config: CollectorConfig,
    pub request_limit: usize,
    pub memory_budget: usize,
    pub blocks: assemble::Limits,
    /// Who it is to ClickHouse.
    pub login: Login,
}

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read {0}")]
    Read(String, #[source] std::io::Error),
    #[error("{0} is not a collector configuration")]
    Parse(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{file} cannot work:{}", problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Problems { file: String, problems: Vec<Problem> },
}

/// The largest request where nothing is said: what OTLP recommends.
const REQUEST_LIMIT: usize = 64 << 20;

/// The budget where neither a file nor a cgroup says anything.
const BUDGET: usize = 512 << 20;

impl Settings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// It cannot be read, is not of the right form, or cannot work; every problem is named.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| SettingsError::Read(file.clone(), error))?;
        let config =
            CollectorConfig::from_yaml(&text).map_err(|error| SettingsError::Parse(file.clone(), error.into()))?;
        let problems = config.problems();
        if problems.is_empty() { Ok(Self::from(config)) } else { Err(SettingsError::Problems { file, problems }) }
    }
}

impl From<CollectorConfig> for Settings {
    fn from(config: CollectorConfig) -> Self {
        let request_limit = config.limits.request_bytes.map_or(REQUEST_LIMIT, crds::quantity::ByteSize::as_usize);
        let budget = config.limits.memory_budget.map(crds::quantity::ByteSize::as_usize);
        let memory_budget =
            budget.unwrap_or_else(|| memory_limit().map_or(BUDGET, |limit| limit / 5 * 2)).max(request_limit);
        let blocks = assemble::Limits {
            rows: config.blocks.max_rows as usize,
            bytes: config.blocks.max_bytes.as_usize(),
            age: config.blocks.max_age.0,
        };
        let file = |name: Option<&String>| name.map(|name| Secret::File(name.into()));
        let clickhouse = config.clickhouse.as_ref();
        let login = Login {
            username: file(clickhouse.and_then(|clickhouse| clickhouse.username_file.as_ref())),
            password: file(clickhouse.and_then(|clickhouse| clickhouse.password_file.as_ref())),
        };
        Self { config, request_limit, memory_budget, blocks, login }
    }
}

/// The level of the process's own log.
pub fn log_filter() -> String {
    ["CLICKSTACK_LOG", "HYPERDX_LOG_LEVEL"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "info".to_owned())
}

/// The memory limit of this process's cgroup, version 2 or 1, where there is one.
fn memory_limit() -> Option<usize> {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .find_map(|file| fs::read_to_string(file).ok()?.trim().parse::<usize>().ok())
        // Version 1 says "no limit" with a number near 2^63.
        .filter(|limit| *limit < 1 << 50)
}
