use http::HeaderValue;

use super::*;

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    headers
}

#[test]
fn a_token_stands_bare_or_after_its_scheme_in_any_case() {
    for value in ["key-1", "Bearer key-1", "bearer key-1", "BEARER  key-1 ", " key-1"] {
        assert_eq!(credential(&headers(value)), Ok(&b"key-1"[..]), "{value:?}");
    }
    for value in ["", " ", "Bearer "] {
        assert!(matches!(credential(&headers(value)), Err(Denied::Unauthenticated) | Ok(b"Bearer")), "{value:?}");
    }
    assert_eq!(credential(&HeaderMap::new()), Err(Denied::Unauthenticated));
}

fn guard(files: &[&std::path::Path]) -> Result<Guard, GuardError> {
    let token_files = files.iter().map(|file| file.display().to_string()).collect();
    Guard::new(&crds::config::Auth { token_files, ..Default::default() }, None)
}

#[tokio::test]
async fn any_token_of_any_file_is_let_in_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::write(&one, "key-1\n\n key-2 \n").unwrap();
    std::fs::write(&two, "key-3").unwrap();
    let guard = guard(&[&one, &two]).unwrap();
    for known in ["key-1", "Bearer key-2", "key-3"] {
        assert_eq!(guard.check(&headers(known)).await, Ok(()), "{known}");
    }
    for unknown in ["key-4", "key-", "key-11", "key-1 key-2", "Basic key-1"] {
        assert_eq!(guard.check(&headers(unknown)).await, Err(Denied::Unauthenticated), "{unknown}");
    }
}

#[tokio::test]
async fn a_token_from_outside_of_the_configuration_is_asked_for_where_that_asks_for_nothing() {
    let guard = Guard::new(&crds::config::Auth::default(), Some("key-1")).unwrap();
    assert_eq!(guard.check(&headers("Bearer key-1")).await, Ok(()));
    assert_eq!(guard.check(&headers("key-2")).await, Err(Denied::Unauthenticated));
    assert_eq!(guard.check(&HeaderMap::new()).await, Err(Denied::Unauthenticated));
}

#[tokio::test]
async fn a_file_that_is_absent_or_empty_is_no_guard() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    assert!(matches!(guard(&[&file]), Err(GuardError::Tokens(FilesError::Read(..)))));
    std::fs::write(&file, "\n \n").unwrap();
    assert!(matches!(guard(&[&file]), Err(GuardError::Tokens(FilesError::Content { .. }))));
}

#[test]
fn nobody_prints_a_token() {
    let error = FilesError::Content { paths: vec!["tokens".into()], what: "a file holds no token".into() };
    assert_eq!(error.to_string(), "tokens: a file holds no token");
}
