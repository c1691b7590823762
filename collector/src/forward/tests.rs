use super::*;

#[test]
fn only_the_gateways_own_word_is_for_good() {
    let details = bytes::Bytes::from_static(b"\x08\x08");
    let too_large = Status::with_details(Code::ResourceExhausted, "too large", details);
    assert_eq!(judge(&too_large), Outcome::TooLarge);
    assert!(matches!(judge(&Status::invalid_argument("bad")), Outcome::Reject(_)));
    for code in [
        Code::Unavailable,
        Code::Unknown,
        Code::Internal,
        Code::Unauthenticated,
        Code::Unimplemented,
        Code::ResourceExhausted,
    ] {
        assert!(judge(&Status::new(code, "a proxy")).is_retry(), "{code:?}");
    }
}

#[test]
fn the_gateways_delay_is_read_from_its_details() {
    // google.rpc.Status { code: 14, details: [RetryInfo { retry_delay: 1.5 s }] }
    let delay = prost_types::Duration { seconds: 1, nanos: 500_000_000 };
    let mut info = vec![0x0a];
    prost::Message::encode_length_delimited(&delay, &mut info).unwrap();
    let any = prost_types::Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info };
    let mut status = vec![0x08, 14, 0x1a];
    prost::Message::encode_length_delimited(&any, &mut status).unwrap();
    assert_eq!(codec::retry_delay(&status), Some(Duration::from_millis(1_500)));
    assert_eq!(codec::retry_delay(b""), None);
}
