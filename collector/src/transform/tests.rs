//! The transform's quirks, one by one, as text in and text out.

use super::*;
use crate::record::{Value, text};

/// What is stored of a body with attributes and a severity: attributes by key, the last of equal ones, then severity.
fn stored(body: Value<'_>, attributes: &[(&str, Value<'_>)], severity: (&str, i32)) -> String {
    let attributes = attributes.iter().map(|(key, value)| Attribute { key: key.as_bytes(), value: *value }).collect();
    let (severity_text, severity_number) = (severity.0.as_bytes(), severity.1);
    let record = LogRecord { body, attributes, severity_text, severity_number, ..LogRecord::default() };
    let mut shown = String::new();
    Transform::default().log(&record, |stored| {
        let entries: std::collections::BTreeMap<_, _> = stored
            .attributes
            .iter()
            .map(|attribute| {
                let mut out = Vec::new();
                text::append(attribute.value, &mut out);
                (String::from_utf8_lossy(attribute.key).into_owned(), String::from_utf8_lossy(&out).into_owned())
            })
            .collect();
        let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let severity = String::from_utf8_lossy(stored.severity_text).into_owned();
        shown = format!("{} | {severity} {}", entries.join(" "), stored.severity_number);
    });
    shown
}

fn text_body(body: &str) -> String {
    stored(Value::String(body.as_bytes()), &[], ("INFO", 9))
}

fn severity(body: &str, attributes: &[(&str, &str)]) -> String {
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| (*key, Value::String(value.as_bytes()))).collect();
    let shown = stored(Value::String(body.as_bytes()), &attributes, ("", 0));
    shown.split_once(" | ").map(|(_, severity)| severity.to_owned()).unwrap_or_default()
}

