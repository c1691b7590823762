//! RFC 3339 and nanoseconds since the Unix epoch. Comes in: one of both. Goes out: the other, or nothing. Must not accept
//! a time that 64 bits cannot hold.

/// Reads a time with any number of fractional digits, of which nine count, and `Z` or an offset.
#[inline]
pub fn nanoseconds(text: &[u8]) -> Option<u64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let is_shaped =
        head[4] == b'-' && head[7] == b'-' && (head[10] | 0x20) == b't' && head[13] == b':' && head[16] == b':';
    if !is_shaped {
        return None;
    }
    let year = two(head, 0)? * 100 + two(head, 2)?;
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    // 60 is a leap second.
    let is_possible = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !is_possible {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Writes a time in UTC, to the microsecond, as Kubernetes' `MicroTime` has it.
pub fn micro_time(nanos: u64) -> String {
    let (seconds, micros) = (nanos / 1_000_000_000, nanos / 1_000 % 1_000_000);
    let (year, month, day) = date((seconds / 86_400) as i64);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[inline]
fn two(text: &[u8; 19], at: usize) -> Option<i64> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

#[inline]
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some((b'.', digits)) = text.split_first().map(|(first, rest)| (*first, rest)) else { return Some((0, text)) };
    let length = digits.iter().position(|digit| !digit.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 {
        return None;
    }
    let counted = length.min(9);
    let value = digits[..counted].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some((value * 10_u64.pow(9 - counted as u32), &digits[length..]))
}

/// Seconds east of Greenwich.
#[inline]
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1 @ b'0'..=b'9', h2 @ b'0'..=b'9', b':', m1 @ b'0'..=b'5', m2 @ b'0'..=b'9'] => {
            let digit = |letter: &u8| i64::from(letter - b'0');
            let seconds = (digit(h1) * 10 + digit(h2)) * 3_600 + (digit(m1) * 10 + digit(m2)) * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. The year begins in March, so that the leap day is its last; 719,468
/// days lie between the first of March of the year 0 and 1970.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The other way round: 146,097 days are 400 years.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let is_next = month > 9;
    (era * 400 + year + if is_next { 1 } else { 0 }, if is_next { month - 9 } else { month + 3 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_runtimes_are_read_to_the_nanosecond() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-24T16:27:03.123456789Z", 1_795_537_623_123_456_789),
            ("2026-11-24T18:27:03.123456789+02:00", 1_795_537_623_123_456_789),
            ("2026-11-24T16:27:03.5Z", 1_795_537_623_500_000_000),
            ("2024-02-29T23:59:60Z", 1_709_251_200_000_000_000),
            ("2000-03-01T00:00:00.0000000009Z", 951_868_800_000_000_000),
        ] {
            assert_eq!(nanoseconds(text.as_bytes()), Some(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "2026-11-24T16:27:03",
            "2026-11-24 16:27:03Z",
            "2026-13-24T16:27:03Z",
            "2026-11-24T16:27:03.Z",
            "2026-11-24T16:27:03.1",
            "2026-11-24T16:27:03+0200",
            "1969-12-31T23:59:59Z",
            "9999-11-24T16:27:03Z",
            "20x6-11-24T16:27:03Z",
        ] {
            assert_eq!(nanoseconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(micro_time(1_795_537_623_123_456_789), "2026-11-24T16:27:03.123456Z");
        for day in (0..80_000).step_by(7) {
            let nanos = day * 86_400_000_000_000 + 86_399_999_999_000;
            assert_eq!(nanoseconds(micro_time(nanos).as_bytes()), Some(nanos), "day {day}");
        }
    }
}
