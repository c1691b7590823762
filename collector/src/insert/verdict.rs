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
    /// As [`Self::Again`], and the schema has to be made.
    MissingTable,
    /// These bytes can never succeed.
    Refused,
}

/// Judges a failed insert.
pub fn verdict(code: Option<u32>) -> Verdict {
    match code {
        // UNKNOWN_TABLE, UNKNOWN_DATABASE
        Some(60 | 81) => Verdict::MissingTable,
        // CANNOT_PARSE_*, INCORRECT_DATA, TYPE_MISMATCH, ILLEGAL_TYPE_OF_ARGUMENT, SYNTAX_ERROR,
        // UNKNOWN_CODEC, CHECKSUM_DOESNT_MATCH, CANNOT_DECOMPRESS: the bytes themselves are wrong.
        Some(6 | 26 | 27 | 38 | 41 | 43 | 53 | 62 | 72 | 117 | 271 | 432) => Verdict::Refused,
        // Everything else, wrong credentials included, can be mended without these rows being sent anew.
        _ => Verdict::Again,
    }
}
