//! The columns as they are: comes in the server's answer, goes out what an insert may name. Must not know what they
//! ought to be.

use crate::table::{Layout, Layouts, Table};

/// Asks for every column an insert may name. Materialized and alias columns are the server's own.
pub fn columns_sql(database: &str, tables: &[&str]) -> String {
    let tables = tables.iter().map(|table| format!("'{table}'")).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT table, name, type FROM system.columns WHERE database = '{database}' AND table IN ({tables}) \
         AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') FORMAT JSONCompactEachRow"
    )
}

/// What is known of the tables rows are inserted into, from rows of table, column and type. A table without a row is
/// unknown.
pub fn layouts(columns: &[(String, String, String)]) -> Layouts {
    let mut layouts = Layouts::default();
    for table in Table::ALL {
        let own = columns.iter().filter(|(name, ..)| name == table.name());
        let mut own = own.map(|(_, column, kind)| (column.clone(), kind.clone())).peekable();
        if own.peek().is_some() {
            layouts.set(table, Layout::new(own));
        }
    }
    layouts
}
