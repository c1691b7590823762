use proptest::prelude::*;

use super::*;

/// 2026-11-24T16:27:03Z
const NOW: u64 = 1_795_537_623_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn read(text: &str) -> Message<'_> {
    Message::of(text.as_bytes(), NOW)
}

fn of(message: Message<'_>) -> [Option<&str>; 4] {
    [message.hostname, message.appname, message.proc_id, message.msg_id]
        .map(|field| field.map(|field| std::str::from_utf8(field).unwrap()))
}

#[test]
fn the_examples_of_rfc_5424_are_read() {
    let message = read("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed");
    assert_eq!((message.priority, message.version, message.time), (Some(34), Some(1), 1_065_910_455_003_000_000));
    assert_eq!(of(message), [Some("mymachine.example.com"), Some("su"), None, Some("ID47")]);
    assert_eq!((message.data.count(), message.text), (0, &b"'su root' failed"[..]));

    let message = read(
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [exampleSDID@32473 iut=\"3\" \
         eventSource=\"a \\\"b\\\" \\] \\\\ \\n\"][examplePriority@32473 class=\"high\"]",
    );
    assert_eq!((message.time, message.text), (1_061_727_255_000_003_000, &b""[..]));
    assert_eq!(of(message), [Some("192.0.2.1"), Some("myproc"), Some("8710"), None]);
    let data: Vec<_> = message.data.map(|(name, parameters)| (name, parameters.collect::<Vec<_>>())).collect();
    assert_eq!((data[0].0, data[0].1.len(), data[0].1[0]), (&b"exampleSDID@32473"[..], 2, (&b"iut"[..], &b"3"[..])));
    assert_eq!(unescaped(data[0].1[1].1), br#"a "b" ] \ \n"#);
    assert_eq!(data[1], (&b"examplePriority@32473"[..], vec![(&b"class"[..], &b"high"[..])]));

    let message = read("<0>1 - - - - - -");
    assert_eq!((message.priority, message.time, of(message), message.text), (Some(0), 0, [None; 4], &b""[..]));
}

#[test]
fn what_is_in_use_is_read_as_far_as_it_goes() {
    let at = |text: &str| rfc3339::nanoseconds(text.as_bytes()).unwrap();
    let october = at("2026-10-11T22:14:15Z");
    for (text, time, fields, rest) in [
        (
            "<34>Oct 11 22:14:15 host su[77]: failed: x",
            october,
            [Some("host"), Some("su"), Some("77"), None],
            "failed: x",
        ),
        ("<34>Oct 11 22:14:15 host su: failed", october, [Some("host"), Some("su"), None, None], "failed"),
        ("<34>Oct 11 22:14:15 su[77]: failed", october, [None, Some("su"), Some("77"), None], "failed"),
        ("<34>Oct 11 22:14:15 host no tag", october, [Some("host"), None, None, None], "no tag"),
        ("<34>2026-10-11T22:14:15+00:00 host su: failed", october, [Some("host"), Some("su"), None, None], "failed"),
        ("<34>Dec  1 00:00:00 host su: x", at("2025-12-01T00:00:00Z"), [Some("host"), Some("su"), None, None], "x"),
        ("<34>just a text\0", 0, [None; 4], "just a text"),
        ("<34>see http://host/path", 0, [None; 4], "see http://host/path"),
        ("<34>app: a text\r\n", 0, [None, Some("app"), None, None], "a text"),
        ("<34>1 yesterday host su - - - x", 0, [None; 4], "1 yesterday host su - - - x"),
    ] {
        let message = read(text);
        assert_eq!((message.priority, message.time, of(message)), (Some(34), time, fields), "{text}");
        assert_eq!(message.text, rest.as_bytes(), "{text}");
    }
}

#[test]
fn a_message_without_a_valid_priority_is_all_text() {
    for text in ["no priority", "<>x", "<192>x", "<1234>x", "<1a>x", "<13", "<123456>x", "<gA a0>", "<+1>x"] {
        assert_eq!(read(text), Message { text: text.as_bytes(), ..Message::default() }, "{text}");
    }
}

#[test]
fn a_time_of_tomorrow_is_of_this_year_and_one_of_next_month_of_the_last() {
    assert_eq!(read("<1>Nov 25 16:27:03 h x").time, NOW + 86_400 * SECOND);
    assert_eq!(read("<1>Nov 25 16:27:04 h x").time, NOW + 86_401 * SECOND - 365 * 86_400 * SECOND);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in "(<[0-9]{1,3}>)?(1 )?[ -~]{0,60}(\\[[a-z]{1,4}( [a-z]=\"[ -~]{0,9}\"){0,3}\\]){0,2}[ -~]{0,30}") {
        let message = read(&bytes);
        prop_assert!(message.text.len() <= bytes.len());
        for (_, parameters) in message.data {
            parameters.for_each(|(_, value)| drop(unescaped(value)));
        }
    }

    #[test]
    fn what_is_written_by_the_rfc_is_read_back(
        host in "[!-~]{1,40}", app in "[!-~]{1,40}", values in proptest::collection::vec("[ -~]{0,20}", 0..4), text in "[ -~]{0,60}",
    ) {
        let escaped = |value: &String| value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let data: String = values.iter().map(|value| format!("[id p=\"{}\"]", escaped(value))).collect();
        let data = if data.is_empty() { "-".to_owned() } else { data };
        let bytes = format!("<13>1 2026-11-24T16:27:03Z {host} {app} - - {data} {text}");
        let message = read(&bytes);
        let field = |field: &str| (field != "-").then(|| field.as_bytes().to_vec());
        prop_assert_eq!(message.hostname.map(<[u8]>::to_vec), field(&host));
        prop_assert_eq!(message.appname.map(<[u8]>::to_vec), field(&app));
        let read: Vec<_> = message.data.flat_map(|(_, parameters)| parameters).map(|(_, value)| unescaped(value)).collect();
        prop_assert_eq!(read, values.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        prop_assert_eq!(message.text, text.as_bytes());
    }
}
