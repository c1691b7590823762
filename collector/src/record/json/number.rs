//! Numbers of JSON.
//!
//! Comes in: the bytes where a number should begin. Goes out: its text, checked, and on demand its value.

/// The text of a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Number<'a> {
    text: &'a [u8],
    is_integer: bool,
}

impl<'a> Number<'a> {
    /// The longest number at the start of the input. What follows it is for the reader to judge.
    #[inline]
    pub(super) fn at_start_of(input: &'a [u8]) -> Option<Self> {
        let mut at = usize::from(input.first() == Some(&b'-'));
        let whole = digits(input, at);
        if whole == 0 {
            return None;
        }
        // No digit may follow a leading zero: what would is left over and no value can follow a value.
        at += if input[at] == b'0' { 1 } else { whole };
        if !matches!(input.get(at), Some(b'.' | b'e' | b'E')) {
            return Some(Self { text: &input[..at], is_integer: true });
        }
        if input[at] == b'.' {
            at = some_digits(input, at + 1)?;
        }
        if let Some(b'e' | b'E') = input.get(at) {
            at += 1;
            at += usize::from(matches!(input.get(at), Some(b'+' | b'-')));
            at = some_digits(input, at)?;
        }
        Some(Self { text: &input[..at], is_integer: false })
    }

    /// The whole of `text` is a number.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        Self::at_start_of(text).filter(|number| number.text.len() == text.len())
    }

    /// As it stands in the input: ASCII.
    pub const fn text(self) -> &'a [u8] {
        self.text
    }

    /// It has neither fraction nor exponent.
    pub const fn is_integer(self) -> bool {
        self.is_integer
    }

    /// The nearest double; none beyond the largest one, as in Go.
    #[inline]
    pub fn to_f64(self) -> Option<f64> {
        // Up to 15 digits are exact in a double.
        if self.is_integer && self.text.len() <= 15 {
            let (is_negative, magnitude) = self.magnitude()?;
            #[expect(clippy::cast_precision_loss, reason = "fewer than 53 bits")]
            let value = magnitude as f64;
            return Some(if is_negative { -value } else { value });
        }
        let value: f64 = std::str::from_utf8(self.text).ok()?.parse().ok()?;
        value.is_finite().then_some(value)
    }

    /// Its value, if it is an integer of that range.
    #[inline]
    pub fn to_i64(self) -> Option<i64> {
        match self.magnitude()? {
            (true, magnitude) => 0_i64.checked_sub_unsigned(magnitude),
            (false, magnitude) => i64::try_from(magnitude).ok(),
        }
    }

    /// Its value, if it is an integer of that range.
    #[inline]
    pub fn to_u64(self) -> Option<u64> {
        self.magnitude().filter(|(is_negative, magnitude)| !is_negative || *magnitude == 0).map(|(_, value)| value)
    }

    /// Whether it has a minus, and its digits as a number.
    fn magnitude(self) -> Option<(bool, u64)> {
        if !self.is_integer {
            return None;
        }
        let (is_negative, digits) = match self.text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        Some((is_negative, digits.iter().try_fold(0, add)?))
    }
}

/// How many digits stand there.
#[inline]
fn digits(input: &[u8], at: usize) -> usize {
    input[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the digits end that must stand there.
fn some_digits(input: &[u8], at: usize) -> Option<usize> {
    match digits(input, at) {
        0 => None,
        count => Some(at + count),
    }
}
