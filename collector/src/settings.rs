//! The configuration file, the environment and the machine, made into what the stages need.
//!
//! Comes in: a checked [`CollectorConfig`] or the variables of ClickStack's own collector, and the cgroup. Goes out:
//! [`Settings`], with nothing left to default or to doubt. The only place that reads the environment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crds::{
    config::{Auth, CollectorConfig},
    problem::Problem,
};

use crate::{
    assemble,
    cluster::Api,
    insert::{Login, Secret},
    receive::container_logs::Node,
};

mod arguments;
mod endpoint;
mod environment;
mod otel_config;
mod quantities;

pub use arguments::arguments;
pub use environment::Variables;

/// Everything a process is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub config: CollectorConfig,
    pub request_limit: usize,
    pub memory_budget: usize,
    pub blocks: assemble::Limits,
    /// Who it is to ClickHouse.
    pub login: Login,
    /// What senders must show, where the document does not say who may send.
    pub sender_token: Option<Secret>,
    /// Which node this is, and which pod.
    pub node: Node,
    /// Where the pods of the node can be asked for, if at all.
    pub kubernetes_api: Option<Api>,
    /// The level or the filter of the process's own log.
    pub log_filter: String,
    /// What was said and has no effect, to be logged once.
    pub warnings: Vec<String>,
}

