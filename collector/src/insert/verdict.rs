//! What an exception code of ClickHouse means for a block.
//!
//! Comes in: the code, or none where there was no answer. Goes out: whether the same bytes can ever succeed, and
//! what has to happen before. Codes, not HTTP statuses and not texts: 241, 242 and 252 all come as 500. Names of the
//! codes: <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>.

/// The fate of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Try the same bytes again: the fault lies in the world.
    Again,
    /// As [`Self::Again`], with longer pauses for the whole table: it gets more than it can take.
    Slower,
    /// As [`Self::Again`], on another server where there is one: this one cannot write to its table.
    Elsewhere,
    /// As [`Self::Again`], and the table has to be made.
    MissingTable,
    /// As [`Self::Again`], and the table has to be looked at: it has not the columns it was taken to have.
    StaleSchema,
    /// As [`Self::Again`], but some value may be the cause: in the table, in a column made from it, or in a view.
    Suspect,
    /// These bytes can never succeed.
    Refused,
}

impl Verdict {
    /// Whether it speaks of the block's own rows or columns, and not of the world.
    pub const fn is_of_the_block(self) -> bool {
        matches!(self, Self::Suspect | Self::Refused | Self::StaleSchema)
    }
}

/// Judges a failed insert.
///
/// Refused are only codes that speak of the bytes alone: a block has rows of many senders, and all of them lose
/// theirs. Everything that an administrator can mend without these rows being lost is tried again: credentials,
/// disks, quotas, constraints, and whatever a materialized column or view makes of single values. Of the last kinds a
/// single row can be the cause, and mending may never come: they are suspects.
pub const fn verdict(code: Option<u32>) -> Verdict {
    let Some(code) = code else { return Verdict::Again };
    match code {
        // SYNTAX_ERROR, INCORRECT_DATA, TOO_LARGE_ARRAY_SIZE, TOO_LARGE_STRING_SIZE, CANNOT_DECOMPRESS, UNKNOWN_CODEC
        62 | 117 | 128 | 131 | 271 | 432 => Verdict::Refused,
        // CANNOT_PARSE_TEXT, CANNOT_PARSE_INPUT_ASSERTION_FAILED, CANNOT_PARSE_DATE, CANNOT_PARSE_DATETIME,
        // ARGUMENT_OUT_OF_BOUND, CANNOT_PARSE_NUMBER, ILLEGAL_DIVISION, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
        // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, DECIMAL_OVERFLOW,
        // VIOLATED_CONSTRAINT
        6 | 27 | 38 | 41 | 69 | 72 | 153 | 321 | 349 | 395 | 407 | 469 => Verdict::Suspect,
        // UNKNOWN_TABLE, UNKNOWN_DATABASE, TABLE_IS_DROPPED
        60 | 81 | 218 => Verdict::MissingTable,
        // THERE_IS_NO_COLUMN, NO_SUCH_COLUMN_IN_TABLE, NUMBER_OF_COLUMNS_DOESNT_MATCH, ILLEGAL_COLUMN,
        // UNKNOWN_IDENTIFIER, TYPE_MISMATCH, CANNOT_CONVERT_TYPE
        8 | 16 | 20 | 44 | 47 | 53 | 70 => Verdict::StaleSchema,
        // QUOTA_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS,
        // CANNOT_SCHEDULE_TASK, SERVER_OVERLOADED
        201 | 202 | 241 | 252 | 439 | 745 => Verdict::Slower,
        // NO_ZOOKEEPER, ABORTED, TABLE_IS_READ_ONLY, QUERY_WAS_CANCELLED, KEEPER_EXCEPTION
        225 | 236 | 242 | 394 | 999 => Verdict::Elsewhere,
        _ => Verdict::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict::*, *};

    #[test]
    fn every_code_that_is_known_has_its_fate() {
        for (codes, fate) in [
            (&[62, 117, 128, 131, 271, 432][..], Refused),
            (&[60, 81, 218], MissingTable),
            (&[8, 16, 20, 44, 47, 53, 70], StaleSchema),
            (&[201, 202, 241, 252, 439, 745], Slower),
            (&[225, 242, 999], Elsewhere),
            // Of the network and of time, with an outcome that may be unknown.
            (&[3, 107, 159, 164, 203, 209, 210, 285, 319, 425, 1002], Again),
            // Who asks and what for: credentials come back right.
            (&[192, 193, 194, 497, 516], Again),
            // A constraint, values that a materialized column or a view cannot read.
            (&[6, 27, 38, 41, 69, 72, 153, 321, 349, 395, 407, 469], Suspect),
            // A checksum broken on the way, a full disk, a view that fits no value.
            (&[40, 243, 43], Again),
            // Not known today.
            (&[0, 99_999], Again),
        ] {
            for code in codes {
                assert_eq!(verdict(Some(*code)), fate, "{code}");
            }
        }
        assert_eq!(verdict(None), Again, "no answer says nothing about the bytes");
    }
}
