use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Option<(u64, Stream, bool, String)> {
    let line = line(text.as_bytes())?;
    Some((line.time, line.stream, line.is_end, String::from_utf8_lossy(&line.text).into_owned()))
}

#[test]
fn lines_of_containerd_and_crio_are_read() {
    let time = 1_795_537_623_000_000_001;
    for (text, expected) in [
        ("2026-11-24T16:27:03.000000001Z stdout F hello world", (time, Stream::Stdout, true, "hello world")),
        ("2026-11-24T17:27:03.000000001+01:00 stderr P part", (time, Stream::Stderr, false, "part")),
        ("2026-11-24T16:27:03.000000001Z stdout F ", (time, Stream::Stdout, true, "")),
        ("2026-11-24T16:27:03.000000001Z stdout F", (time, Stream::Stdout, true, "")),
        ("2026-11-24T16:27:03.000000001Z stdout F:new:tags x y", (time, Stream::Stdout, true, "x y")),
        ("2026-11-24T16:27:03.000000001Z stdout F  indented\r", (time, Stream::Stdout, true, " indented\r")),
    ] {
        assert_eq!(read(text), Some((expected.0, expected.1, expected.2, expected.3.to_owned())), "{text}");
    }
}

#[test]
fn lines_of_docker_are_read_and_go_on_without_a_line_end() {
    let time = 1_795_537_623_000_000_000;
    let text = r#"{"log":"a \"quoted\" word\n","stream":"stderr","time":"2026-11-24T16:27:03Z","attrs":{"x":"y"}}"#;
    assert_eq!(read(text), Some((time, Stream::Stderr, true, "a \"quoted\" word".to_owned())));
    let text = r#"{"log":"no end","stream":"stdout","time":"2026-11-24T16:27:03Z"}"#;
    assert_eq!(read(text), Some((time, Stream::Stdout, false, "no end".to_owned())));
}

#[test]
fn what_is_in_no_known_form_is_not_read() {
    for text in [
        "",
        "plain text",
        "2026-11-24T16:27:03Z",
        "2026-11-24T16:27:03Z stdxxx F x",
        "2026-11-24T16:27:03Z stdout X x",
        "2026-11-24T16:27:03Z stdout Fx",
        "{\"log\":\"x\"}",
        "{",
        r#"{"log":"x","stream":"stdin","time":"2026-11-24T16:27:03Z"}"#,
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_comes_out_as_it_was_written(text in "[^\n]{0,200}", is_end: bool, docker: bool, seconds in 0..4_000_000_000_u64) {
        let days = seconds / 86_400;
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        // Every day since 1970, counted without the formula under test.
        let (mut year, mut rest) = (1970, days);
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        while rest >= 365 + u64::from(is_leap(year)) {
            rest -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while rest >= lengths[month] {
            rest -= lengths[month];
            month += 1;
        }
        let time = format!("{year:04}-{:02}-{:02}T{clock}.000000007Z", month + 1, rest + 1);
        let written = if docker {
            let log = format!("{text}{}", if is_end { "\n" } else { "" });
            serde_json::json!({"log": log, "stream": "stdout", "time": time}).to_string()
        } else {
            format!("{time} stdout {} {text}", if is_end { 'F' } else { 'P' })
        };
        prop_assert_eq!(read(&written), Some((seconds * 1_000_000_000 + 7, Stream::Stdout, is_end, text)));
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = line(&bytes);
    }
}