/// Why nothing can be started.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read {0}")]
    Read(String, #[source] std::io::Error),
    #[error("{0} is not a collector configuration")]
    Parse(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{file} cannot work:{}", problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Problems { file: String, problems: Vec<Problem> },
    #[error("{0}, and the environment does not say where ClickHouse is; set CLICKHOUSE_ENDPOINT")]
    Nothing(String),
    #[error("{0} and {1} are both configurations of this collector, which reads one; name one of them")]
    Several(String, String),
}

/// The file that is read where none is named.
const FILE: &str = "/etc/clickstack/collector.yaml";

/// Where the existing image keeps what its OpAMP server says: a volume that is there serves this one too.
const SUPERVISOR: &str = "/etc/otel/supervisor-data";

/// The largest request where nothing is said: what OTLP recommends.
const REQUEST_LIMIT: usize = 64 << 20;

/// The budget where neither a file nor a cgroup says anything.
const BUDGET: usize = 512 << 20;

/// The age of a block that fills fast, where its senders have been answered: rows can be read within 5 s of their
/// answer, of which an insert of 100,000 rows takes half a one.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(3500);

/// The variables of this process.
pub fn environment() -> Variables {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

impl Settings {
    /// Reads and checks a file, or where there is none of ours the variables.
    ///
    /// # Errors
    /// It cannot be read, is not of the right form, or cannot work; every problem is named.
    pub fn load(files: &[PathBuf], variables: &Variables) -> Result<Self, SettingsError> {
        let unnamed = [PathBuf::from(FILE)];
        let (mut own, mut passed_over) = (None, Vec::new());
        for path in if files.is_empty() { &unnamed } else { files } {
            let name = path.display().to_string();
            match found(path, &name)? {
                Found::Nothing => passed_over.push(format!("{name} is not there")),
                Found::Foreign => passed_over.push(format!("{name} is a configuration of an OpenTelemetry Collector")),
                Found::Own(text) => match own {
                    None => own = Some((name, text)),
                    Some((first, _)) => return Err(SettingsError::Several(first, name)),
                },
            }
        }
        let mut settings = match own {
            Some((name, text)) => Self::of_file(&name, &text, variables)?,
            None if environment::is_configured(variables) => Self::of_environment(variables)?,
            None => return Err(SettingsError::Nothing(passed_over.join(", "))),
        };
        // Nobody has said that the usual file is there.
        passed_over.retain(|what| !files.is_empty() || !what.ends_with("is not there"));
        settings.warnings.splice(0..0, passed_over);
        Ok(settings)
    }

    /// Logs what was said and has no effect.
    pub fn warn(&self, others: &[String]) {
        for what in others.iter().chain(&self.warnings) {
            tracing::warn!(what, "no effect");
        }
    }

    fn of_file(name: &str, text: &str, variables: &Variables) -> Result<Self, SettingsError> {
        // Not with the lines around it: it may be a file with secrets, named by mistake.
        let wrong = |error: serde_saphyr::Error| error.without_snippet().to_string().into();
        let config =
            CollectorConfig::from_yaml(text).map_err(|error| SettingsError::Parse(name.to_owned(), wrong(error)))?;
        let mut settings = Self::checked(config, name, variables, None)?;
        let outdone = environment::outdone_by_a_file(variables);
        if !outdone.is_empty() {
            settings.warnings.push(format!("{}: no effect beside {name}", outdone.join(", ")));
        }
        Ok(settings)
    }

    /// # Errors
    /// A variable cannot work; every problem is named.
    pub fn of_environment(variables: &Variables) -> Result<Self, SettingsError> {
        const NAME: &str = "the environment";
        let problems = |file: &str, problems| SettingsError::Problems { file: file.to_owned(), problems };
        let mut told = environment::gateway(variables).map_err(|found| problems(NAME, found))?;
        let custom = variables.get("CUSTOM_OTELCOL_CONFIG_FILE").filter(|file| !file.is_empty());
        let extras = match custom {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| SettingsError::Read(file.clone(), error))?;
                otel_config::overlay(&text, variables, &mut told.config).map_err(|found| problems(file, found))?
            }
            None => otel_config::Extras::default(),
        };
        if let (Some(percent), Some(limit)) = (extras.memory_percent, memory_limit()) {
            let bytes = budget_of(limit as u64 / 100 * percent);
            told.config.limits.memory_budget.get_or_insert(crds::quantity::ByteSize(bytes));
        }
        if let Some(opamp) = told.config.receivers.otlp.auth.opamp.as_mut().filter(|_| Path::new(SUPERVISOR).is_dir()) {
            opamp.state_file.get_or_insert(format!("{SUPERVISOR}/clickstack-collector.json"));
        }
        // In this mode the existing collector takes Fluent's protocol, of anybody: there are senders that rely on it.
        let receivers = &told.config.receivers;
        let open = receivers.otlp.auth.opamp.as_ref().and_then(|_| receivers.unlocked_fluent_problem());
        let mut settings = Self::checked(told.config, custom.map_or(NAME, String::as_str), variables, open.as_ref())?;
        settings.warnings = told.warnings.into_iter().chain(extras.warnings).collect();
        if let Some(fluent) = settings.config.receivers.fluent_forward.as_ref().filter(|_| open.is_some()) {
            let address = fluent.address;
            let warning =
                format!("OPAMP_SERVER_URL: no effect on Fluent's protocol; {address} takes what anybody sends");
            settings.warnings.push(warning);
        }
        // The process's own log is for whoever runs it: a variable goes before the file.
        if let Some(level) = extras.log_level.filter(|_| named_filter(variables).is_none()) {
            settings.log_filter = level;
        }
        Ok(settings)
    }

    /// The part of the budget for requests. With a spool they go when they are on the disk, and the other half is for
    /// blocks that nobody waits for; without one, a block's rows are held by the requests they came in.
    pub fn request_budget(&self) -> usize {
        if self.config.spool.is_some() { (self.memory_budget / 2).max(self.request_limit) } else { self.memory_budget }
    }

    /// `allowed` is the one problem that is none.
    fn checked(
        mut config: CollectorConfig,
        name: &str,
        variables: &Variables,
        allowed: Option<&Problem>,
    ) -> Result<Self, SettingsError> {
        let auth = &config.receivers.otlp.auth;
        let sender_token = environment::token(variables).filter(|_| *auth == Auth::default());
        let mut problems = config.problems();
        // A token beside the document is a lock as one in it.
        problems.extend(sender_token.as_ref().and_then(|_| config.receivers.unlocked_fluent_problem()));
        problems.retain(|problem| Some(problem) != allowed);
        if !problems.is_empty() {
            return Err(SettingsError::Problems { file: name.to_owned(), problems });
        }
        if let Some(opamp) = &mut config.receivers.otlp.auth.opamp {
            let folder = config.spool.as_ref().map(|spool| spool.directory.trim_end_matches('/'));
            opamp.state_file = opamp.state_file.take().or_else(|| Some(format!("{}/opamp.json", folder?)));
        }
        let request_limit = config.limits.request_bytes.map_or(REQUEST_LIMIT, crds::quantity::ByteSize::as_usize);
        let budget = config.limits.memory_budget.map(crds::quantity::ByteSize::as_usize);
        let memory_budget = budget
            .unwrap_or_else(|| memory_limit().map_or(BUDGET, |limit| budget_of(limit as u64) as usize))
            .max(request_limit);
        let age = config.blocks.max_age.0;
        let blocks = assemble::Limits {
            rows: config.blocks.max_rows as usize,
            bytes: config.blocks.max_bytes.as_usize(),
            age,
            patience: if config.spool.is_some() { age.max(PATIENCE) } else { age },
            open: memory_budget,
            days: if config.spool.is_some() { assemble::DAYS_KEPT } else { assemble::DAYS_AWAITED },
        };
        let (login, log_filter) = (login(&config, variables), log_filter(variables));
        let (node, kubernetes_api) = (node(&config, variables), kubernetes_api(&config, variables));
        Ok(Self {
            config,
            request_limit,
            memory_budget,
            blocks,
            login,
            sender_token,
            node,
            kubernetes_api,
            log_filter,
            warnings: Vec::new(),
        })
    }
}

