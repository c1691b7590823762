//! The server's two configuration files: comes in users and a folder, goes out XML. Must keep the
//! server small: it shares two cores and 24 GiB with a cluster.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Somebody who may log in over the network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub password: String,
    pub grants: Grants,
}

/// What a user may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Grants {
    Everything,
    /// `GRANT …` statements; nothing else is allowed.
    Only(Vec<String>),
}

impl User {
    pub fn admin(name: &str, password: &str) -> User {
        User { name: name.into(), password: password.into(), grants: Grants::Everything }
    }

    pub fn limited(name: &str, password: &str, grants: &[&str]) -> User {
        let grants = grants.iter().map(|&grant| grant.to_owned()).collect();
        User { name: name.into(), password: password.into(), grants: Grants::Only(grants) }
    }
}

/// Sizes that take the server from gigabytes of caches and dozens of threads to about 250 MB.
const SMALL: &[(&str, u64)] = &[
    ("background_pool_size", 2),
    ("background_schedule_pool_size", 4),
    ("background_fetches_pool_size", 1),
    ("background_move_pool_size", 1),
    ("background_common_pool_size", 2),
    ("max_thread_pool_size", 500),
    ("mark_cache_size", 64 << 20),
    ("index_mark_cache_size", 16 << 20),
    ("primary_index_cache_size", 64 << 20),
    ("uncompressed_cache_size", 0),
    ("max_server_memory_usage", 3 << 30),
];

/// The limits the server was given, for a test that they took.
pub fn small() -> &'static [(&'static str, u64)] {
    SMALL
}

pub(super) fn server(dir: &Path) -> String {
    let limits: String = SMALL.iter().map(|(name, value)| format!("  <{name}>{value}</{name}>\n")).collect();
    let users = xml(&dir.join("users.xml").display().to_string());
    // Without these a pool of two refuses merges that want eight or twenty free entries.
    let merges = "  <merge_tree>\n    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>\n    \
         <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>\n    \
         <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>\n  </merge_tree>\n";
    format!("<clickhouse>\n  <users_config>{users}</users_config>\n{limits}{merges}</clickhouse>\n")
}

/// `default` is whom the embedded engine itself starts as, from loopback and without a password: it
/// may open the ports and wait, and nothing more, so that nobody is let in by forgetting to log in.
pub(super) fn users(users: &[User]) -> String {
    let starter = "<default><password></password><networks><ip>::1</ip></networks><profile>default</profile>\
         <quota>default</quota><grants><query>GRANT SYSTEM LISTEN ON *.*</query>\
         <query>GRANT SELECT ON system.numbers</query></grants></default>";
    let users: String = users.iter().map(|user| format!("    {}\n", network_user(user))).collect();
    format!(
        "<clickhouse>\n  <profiles><default/></profiles>\n  <quotas><default/></quotas>\n  <users>\n    {starter}\n{users}  </users>\n</clickhouse>\n"
    )
}

fn network_user(user: &User) -> String {
    let grants = match &user.grants {
        Grants::Everything => "<access_management>1</access_management>".to_owned(),
        Grants::Only(grants) => {
            let queries: String = grants.iter().map(|grant| format!("<query>{}</query>", xml(grant))).collect();
            format!("<grants>{queries}</grants>")
        }
    };
    let (name, password) = (&user.name, xml(&user.password));
    format!(
        "<{name}><password>{password}</password><networks><ip>::/0</ip></networks><profile>default</profile>\
         <quota>default</quota>{grants}</{name}>"
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
