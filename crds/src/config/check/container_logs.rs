//! The meaning of the `receivers.containerLogs` section: what the types cannot rule out.
//!
//! Comes in: the whole document, for only an agent reads logs. Goes out: every [`Problem`] of the section.

use super::super::{CollectorConfig, Namespaces, Role};
use crate::{problem::Problem, quantity::ByteSize};

/// The texts that are open at once are held in memory, two for each container.
const LONGEST_LINE: ByteSize = ByteSize::mebibytes(4);

pub(super) fn problems(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let Some(logs) = &config.receivers.container_logs else { return };
    let field = |name: &str| format!("receivers.containerLogs{name}");
    if config.role != Role::Agent {
        let message = format!("role {} does not read logs; remove the section", config.role.as_str());
        found.push(Problem::new(field(""), message));
    }
    for (name, path) in [(".directory", &logs.directory), (".stateDirectory", &logs.state_directory)] {
        if !path.starts_with('/') {
            found.push(Problem::new(field(name), format!("{path:?} is no absolute path; begin it with /")));
        }
    }
    let length = logs.max_line_bytes;
    if length < ByteSize::kibibytes(1) || length > LONGEST_LINE {
        let message = format!("{length} is outside 1Ki … {LONGEST_LINE}");
        found.push(Problem::new(field(".maxLineBytes"), message));
    }
    let Namespaces { include, exclude } = &logs.namespaces;
    for (name, patterns) in [(".namespaces.include", include), (".namespaces.exclude", exclude)] {
        for (index, pattern) in patterns.iter().enumerate() {
            let is_pattern = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '*';
            if pattern.is_empty() || !pattern.chars().all(is_pattern) {
                let message = format!("{pattern:?} matches no namespace; use lower-case letters, digits, - and *");
                found.push(Problem::new(field(&format!("{name}[{index}]")), message));
            }
        }
    }
}
