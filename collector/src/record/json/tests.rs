//! The reader against `serde_json`: same values, same refusals but for text that Go mends.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::*;

/// Deeper than any generated value.
const DEPTH: u32 = 100;

fn tree(reader: &mut Reader<'_>) -> Result<Value, Invalid> {
    Ok(match reader.peek()? {
        Kind::Object => {
            let mut object = Map::new();
            let mut scratch = Vec::new();
            reader.object_start()?;
            while let Some(key) = reader.next_key()? {
                let key = String::from_utf8(key.resolve(&mut scratch).to_vec()).unwrap();
                object.insert(key, tree(reader)?);
            }
            object.into()
        }
        Kind::Array => {
            let mut array = Vec::new();
            reader.array_start()?;
            while reader.next_element()? {
                array.push(tree(reader)?);
            }
            array.into()
        }
        Kind::String => text(reader.string()?).into(),
        Kind::Number => {
            let number = reader.number()?;
            number.to_i64().map_or_else(|| number.to_f64().into(), Value::from)
        }
        Kind::True | Kind::False | Kind::Null => reader.literal()?.into(),
    })
}

fn text(text: Text<'_>) -> String {
    let mut out = Vec::new();
    text.append(&mut out);
    String::from_utf8(out).unwrap()
}

fn parsed(input: &[u8]) -> Result<Value, Invalid> {
    let mut reader = Reader::of(input, DEPTH);
    let value = tree(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// The value if it is read, or skipped, as one value with nothing behind it; both must agree.
fn read_and_skipped(input: &[u8]) -> Result<Value, Invalid> {
    let mut reader = Reader::of(input, DEPTH);
    let skipped = reader.skip_value().map(<[u8]>::to_vec).and_then(|raw| reader.finish().map(|()| raw));
    let read = parsed(input);
    assert_eq!(read.is_ok(), skipped.is_ok(), "{read:?} {skipped:?}");
    if let (Ok(read), Ok(raw)) = (&read, &skipped) {
        assert_eq!(parsed(raw).as_ref(), Ok(read), "the text of the skipped value");
    }
    read
}

fn string_of(input: &[u8]) -> String {
    text(Reader::of(input, 0).string().unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zé\"\\\\/\n\u{1}\u{1F600} ]{0,20}".prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((".{0,12}", inner), 0..6).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Pieces that make texts which are nearly JSON.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\\n\"",
        "\"\\u00e9\"",
        "\\",
        "0",
        "-",
        "1",
        "12",
        ".",
        ".5",
        "e",
        "E+",
        "1e2",
        "true",
        "false",
        "null",
        "t",
        " ",
        "\n",
        "\t",
        "\"é\"",
        "\u{1}",
        "{\"a\":1",
        "[1,2]",
        "{}",
    ]);
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_value_is_read_as_it_was_written(value in value()) {
        prop_assert_eq!(read_and_skipped(value.to_string().as_bytes()), Ok(value.clone()));
        prop_assert_eq!(read_and_skipped(serde_json::to_string_pretty(&value).unwrap().as_bytes()), Ok(value));
    }

    #[test]
    fn nearly_json_is_taken_or_refused_as_serde_json_does(text in pieces()) {
        let read = read_and_skipped(text.as_bytes());
        prop_assert_eq!(read.is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{:?}", read);
    }

    #[test]
    fn damaged_json_is_taken_or_refused_as_serde_json_does(
        value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut text = value.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        text.truncate(cut.index(text.len()) + 1);
        let read = read_and_skipped(&text);
        match serde_json::from_slice::<Value>(&text) {
            Ok(_) => prop_assert!(read.is_ok(), "{:?}", read),
            // Broken text is mended here and refused there.
            Err(_) if std::str::from_utf8(&text).is_err() => {}
            Err(error) if error.to_string().contains("surrogate") || error.to_string().contains("hex escape") => {}
            Err(error) if error.to_string().contains("out of range") => {}
            Err(error) => prop_assert!(read.is_err(), "{error}"),
        }
    }

    #[test]
    fn doubles_are_read_to_the_bit(number in any::<f64>()) {
        for text in [format!("{number:?}"), format!("{number:e}"), format!("{number}")] {
            let Some(read) = Number::parse(text.as_bytes()) else {
                prop_assert!(!number.is_finite(), "{text}");
                continue;
            };
            prop_assert_eq!(read.to_f64().map(f64::to_bits), Some(number.to_bits()), "{}", text);
        }
    }

    #[test]
    fn a_stop_is_found_in_any_place_of_a_string(before in "[a-z ]{0,30}", stop in "[\"\\\\\u{1}é]", after in ".{0,30}") {
        let text = format!("\"{before}{stop}{after}\"");
        let read = Reader::of(text.as_bytes(), 0).string().map(Text::raw);
        let official = serde_json::Deserializer::from_str(&text).into_iter::<String>().next().unwrap();
        prop_assert_eq!(read.is_ok(), official.is_ok(), "{:?}", read);
    }

    #[test]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..200)) {
        let _ = read_and_skipped(&noise);
    }
}

#[test]
fn the_grammar_is_held_to_the_letter() {
    for wrong in [
        "",
        " ",
        "01",
        "-",
        "-01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "truee",
        "True",
        "nul",
        "'a'",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "[1,]",
        "[,]",
        "[1 2]",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "[",
        "{",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12",
        "\"\n\"",
        "1 1",
        "{}{}",
        "\u{feff}1",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "\u{b}1",
        "[1]]",
        "\"a",
        "\"aaaaaaaaaaaaaaaa",
    ] {
        assert!(read_and_skipped(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    let spaced = " \t\r\n{ \"a\" : [ 1 , -0.5e-3 , { } , [ ] ] , \"b\" : null } ";
    assert_eq!(read_and_skipped(spaced.as_bytes()), Ok(json!({"a": [1, -0.0005, {}, []], "b": null})));
}

#[test]
fn broken_text_is_mended_as_go_mends_it() {
    for (input, text) in [
        (&b"\"\\ud83d\\ude00\""[..], "\u{1f600}"),
        (b"\"\\ud83d\"", "\u{fffd}"),
        (b"\"\\ude00x\"", "\u{fffd}x"),
        (b"\"\\ud83d\\u0041\"", "\u{fffd}A"),
        (b"\"\\ud83d\\ud83d\\ude00\"", "\u{fffd}\u{1f600}"),
        (b"\"a\xffb\"", "a\u{fffd}b"),
        (b"\"\xe2\x82x\"", "\u{fffd}\u{fffd}x"),
        (b"\"\xe2\x82\xac and more text\"", "\u{20ac} and more text"),
        (b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\"", "\"\\/\u{8}\u{c}\n\r\t\0"),
    ] {
        assert_eq!(string_of(input), text);
    }
}

#[test]
fn text_without_escapes_is_borrowed() {
    let plain = |input: &'static [u8]| Reader::of(input, 0).string().unwrap().plain();
    assert_eq!(plain(b"\"just some ASCII\""), Some(&b"just some ASCII"[..]));
    assert_eq!(plain("\"h\u{e9}llo\"".as_bytes()), Some("h\u{e9}llo".as_bytes()));
    assert_eq!(plain(b"\"tab\\t\""), None);
    assert_eq!(plain(b"\"\xff\""), None);
}

#[test]
fn integers_are_read_to_their_limits_and_not_beyond() {
    let number = |text: &'static str| Number::parse(text.as_bytes()).unwrap();
    assert_eq!(number("-9223372036854775808").to_i64(), Some(i64::MIN));
    assert_eq!(number("9223372036854775808").to_i64(), None);
    assert_eq!(number("18446744073709551615").to_u64(), Some(u64::MAX));
    assert_eq!(number("18446744073709551616").to_u64(), None);
    assert_eq!((number("-1").to_u64(), number("-0").to_u64(), number("1.0").to_i64()), (None, Some(0), None));
    assert_eq!((number("1e400").to_f64(), number("1e-400").to_f64()), (None, Some(0.0)));
    assert!(number("-0").to_f64().unwrap().is_sign_negative());
    assert_eq!(number("9007199254740993").to_f64(), Some(9_007_199_254_740_992.0));
    assert_eq!(Number::parse(b"1 "), None);
}

#[test]
fn nesting_beyond_the_callers_limit_is_refused() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Reader::of(nested(10).as_bytes(), 10).skip_value().is_ok());
    assert_eq!(Reader::of(nested(11).as_bytes(), 10).skip_value(), Err(Invalid::TooDeep(10)));
    let siblings = format!("[{}]", ["{}"; 50].join(","));
    assert!(Reader::of(siblings.as_bytes(), 2).skip_value().is_ok(), "what is left may be entered again");
}

#[test]
fn an_error_says_where() {
    assert_eq!(parsed(b"{\"a\":tru}"), Err(Invalid::Value(5)));
    assert_eq!(parsed(b"{\"a\":1,}"), Err(Invalid::Key(7)));
    assert_eq!(parsed(b"[1 2]"), Err(Invalid::ArrayEnd(3)));
    assert_eq!(parsed(b"\"a\\q\"").unwrap_err().to_string(), "no such escape in a string, at byte 2");
    assert_eq!(parsed(b"{\"a\":1 x").unwrap_err().to_string(), "expected ',' or '}' at byte 7");
}
