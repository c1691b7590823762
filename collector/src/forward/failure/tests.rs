use super::*;

fn answered(status: Status) -> Failure {
    status.into()
}

/// google.rpc.Status { code: 14, details: [RetryInfo { retry_delay: 1.5 s }] }
fn patience() -> bytes::Bytes {
    asking_for(prost_types::Duration { seconds: 1, nanos: 500_000_000 })
}

fn asking_for(delay: prost_types::Duration) -> bytes::Bytes {
    let mut info = vec![0x0a];
    prost::Message::encode_length_delimited(&delay, &mut info).unwrap();
    let any = prost_types::Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info };
    let mut status = vec![0x08, 14, 0x1a];
    prost::Message::encode_length_delimited(&any, &mut status).unwrap();
    status.into()
}

#[test]
fn only_the_gateways_own_word_is_for_good() {
    let details = bytes::Bytes::from_static(b"\x08\x08");
    let too_large = answered(Status::with_details(Code::ResourceExhausted, "too large", details));
    assert_eq!(too_large.outcome(), Outcome::TooLarge);
    assert!(matches!(answered(Status::invalid_argument("bad")).outcome(), Outcome::Reject(_)));
    for code in [
        Code::Unavailable,
        Code::Unknown,
        Code::Internal,
        Code::Unauthenticated,
        Code::Unimplemented,
        Code::ResourceExhausted,
    ] {
        assert!(answered(Status::new(code, "a proxy")).outcome().is_retry(), "{code:?}");
    }
}

#[test]
fn the_gateways_delay_is_read_from_its_details() {
    assert_eq!(codec::retry_delay(&patience()), Some(Duration::from_millis(1_500)));
    assert_eq!(codec::retry_delay(b""), None);
    let years = asking_for(prost_types::Duration { seconds: i64::MAX, nanos: 0 });
    assert_eq!(codec::retry_delay(&years), Some(Duration::from_secs(30)), "who asks for years is not the gateway");
}

#[test]
fn a_person_is_told_where_to_look() {
    let busy = answered(Status::with_details(Code::Unavailable, "not stored yet", patience()));
    assert!(busy.is_patience());
    let unreadable = TokenError::Empty("/etc/token".into());
    let broken = answered(Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset))));
    let files = answered(Status::from_error(Box::new(TlsError::Empty("/etc/ca.crt".into()))));
    for (failure, kind, words) in [
        (busy, Kind::InsertsFail, "Unavailable: not stored yet"),
        (
            answered(Status::unauthenticated("send a valid token")),
            Kind::AuthFailed,
            "Unauthenticated: send a valid token",
        ),
        (answered(Status::permission_denied("no")), Kind::AccessDenied, "PermissionDenied: no"),
        (answered(Status::unimplemented("x".repeat(9999))), Kind::Unreachable, "Unimplemented: xxx"),
        (Failure::from(unreadable), Kind::Credentials, "/etc/token holds no token"),
        (files, Kind::Credentials, "/etc/ca.crt holds no certificate"),
        (broken, Kind::Unreachable, "no answer: "),
        (Failure::Timeout(Duration::from_secs(4)), Kind::Unreachable, "no answer within 4s"),
        (Failure::NoAddress, Kind::Unreachable, "no address"),
    ] {
        let told = failure.to_string();
        assert_eq!(failure.kind(), kind, "{told}");
        assert!(told.contains(words) && told.len() < 300, "{told}");
    }
}

#[test]
fn only_a_gateway_itself_says_that_it_does_not_have_a_delivery() {
    let mut refusal = Status::unavailable("full");
    refusal.metadata_mut().insert(KEEPER_HEADER, Keeper(5).text().parse().unwrap());
    let refusal = answered(refusal);
    assert_eq!((refusal.keeper(), refusal.is_certain(), refusal.is_elsewhere()), (Some(Keeper(5)), true, false));
    assert!(!answered(Status::unavailable("upstream connect error or disconnect")).is_certain(), "a proxy");
    assert!(!answered(Status::from_error(Box::new(std::io::Error::other("reset")))).is_certain());
    assert!(!Failure::Timeout(Duration::ZERO).is_certain());
    let refused = tonic::ConnectError(Box::new(std::io::Error::other("refused")));
    assert!(answered(Status::from_error(Box::new(refused))).is_certain(), "nothing was sent");
}
