//! Values as the existing collector's variables spell them: Go's durations and booleans.
//!
//! Comes in: a text. Goes out: a value, or what is wrong in words. Must not accept what Go would not, but for days.

use std::time::Duration;

/// In nanoseconds. `d` is no unit of Go; the existing collector takes it for its TTLs.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9), ("d", 86_400e9)];

/// The longest that is taken: a century.
const LONGEST: f64 = 36_525.0 * 86_400e9;

/// `720h`, `1h30m`, `1.5s`, `30d`, `0`, in whole milliseconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write a number with ms, s, m, h or d, such as 5s or 720h");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut nanoseconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let after = &rest[digits..];
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &after[..letters]).ok_or_else(wrong)?;
        nanoseconds += number * factor;
        rest = &after[letters..];
    }
    if text.is_empty() || nanoseconds > LONGEST {
        return Err(wrong());
    }
    Ok(Duration::from_millis((nanoseconds / 1e6) as u64))
}

/// What Go's `strconv.ParseBool` takes.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false; write one of both")),
    }
}

pub(super) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number; write one, such as 10000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them_and_in_days() {
        for (text, milliseconds) in [
            ("5s", 5_000),
            ("720h", 2_592_000_000),
            ("30d", 2_592_000_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("0", 0),
            ("0s", 0),
            ("900us", 0),
        ] {
            assert_eq!(duration(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for text in ["", "5", "s", "-5s", "5 s", "5w", "1e3s", "1..5s", "99999999999d"] {
            assert!(duration(text).unwrap_err().contains("720h"), "{text}");
        }
    }

    #[test]
    fn booleans_are_go_s() {
        assert_eq!((boolean("T"), boolean("0")), (Ok(true), Ok(false)));
        assert!(boolean("yes").is_err() && boolean("").is_err() && number("-1").is_err());
    }
}
