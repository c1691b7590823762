//! What an exception code of ClickHouse means for a block.
//!
//! Comes in: the code, or none where there was no answer. Goes out: whether the same bytes can ever succeed.
//! Codes, not HTTP statuses and not texts: 241, 242 and 252 all come as 500. Names of the codes:
//! <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>.

/// The fate of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Try the same bytes again: the fault lies in the world.
    Again,
    /// As [`Self::Again`], and the tables are not what they were thought to be.
    StaleSchema,
    /// These bytes can never succeed.
    Refused,
}

/// Judges a failed insert.
pub fn verdict(code: Option<u32>) -> Verdict {
    match code {
        // UNKNOWN_TABLE, UNKNOWN_DATABASE; NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER
        Some(60 | 81 | 16 | 47) => Verdict::StaleSchema,
        // SYNTAX_ERROR, INCORRECT_DATA, CANNOT_DECOMPRESS, UNKNOWN_CODEC: the bytes themselves are wrong.
        Some(62 | 117 | 271 | 432) => Verdict::Refused,
        // Everything else can be mended without these rows being lost: credentials, disks, quotas, and also
        // whatever a materialized view or a changed column makes of single values (6, 43, 53, 72).
        _ => Verdict::Again,
    }
}
