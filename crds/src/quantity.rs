//! Sizes and durations as people write them (`64Mi`, `1500ms`, `30d`), parsed once at the edge.
//!
//! Comes in: a string or a whole number. Goes out: a typed value that prints itself back in the
//! largest exact unit, so that a value survives a round trip. Must not guess: an unknown unit,
//! a fraction or an overflow is an error that lists the units there are.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes: `1048576`, `64Mi`, `2Gi`, `100k`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteSize(pub u64);

/// A span of time in whole milliseconds: `250ms`, `5s`, `10m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Duration(pub time::Duration);

/// A quantity that could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QuantityError {
    #[error("{0:?} is not a size: use a whole number with no unit (bytes) or one of k, M, G, Ki, Mi, Gi")]
    Size(String),
    #[error("{0:?} is not a duration: use a whole number with one of ms, s, m, h, d")]
    Duration(String),
}

/// Largest first, so that printing picks the largest exact unit.
const SIZE_UNITS: [(&str, u64); 6] =
    [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];

/// In milliseconds, largest first.
const DURATION_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl ByteSize {
    pub const fn kibibytes(n: u64) -> Self {
        Self(n << 10)
    }

    pub const fn mebibytes(n: u64) -> Self {
        Self(n << 20)
    }

    /// As a length in memory; saturates where a `usize` is smaller than 64 bits.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Duration {
    pub const fn milliseconds(n: u64) -> Self {
        Self(time::Duration::from_millis(n))
    }

    pub const fn seconds(n: u64) -> Self {
        Self(time::Duration::from_secs(n))
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, &SIZE_UNITS, Some(1)).map(Self).ok_or_else(|| QuantityError::Size(text.to_owned()))
    }
}

impl FromStr for Duration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text, &DURATION_UNITS, None)
            .map(Self::milliseconds)
            .ok_or_else(|| QuantityError::Duration(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, &SIZE_UNITS, "", f)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        print(millis, &DURATION_UNITS, "ms", f)
    }
}

/// A whole number and a unit of the table; `bare` is the factor of a number without one.
fn parse(text: &str, units: &[(&str, u64)], bare: Option<u64>) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = if unit.is_empty() { bare? } else { units.iter().find(|(name, _)| *name == unit)?.1 };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn print(value: u64, units: &[(&str, u64)], smallest: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match units.iter().find(|(_, factor)| value != 0 && value.is_multiple_of(*factor)) {
        Some((unit, factor)) => write!(f, "{}{unit}", value / factor),
        None => write!(f, "{value}{smallest}"),
    }
}

/// Accepts the text form and a plain whole number, as Kubernetes' own quantities do.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

macro_rules! contract_form {
    ($type:ident, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = match Written::deserialize(deserializer)? {
                    Written::Number(number) => number.to_string(),
                    Written::Text(text) => text,
                };
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

contract_form!(ByteSize, {
    "x-kubernetes-int-or-string": true,
    "pattern": "^[0-9]{1,15}(k|M|G|Ki|Mi|Gi)?$",
    "description": "A number of bytes: 1048576, 64Mi, 2Gi.",
});
contract_form!(Duration, {
    "type": "string",
    "pattern": "^[0-9]{1,15}(ms|s|m|h|d)$",
    "description": "A span of time: 250ms, 5s, 10m, 24h, 30d.",
});

#[cfg(test)]
mod tests;
