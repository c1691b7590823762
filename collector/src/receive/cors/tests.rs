use super::*;

#[test]
fn a_pattern_has_one_star_and_no_case() {
    for (pattern, origin, is_match) in [
        ("*", "https://shop.example", true),
        ("https://shop.example", "https://SHOP.example", true),
        ("https://shop.example", "https://shop.example.evil", false),
        ("https://*.shop.example", "https://a.shop.example", true),
        ("https://*.shop.example", "https://shop.example", false),
        ("https://*.shop.example", "https://a.shop.example:8443", false),
        ("ab*ba", "aba", false),
    ] {
        assert_eq!(matches(pattern, origin.as_bytes()), is_match, "{pattern} {origin}");
    }
}

#[test]
fn an_origin_that_is_not_allowed_is_told_nothing() {
    let cors = Cors::new(&crds::config::Cors {
        allowed_origins: vec!["https://shop.example".into()],
        ..crds::config::Cors::default()
    });
    let mut request = HeaderMap::new();
    request.insert(ORIGIN, HeaderValue::from_static("https://other.example"));
    let mut answer = Response::new(full(bytes::Bytes::new()));
    cors.permit(&request, &mut answer);
    assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    assert_eq!(answer.headers()[VARY], "Origin", "a cache must not mix up what two origins get");
}
