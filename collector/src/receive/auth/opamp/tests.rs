use serde_json::json;

use super::{
    messages::{AgentConfigFile, AgentConfigMap, AgentIdentification, AgentRemoteConfig},
    *,
};

const NAME: &str = "bearertokenauth/hyperdx";

fn offer(hash: &[u8], text: &str) -> ServerToAgent {
    let file = AgentConfigFile { body: text.into(), content_type: "application/json".into() };
    let config = Some(AgentConfigMap { config_map: [(FILE.to_owned(), file)].into() });
    let remote_config = Some(AgentRemoteConfig { config, config_hash: hash.to_vec() });
    ServerToAgent { remote_config, ..ServerToAgent::default() }
}

fn enforcing(key: &str) -> String {
    let auth = json!({ "auth": { "authenticator": NAME } });
    json!({
        "extensions": { NAME: { "scheme": "", "tokens": [key] } },
        "receivers": { "otlp/hyperdx": { "protocols": { "grpc": auth, "http": auth } } },
        "service": { "pipelines": { "traces": { "receivers": ["otlp/hyperdx"] } } },
    })
    .to_string()
}

fn headers(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::AUTHORIZATION, token.parse().unwrap())])
}

fn client(state_file: Option<&std::path::Path>) -> (Client, Advice) {
    let state_file = state_file.map(|file| file.display().to_string());
    Client::new(&Opamp { state_file, ..Opamp::at("http://app:4320") }, &mut Registry::default())
}

#[tokio::test]
async fn nobody_is_let_in_or_refused_before_the_first_answer() {
    let (mut client, advice) = client(None);
    let unknown = Err(Denied::Undecided { after: AFTER, what: Unknown::Advice });
    assert_eq!(advice.check(&headers("key-1")), unknown);
    assert!(client.doubt().borrow().as_ref().unwrap().contains("http://app:4320"));
    assert!(client.hear(ServerToAgent::default()) == Heard::Nothing);
    assert_eq!(advice.check(&headers("key-1")), unknown, "an answer without a configuration says nothing");
    client.hear(offer(&[1], "{"));
    assert_eq!(advice.check(&headers("key-1")), unknown, "nor does one that cannot be honoured");
    assert!(client.doubt().borrow().as_ref().unwrap().contains("no JSON"));
    client.hear(offer(&[2], &enforcing("key-1")));
    assert_eq!(advice.check(&headers("key-1")), Ok(()));
    assert_eq!(advice.check(&headers("Bearer key-1")), Ok(()));
    for wrong in [headers("key-2"), HeaderMap::new()] {
        assert_eq!(advice.check(&wrong), Err(Denied::Unauthenticated));
    }
    assert_eq!(*client.doubt().borrow(), None);
}

#[tokio::test]
async fn a_configuration_is_looked_at_once_and_what_became_of_it_is_reported() {
    let (mut client, advice) = client(None);
    assert_eq!(client.message(None).remote_config_status, None);
    assert!(client.hear(offer(&[1], &enforcing("key-1"))) == Heard::Offer);
    let status = |client: &mut Client| client.message(None).remote_config_status.unwrap();
    let applied = status(&mut client);
    assert_eq!((applied.status(), applied.last_remote_config_hash), (RemoteConfigStatuses::Applied, vec![1]));
    // The same hash says the same configuration: what comes with it is not looked at.
    assert!(client.hear(offer(&[1], "garbage")) == Heard::Nothing);
    assert!(client.hear(offer(&[2], "garbage")) == Heard::Offer);
    let failed = status(&mut client);
    assert_eq!((failed.status(), failed.last_remote_config_hash), (RemoteConfigStatuses::Failed, vec![2]));
    assert!(failed.error_message.contains("config.json"), "{}", failed.error_message);
    assert_eq!(advice.check(&headers("key-1")), Ok(()), "the one before counts");
    assert!(client.hear(offer(&[1], &enforcing("key-3"))) == Heard::Offer);
    assert_eq!(advice.check(&headers("key-3")), Ok(()), "the way back is open");
}

#[tokio::test]
async fn an_offer_without_a_hash_is_known_by_its_text() {
    let (mut client, _advice) = client(None);
    assert!(client.hear(offer(&[], &enforcing("key-1"))) == Heard::Offer);
    assert!(client.hear(offer(&[], &enforcing("key-1"))) == Heard::Nothing);
    assert!(client.hear(offer(&[], &enforcing("key-2"))) == Heard::Offer);
}

