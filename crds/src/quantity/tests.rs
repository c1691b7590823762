use super::*;

#[test]
fn sizes_are_read_in_every_unit_and_printed_in_the_largest_exact_one() {
    for (text, bytes, printed) in [
        ("0", 0, "0"),
        ("1000", 1000, "1k"),
        ("1024", 1024, "1Ki"),
        ("64Mi", 64 << 20, "64Mi"),
        ("2048Mi", 2 << 30, "2Gi"),
        ("3M", 3_000_000, "3M"),
        ("1001", 1001, "1001"),
    ] {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
        assert_eq!(size.to_string().parse(), Ok(size), "{text} survives a round trip");
    }
}

#[test]
fn durations_are_read_in_every_unit_and_printed_in_the_largest_exact_one() {
    for (text, millis, printed) in [
        ("250ms", 250, "250ms"),
        ("1000ms", 1000, "1s"),
        ("90s", 90_000, "90s"),
        ("60m", 3_600_000, "1h"),
        ("30d", 2_592_000_000, "30d"),
        ("0s", 0, "0s"),
    ] {
        let duration: Duration = text.parse().unwrap();
        assert_eq!((duration.0.as_millis(), duration.to_string().as_str()), (millis, printed), "{text}");
    }
}

#[test]
fn nonsense_is_refused_with_the_units_there_are() {
    for text in ["", "Mi", "1.5Gi", "-1", "1 Mi", "10Tb", "99999999999Gi"] {
        let error = text.parse::<ByteSize>().unwrap_err().to_string();
        assert!(error.contains("Ki, Mi, Gi"), "{text}: {error}");
    }
    for text in ["", "5", "1.5s", "-1s", "5sec", "99999999999999999999d"] {
        let error = text.parse::<Duration>().unwrap_err().to_string();
        assert!(error.contains("ms, s, m, h, d"), "{text}: {error}");
    }
}

#[test]
fn a_plain_number_is_bytes_in_a_document_too() {
    assert_eq!(serde_json::from_str::<ByteSize>("4096").unwrap(), ByteSize(4096));
    assert_eq!(serde_json::to_string(&ByteSize(4096)).unwrap(), "\"4Ki\"");
    assert!(serde_json::from_str::<Duration>("5").is_err(), "a duration without a unit is a guess");
}
