//! The JSON forms of protobuf's scalars, <https://protobuf.dev/programming-guides/json/>.
//!
//! Comes in: a value and the kind of field it is for. Goes out: the value. More forms are taken than are written, as
//! the guide asks: numbers may be in quotes, integers may have an exponent.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::messages::Enum;
use crate::record::json::Number;

/// A number as it stands, in quotes or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numeral<'a> {
    pub text: &'a [u8],
    pub is_quoted: bool,
}

impl Numeral<'_> {
    pub(super) fn double(self) -> Option<f64> {
        match self.text {
            b"NaN" if self.is_quoted => Some(f64::NAN),
            b"Infinity" if self.is_quoted => Some(f64::INFINITY),
            b"-Infinity" if self.is_quoted => Some(f64::NEG_INFINITY),
            text => Number::parse(text)?.to_f64(),
        }
    }

    /// An integer in the range of the type.
    pub(super) fn integer<T: TryFrom<i128>>(self) -> Option<T> {
        let number = Number::parse(self.text)?;
        let value = match (number.to_i64(), number.to_u64()) {
            (Some(value), _) => value.into(),
            (None, Some(value)) => value.into(),
            (None, None) => whole(number)?,
        };
        T::try_from(value).ok()
    }

    /// The number of an enum, or its name.
    pub(super) fn choice(self, names: &Enum) -> Option<i32> {
        self.integer().or_else(|| if self.is_quoted { names.number(self.text) } else { None })
    }
}

/// `1e3` and `5.0` are integers too.
fn whole(number: Number<'_>) -> Option<i128> {
    let value = number.to_f64().filter(|value| value.fract() == 0.0 && value.abs() < 2e19)?;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of fewer than 65 bits")]
    Some(value as i128)
}

/// Appends bytes written as hexadecimal digits, in either case.
pub(super) fn hex(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    for pair in pairs {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        out.push((high? << 4 | low?) as u8);
    }
    Some(())
}

/// Appends bytes written in base64, in either alphabet, padded or not.
pub(super) fn base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        let standard: Vec<u8> = text.iter().map(|byte| standard(*byte)).collect();
        return FORGIVING.decode_vec(standard, out).ok();
    }
    FORGIVING.decode_vec(text, out).ok()
}

const fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Numeral<'_> {
        Numeral { text: text.as_bytes(), is_quoted: false }
    }

    fn quoted(text: &str) -> Numeral<'_> {
        Numeral { text: text.as_bytes(), is_quoted: true }
    }

    #[test]
    fn integers_come_in_every_form_and_stay_in_their_range() {
        assert_eq!(plain("18446744073709551615").integer::<u64>(), Some(u64::MAX));
        assert_eq!(quoted("-9223372036854775808").integer::<i64>(), Some(i64::MIN));
        assert_eq!(quoted("1.7e18").integer::<u64>(), Some(1_700_000_000_000_000_000));
        assert_eq!(plain("5.0").integer::<i32>(), Some(5));
        for (wrong, bits) in
            [("5.5", 64), ("-1", 64), ("4294967296", 32), ("1e30", 64), ("", 64), (" 1", 64), ("NaN", 64)]
        {
            let read = if bits == 32 { quoted(wrong).integer::<u32>().map(u64::from) } else { quoted(wrong).integer() };
            assert_eq!(read, None, "{wrong}");
        }
    }

    #[test]
    fn doubles_beyond_numbers_are_in_quotes() {
        assert!(quoted("NaN").double().unwrap().is_nan());
        assert_eq!(quoted("-Infinity").double(), Some(f64::NEG_INFINITY));
        assert_eq!(quoted("1.5").double(), Some(1.5));
        assert_eq!((plain("1e400").double(), quoted("inf").double(), quoted("0x1").double()), (None, None, None));
    }

    #[test]
    fn bytes_are_read_in_either_alphabet() {
        let read = |text: &str| {
            let mut out = vec![7];
            base64(text.as_bytes(), &mut out).map(|()| out)
        };
        for text in ["+/8=", "-_8=", "+/8", "-_8"] {
            assert_eq!(read(text), Some(vec![7, 0xfb, 0xff]), "{text}");
        }
        assert_eq!((read(""), read("a"), read("a*==")), (Some(vec![7]), None, None));
    }
}