#[tokio::test]
async fn a_new_process_goes_by_the_last_answer_and_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opamp.json");
    let (mut before, _advice) = client(Some(&file));
    before.hear(offer(&[1], &enforcing("key-1")));
    before.hear(offer(&[2], "garbage"));
    before.keep().await;
    let (mut client, advice) = client(Some(&file));
    assert_eq!(*client.doubt().borrow(), None);
    assert_eq!(advice.check(&headers("key-1")), Ok(()));
    assert_eq!(advice.check(&headers("key-2")), Err(Denied::Unauthenticated));
    let status = client.message(None).remote_config_status.unwrap();
    assert_eq!((status.status(), status.last_remote_config_hash), (RemoteConfigStatuses::Applied, vec![1]));
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later_so_that_a_removed_key_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let [place, away] = ["data", "away"].map(|name| folder.path().join(name));
    std::fs::create_dir(&place).unwrap();
    let file = place.join("opamp.json");
    let (mut client_now, advice) = client(Some(&file));
    client_now.hear(offer(&[1], &enforcing("key-1")));
    client_now.keep().await;
    std::fs::rename(&place, &away).unwrap();
    client_now.hear(offer(&[2], &enforcing("key-2")));
    client_now.keep().await;
    assert_eq!(advice.check(&headers("key-2")), Ok(()), "the disk decides nothing");
    assert!(client_now.not_kept.is_some());
    std::fs::rename(&away, &place).unwrap();
    client_now.keep().await;
    assert_eq!(client_now.not_kept, None);
    let (_next, advice) = client(Some(&file));
    assert_eq!(advice.check(&headers("key-2")), Ok(()));
    assert_eq!(advice.check(&headers("key-1")), Err(Denied::Unauthenticated));
}

#[tokio::test]
async fn what_a_process_before_has_read_is_read_again_whatever_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opamp.json");
    let (mut before, _advice) = client(Some(&file));
    before.hear(offer(&[1], &enforcing("key-1")));
    before.keep().await;
    let (mut client, advice) = client(Some(&file));
    assert_eq!(client.message(None).remote_config_status.unwrap().last_remote_config_hash, [1]);
    assert!(client.hear(offer(&[1], &enforcing("key-2"))) == Heard::Offer);
    assert_eq!(advice.check(&headers("key-2")), Ok(()));
    assert!(client.hear(offer(&[1], &enforcing("key-3"))) == Heard::Nothing, "once");
}

#[tokio::test]
async fn a_lock_that_cannot_be_had_closes_an_open_door_and_garbage_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opamp.json");
    let open = json!({
        "receivers": { "otlp/hyperdx": { "protocols": { "grpc": {}, "http": {} } } },
        "service": { "pipelines": { "traces": { "receivers": ["otlp/hyperdx"] } } },
    });
    let unlike = enforcing("key-1").replace("bearertokenauth", "oidc");
    let (mut client_now, advice) = client(Some(&file));
    client_now.hear(offer(&[1], &open.to_string()));
    client_now.hear(offer(&[2], "garbage"));
    client_now.keep().await;
    assert_eq!(advice.check(&HeaderMap::new()), Ok(()));
    client_now.hear(offer(&[3], &unlike));
    let undecided = Err(Denied::Undecided { after: AFTER, what: Unknown::Advice });
    assert_eq!(advice.check(&HeaderMap::new()), undecided);
    assert_eq!(advice.check(&headers("key-1")), undecided);
    assert!(client_now.doubt().borrow().as_ref().unwrap().contains("oidc/hyperdx"));
    client_now.keep().await;
    let (_next, after) = client(Some(&file));
    assert_eq!(after.check(&HeaderMap::new()), undecided, "nor does a restart open it");
    client_now.hear(offer(&[4], &enforcing("key-1")));
    assert_eq!(advice.check(&headers("key-1")), Ok(()));
    client_now.hear(offer(&[5], &unlike));
    assert_eq!(advice.check(&headers("key-1")), Ok(()), "a lock that is there stays");
}

#[tokio::test]
async fn an_agent_is_numbered_named_and_called_as_the_server_wants() {
    let (mut client, _advice) = client(None);
    let (first, second) = (client.message(None), client.message(Some("no progress for 61 s".to_owned())));
    assert_eq!((first.sequence_num, second.sequence_num), (1, 2));
    assert_eq!(first.instance_uid, second.instance_uid);
    assert_eq!((first.instance_uid.len(), first.instance_uid[6] >> 4, first.instance_uid[8] >> 6), (16, 7, 2));
    let (well, ill) = (first.health.unwrap(), second.health.unwrap());
    assert!(well.healthy && well.last_error.is_empty() && well.start_time_unix_nano > 0);
    assert!(!ill.healthy && ill.last_error.contains("61"));
    let called = AgentIdentification { new_instance_uid: vec![9; UID] };
    client.hear(ServerToAgent { agent_identification: Some(called), ..ServerToAgent::default() });
    assert_eq!(client.message(None).instance_uid, [9; UID]);
    let wrong = AgentIdentification { new_instance_uid: vec![8] };
    client.hear(ServerToAgent { agent_identification: Some(wrong), ..ServerToAgent::default() });
    assert_eq!(client.message(None).instance_uid, [9; UID]);
    assert_eq!(hyphenated(&[9; UID]), "09090909-0909-0909-0909-090909090909");
}