/// Files where the document names them, else the variables: those are of an administrator too, and no secret stands
/// in a document.
fn login(config: &CollectorConfig, variables: &Variables) -> Login {
    let Some(clickhouse) = &config.clickhouse else { return Login::default() };
    if clickhouse.username_file.is_none() && clickhouse.password_file.is_none() {
        return environment::login(variables);
    }
    let file = |name: &Option<String>| name.as_ref().map(|name| Secret::File(name.into()));
    Login { username: file(&clickhouse.username_file), password: file(&clickhouse.password_file) }
}

/// What stands where a configuration is said to be.
enum Found {
    Own(String),
    /// Something that only an OpenTelemetry Collector reads.
    Foreign,
    Nothing,
}

fn found(path: &Path, name: &str) -> Result<Found, SettingsError> {
    // As an OpenTelemetry Collector is told of files, and of what is none.
    if ["env:", "yaml:", "http:", "https:"].iter().any(|scheme| name.starts_with(scheme)) {
        return Ok(Found::Foreign);
    }
    match fs::read_to_string(name.strip_prefix("file:").map_or(path, Path::new)) {
        Ok(text) if is_foreign(&text) => Ok(Found::Foreign),
        Ok(text) => Ok(Found::Own(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(SettingsError::Read(name.to_owned(), error)),
    }
}

/// Whether a file is for an OpenTelemetry Collector: it has a `service` and no `role`.
fn is_foreign(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.trim_end() == key || line.starts_with(&format!("{key} ")));
    has("service:") && !text.lines().any(|line| line.starts_with("role:"))
}

/// The part of a process's memory that requests may fill.
const fn budget_of(memory: u64) -> u64 {
    memory / 5 * 2
}

fn named_filter(variables: &Variables) -> Option<&String> {
    let named = ["CLICKSTACK_LOG", "HYPERDX_LOG_LEVEL"];
    named.into_iter().find_map(|name| variables.get(name).filter(|value| !value.is_empty()))
}

/// What the pod's specification tells its container.
fn node(config: &CollectorConfig, variables: &Variables) -> Node {
    let named = |name| variables.get(name).filter(|value| !value.is_empty()).cloned();
    let cluster = config.kubernetes.as_ref().and_then(|kubernetes| kubernetes.cluster_name.clone());
    Node { name: named("NODE_NAME"), cluster, pod: named("POD_NAME"), address: named("NODE_IP") }
}

/// The file's own, or that of the cluster this pod runs in.
fn kubernetes_api(config: &CollectorConfig, variables: &Variables) -> Option<Api> {
    const FILES: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    if let Some(api) = config.kubernetes.as_ref().and_then(|kubernetes| kubernetes.api.as_ref()) {
        let endpoint = api.endpoint.trim_end_matches('/').to_owned();
        return Some(Api { endpoint, token_file: (&api.token_file).into(), ca_file: (&api.ca_file).into() });
    }
    let (host, port) = (variables.get("KUBERNETES_SERVICE_HOST")?, variables.get("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let file = |name| Path::new(FILES).join(name);
    Some(Api { endpoint: format!("https://{host}:{port}"), token_file: file("token"), ca_file: file("ca.crt") })
}

/// The filter of the process's own log.
pub fn log_filter(variables: &Variables) -> String {
    named_filter(variables).cloned().unwrap_or_else(|| "info".to_owned())
}

/// The memory limit of this process's cgroup, version 2 or 1, where there is one.
fn memory_limit() -> Option<usize> {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .find_map(|file| fs::read_to_string(file).ok()?.trim().parse::<usize>().ok())
        // Version 1 says "no limit" with a number near 2^63.
        .filter(|limit| *limit < 1 << 50)
}

#[cfg(test)]
mod tests;