#[test]
fn a_json_object_in_a_body_becomes_flat_attributes() {
    for (body, expected) in [
        (r#"{"a":1,"b":"x","c":true,"d":null,"e":1.5}"#, "a=1 b=x c=true d= e=1.5"),
        (r#"{"a":{"b":{"c":1}},"l":[1,{"z":2,"a":[]},"t"]}"#, "a.b.c=1 l.0=1 l.1.z=2 l.2=t"),
        (r#"{"l":[[1,[2],{"a":3}],[[["x"]]]]}"#, "l.00=1 l.01.0=2 l.02.a=3 l.10.00=x"),
        (r#"before {"a":"\u0041\n"} after"#, "a=A\n"),
        ("two lines {\n {\"a\":1} here", "a=1"),
        (
            r#"{"n":12345,"big":12345678901234567890,"neg":-0,"exp":1e21}"#,
            "big=12345678901234567000 exp=1e+21 n=12345 neg=-0",
        ),
        (r#"{"empty":{},"none":[]}"#, ""),
        (r#"{"a":1,"a":2}"#, "a=2"),
        (r#"{"a":1} and {"b":2}"#, ""),
        (r#"{"a":1"#, ""),
        (r#"[{"a":1}]"#, "a=1"),
        (r#"[1,2]"#, ""),
        (r#"{"a":1e999}"#, ""),
        ("not {json} at all", ""),
        ("", ""),
    ] {
        assert_eq!(text_body(body), format!("{expected} | info 9"), "{body}");
    }
}

#[test]
fn members_of_the_body_replace_attributes_of_the_same_name_before_they_are_taken_apart() {
    let sent = [("a", Value::String(b"sent")), ("p.q", Value::Int(7)), ("p", Value::String(b"s"))];
    let body = Value::String(br#"{"a":"body","p":{"q":1}}"#);
    assert_eq!(stored(body, &sent, ("", 17)), "a=body p.q=1 |  17");
    let sent = [("p", Value::String(b"s")), ("p.q", Value::Int(7))];
    assert_eq!(stored(body, &sent, ("", 17)), "a=body p.q=7 |  17", "p keeps its place, and p.q comes after it");
}

#[test]
fn nested_attributes_are_taken_apart_with_or_without_json() {
    // a: {b: 1, c: [true]}
    let map = [
        0x0a, 0x07, 0x0a, 0x01, b'b', 0x12, 0x02, 0x18, 0x01, 0x0a, 0x0b, 0x0a, 0x01, b'c', 0x12, 0x06, 0x2a, 0x04,
        0x0a, 0x02, 0x10, 0x01,
    ];
    let shown = stored(Value::String(b"plain"), &[("a", Value::Map(&map)), ("z", Value::Int(1))], ("Warn", 13));
    assert_eq!(shown, "a.b=1 a.c.0=true z=1 | warn 13");
}

#[test]
fn a_map_body_replaces_attributes_and_stays_nested() {
    let map = [0x0a, 0x0b, 0x0a, 0x01, b'c', 0x12, 0x06, 0x2a, 0x04, 0x0a, 0x02, 0x10, 0x01];
    let shown = stored(Value::Map(&map), &[("c", Value::Int(1)), ("d", Value::Int(2))], ("x", 0));
    assert_eq!(shown, "c=[true] d=2 | x 0");
}

#[test]
fn a_level_attribute_becomes_the_severity() {
    for (attributes, expected) in [
        (&[("level", "ERROR")][..], "error 17"),
        (&[("severity", "warn"), ("level", "debug")], "debug 5"),
        (&[("log.level", "Notice")], "notice 13"),
        (&[("LEVEL", ""), ("SEVERITY", "fatal")], "fatal 21"),
        (&[("level", "verbose")], "verbose 9"),
        (&[("level", "error info")], "error info 9"),
        (&[("level", "alert-debug")], "alert-debug 5"),
        (&[("Levels", "error")], "info 9"),
    ] {
        assert_eq!(severity("nothing to see", attributes), expected, "{attributes:?}");
    }
    let numeric = stored(Value::String(b"text"), &[("level", Value::Int(50))], ("", 0));
    assert_eq!(numeric, "level=50 | info 9", "a number is no level");
    assert_eq!(text_body(r#"{"level":"error"}"#), "level=error | info 9", "a severity that is there stays");
    let shown = stored(Value::String(br#"{"level":"Error"}"#), &[], ("", 0));
    assert_eq!(shown, "level=Error | error 17");
}

#[test]
fn a_number_is_a_level_where_that_is_asked_for_and_no_text_is_one() {
    let read = |body: &str, attributes: &[(&str, Value<'static>)]| {
        let attributes =
            attributes.iter().map(|(key, value)| Attribute { key: key.as_bytes(), value: *value }).collect();
        let record = LogRecord { body: Value::String(body.as_bytes()), attributes, ..LogRecord::default() };
        let mut shown = String::new();
        Transform::new(true).log(&record, |stored| {
            shown = format!("{} {}", String::from_utf8_lossy(stored.severity_text), stored.severity_number);
        });
        shown
    };
    for (level, expected) in [
        (10, "trace 1"),
        (20, "debug 5"),
        (30, "info 9"),
        (35, "info 9"),
        (40, "warn 13"),
        (50, "error 17"),
        (60, "fatal 21"),
        (69, "fatal 21"),
        (70, "debug 5"),
        (9, "debug 5"),
        (0, "debug 5"),
        (-50, "debug 5"),
    ] {
        assert_eq!(read("a word: debug", &[("level", Value::Int(level))]), expected, "{level}");
    }
    assert_eq!(read(r#"{"level":50,"msg":"x"}"#, &[]), "error 17", "as pino and bunyan write it");
    assert_eq!(read("x", &[("level", Value::Int(50)), ("severity", Value::String(b"warn"))]), "warn 13");
    assert_eq!(read("x", &[("level", Value::Double(f64::NAN)), ("severity", Value::Int(20))]), "debug 5");
    assert_eq!(read("x", &[("levels", Value::Int(50))]), "info 9");
}

#[test]
fn a_word_of_the_body_becomes_the_severity() {
    let late = format!("{} error", "x".repeat(253));
    for (body, expected) in [
        ("WARNING: disk", "warn 13"),
        ("no ERRORS here", "error 17"),
        ("TRACED", "trace 1"),
        ("Forewarn", "info 9"),
        ("backtraced", "info 9"),
        ("COuECrITmh", "info 9"),
        ("_error", "info 9"),
        ("9error", "info 9"),
        ("a critical error", "fatal 21"),
        ("info: then debug", "debug 5"),
        ("dbug", "debug 5"),
        ("[notice]", "warn 13"),
        ("erreur", "error 17"),
        ("\u{e9}error", "error 17"),
        (&late[..], "info 9"),
        ("", "info 9"),
    ] {
        assert_eq!(severity(body, &[]), expected, "{body}");
    }
    let list = [0x0a, 0x07, 0x0a, 0x05, b'e', b'r', b'r', b'o', b'r'];
    assert_eq!(stored(Value::Array(&list), &[], ("", 0)), " | error 17", "the text of any body is searched");
}

#[test]
fn severity_text_is_lower_case_whoever_said_it() {
    assert_eq!(stored(Value::Empty, &[], ("\u{c4}RGER", 0)), " | \u{e4}rger 0");
    assert_eq!(stored(Value::Empty, &[], ("", 24)), " |  24");
    let record = LogRecord { severity_text: b"Wa\xe2\x82RN", ..LogRecord::default() };
    Transform::default().log(&record, |stored| {
        assert_eq!(stored.severity_text, "wa\u{fffd}\u{fffd}rn".as_bytes(), "a letter for each byte that is none");
    });
}

#[test]
fn many_members_replace_attributes_as_few_do() {
    let body: String = (0..200).map(|key| format!(",\"k{}\":{key}", key % 150)).collect();
    let body = format!("{{{}}}", &body[1..]);
    let shown = stored(Value::String(body.as_bytes()), &[("k7", Value::Int(-1)), ("k160", Value::Int(-2))], ("x", 1));
    assert!(shown.contains("k7=157 ") && shown.contains("k160=-2 ") && shown.contains("k149=149 "), "{shown}");
}

#[test]
fn what_a_small_body_makes_of_itself_is_bounded() {
    let key = "k".repeat(4_000);
    let leaves: String = (0..4_000).map(|leaf| format!(",\"{leaf}\":{{\"x\":1}}")).collect();
    let body = format!("{{\"{key}\":{{{}}}}}", &leaves[1..]);
    let record = LogRecord { body: Value::String(body.as_bytes()), ..LogRecord::default() };
    let made = Transform::default().log(&record, |_| {});
    assert!(made < 2 << 20, "{made}");
    let list = format!("{{\"{key}\":[{}1]}}", "1,".repeat(200_000));
    let record = LogRecord { body: Value::String(list.as_bytes()), ..LogRecord::default() };
    let made = Transform::default().log(&record, |stored| {
        assert_eq!(stored.attributes.len(), 1, "what there is no room for is stored whole");
        assert!(matches!(stored.attributes[0].value, Value::Json(_)));
    });
    assert!(made < 2 << 20, "{made}");
}
