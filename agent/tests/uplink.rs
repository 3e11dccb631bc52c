//! The whole agent against a collector of the story's own, over real TLS.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use vong_agent::Agent;
use vong_agent::clock;
use vong_agent::config::Config;
use vong_agent::paths::DataFolder;
use vong_agent::uplink::Pc;
use vong_agent::uplink::enrol::{EnrolError, Enrolment, Token, enrol};
use vong_proto::event::{Body, Event, Lane, Presence, StopReason};
use vong_proto::session::{
    AgentFrame, Allowance, CollectorFrame, Command, CommandKind, Credentials, Heartbeat, PolicyDocument,
    Refusal, RefusalCode, Welcome,
};
use vong_proto::wire;

#[path = "uplink/collector.rs"]
mod collector;

use collector::{Collector, Life, Line};

/// A story that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(folder: &Path) -> Config {
    let file = folder.join("agent.toml");
    let data = folder.join("data");
    std::fs::write(&file, format!("data = {:?}\n", data.display().to_string())).expect("written");
    Config::load(Some(&file)).expect("a configuration")
}

async fn enrolled(collector: &Collector, data: &DataFolder) {
    enrolled_for(collector, data, Life::LONG).await;
}

async fn enrolled_for(collector: &Collector, data: &DataFolder, life: Life) {
    std::fs::create_dir_all(data.path()).expect("a folder");
    let token = Token::parse(&collector.token(&collector.fingerprint())).expect("a token");
    let (answer, ()) = tokio::join!(enrol(data, &token, false, Pc::here()), collector.enrol_for(life));
    assert_eq!(answer.expect("enrolled"), Enrolment::Done);
}

fn is_presence(event: &Event, stopping: bool) -> bool {
    matches!(&event.body, Body::Presence(presence) if matches!(presence, Presence::Stopping(_)) == stopping)
}

fn policy(text: &str, version: u64) -> CollectorFrame {
    CollectorFrame::Policy(PolicyDocument {
        version,
        hash: hex::encode(Sha256::digest(text)),
        document: text.to_owned(),
    })
}

#[tokio::test]
async fn an_agent_says_hello_obeys_and_says_goodbye() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");

    let (mut line, hello) = collector.welcome([0; 4], false).await;
    assert_eq!(hello.policy_version, 0);
    let seen = line.until(|event| is_presence(event, false)).await;
    assert_eq!(seen[0].header.seq, 1);

    line.write(policy(r#"{"antivirus": {"interval_s": 0}}"#, 1)).await;
    let refused = loop {
        if let AgentFrame::PolicyStatus(status) = line.read().await {
            break status;
        }
    };
    assert_eq!(
        (refused.applied, refused.refusal.as_str()),
        (false, "antivirus.interval_s: 0 is outside 1 to 86400")
    );
    line.write(policy("{}", 2)).await;
    assert!(matches!(line.read().await, AgentFrame::PolicyStatus(status) if status.applied));

    let command = Command {
        id: "7".to_owned(),
        expires_ms: i64::MAX,
        kind: CommandKind::Unknown,
    };
    line.write(CollectorFrame::Command(command)).await;
    let seen = line
        .until(|event| matches!(event.body, Body::CommandResult(_)))
        .await;
    assert!(seen.iter().any(
        |event| matches!(&event.body, Body::CommandResult(result) if result.detail == "unknown_command")
    ));

    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn what_the_collector_owns_is_not_sent_again_and_what_it_does_not_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");
    let (mut line, first) = collector.welcome([0; 4], false).await;
    // Read and lost: the connection ends before the acknowledgement.
    while !matches!(line.read().await, AgentFrame::Batch(batch) if batch.lane == Lane::State) {}
    drop(line);

    let (mut line, again) = collector.welcome([0; 4], false).await;
    let seen = line.until(|event| is_presence(event, false)).await;
    assert_eq!((again.stream, seen[0].header.seq), (first.stream, 1));

    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::Shutdown)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn an_agent_behind_its_collector_begins_a_new_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");

    let (line, before) = collector.welcome([0, 1_000, 0, 0], true).await;
    drop(line);
    let (mut line, after) = collector.welcome([0; 4], false).await;

    assert_ne!(before.stream, after.stream);
    line.until(|event| is_presence(event, false)).await;
    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn a_wrong_clock_is_said_and_does_not_silence_the_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2010, 2011).await;
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");

    let (mut line, _) = collector.welcome([0; 4], false).await;

    line.until(|event| matches!(&event.body, Body::Unsupported(what) if what.what == "clock_wrong"))
        .await;
    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn an_agent_follows_its_collector_to_a_new_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let (mut collector, next) = (
        Collector::valid(2020, 2040).await,
        Collector::valid(2020, 2040).await,
    );
    collector.trust(&next);
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");

    let both = vec![next.authority(), collector.authority()];
    let (mut line, hello) = collector
        .welcome_with(|welcome| Welcome {
            ca_der: both.clone(),
            renew_within_s: Some(0),
            ..welcome
        })
        .await;
    assert_eq!(
        hello.authorities,
        wire::authorities_hash([collector.authority().as_slice()])
    );
    let csr_der = renewal_asked(&mut line)
        .await
        .expect("a renewal is asked for at once");
    let signed = next.sign(csr_der, Life::LONG);
    line.write(CollectorFrame::Renewed(Credentials {
        certificate_der: signed.certificate_der.clone(),
        ca_der: both.clone(),
    }))
    .await;

    let mut again = collector.accept().await.expect("comes back with it");
    assert_eq!(again.certificate(), signed.certificate_der);
    let AgentFrame::Hello(hello) = again.read().await else {
        panic!("a hello comes first")
    };
    assert_eq!(
        hello.authorities,
        wire::authorities_hash(both.iter().map(Vec::as_slice))
    );
    drop(again);
    tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)))
        .await
        .expect("no panic")
        .expect("a clean end");
}

#[tokio::test]
async fn the_secret_is_told_to_nobody_but_the_collector_of_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = DataFolder::new(folder.path());
    let impostor = Collector::valid(2020, 2040).await;
    let token = Token::parse(&impostor.token(&"ab".repeat(32))).expect("a token");

    let (enrolment, line) = tokio::join!(enrol(&data, &token, false, Pc::here()), impostor.accept());

    assert!(matches!(enrolment, Err(EnrolError::Connect(_))), "{enrolment:?}");
    assert!(line.is_err(), "the handshake fails before a frame is sent");
}

#[tokio::test]
async fn a_second_enrolment_needs_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = DataFolder::new(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &data).await;
    let key = std::fs::read(data.key()).expect("a key");
    let token = Token::parse(&collector.token(&collector.fingerprint())).expect("a token");

    let again = enrol(&data, &token, false, Pc::here()).await;
    assert!(matches!(again, Err(EnrolError::Already { .. })), "{again:?}");
    let (forced, ()) = tokio::join!(enrol(&data, &token, true, Pc::here()), collector.enrol());

    assert_eq!(forced.expect("enrolled"), Enrolment::Done);
    assert_ne!(std::fs::read(data.key()).expect("a key"), key);
    assert_eq!(contents(&data).len(), 4, "nothing is left beside the identity");
}

/// Every file of a folder with its content.
fn contents(data: &DataFolder) -> BTreeMap<OsString, Vec<u8>> {
    let entries = std::fs::read_dir(data.path()).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("a file")))
        .collect()
}

#[tokio::test]
async fn a_forced_enrolment_that_fails_leaves_the_former_identity() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = DataFolder::new(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &data).await;
    let before = contents(&data);
    let used_up = Token::parse(&collector.token_with(&collector.fingerprint(), "another")).expect("a token");

    let (refused, ()) = tokio::join!(enrol(&data, &used_up, true, Pc::here()), collector.enrol());

    assert!(matches!(refused, Err(EnrolError::Refused { .. })), "{refused:?}");
    assert_eq!(contents(&data), before);
}

#[tokio::test]
async fn an_enrolment_that_was_cut_off_while_it_took_over_is_completed() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let data = &config.data;
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, data).await;
    // As if the new identity had been complete, and the power had gone after the first of its files.
    let successor = data.successor();
    std::fs::create_dir(successor.path()).expect("a folder");
    for (to, from) in [
        (successor.authorities(), data.authorities()),
        (successor.certificate(), data.certificate()),
        (successor.identity(), data.identity()),
    ] {
        std::fs::rename(&from, &to).expect("moved");
        std::fs::write(&from, "of the former identity").expect("written");
    }

    let agent = Agent::start(&config).expect("started");

    let (mut line, _) = collector.welcome([0; 4], false).await;
    assert!(!successor.path().exists());
    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

/// Waits for the agent to ask for a new certificate, and keeps it answering meanwhile.
async fn renewal_asked(line: &mut Line) -> Option<Vec<u8>> {
    for echo in 0..100 {
        let beat = Heartbeat {
            wall_ms: clock::wall_ms(),
            echo,
            answer: false,
            allowance: Allowance::default(),
        };
        line.write(CollectorFrame::Heartbeat(beat)).await;
        loop {
            match line.read().await {
                AgentFrame::Renew { csr_der } => return Some(csr_der),
                AgentFrame::Heartbeat(beat) if beat.answer => break,
                _ => {}
            }
        }
    }
    None
}

#[tokio::test]
async fn a_certificate_in_its_last_third_is_renewed_while_the_agent_has_much_to_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled_for(&collector, &config.data, Life::LATE).await;
    let before = std::fs::read(config.data.certificate()).expect("a certificate");
    let agent = Agent::start(&config).expect("started");

    let (mut line, _) = collector.welcome([0; 4], false).await;
    let csr_der = renewal_asked(&mut line).await;
    let renewed = collector.sign(csr_der.expect("asked though it is never silent"), Life::LONG);
    line.write(CollectorFrame::Renewed(renewed)).await;
    // The agent reads in order: what it answers to the next frame it says with the new certificate in place.
    line.write(policy("{}", 1)).await;
    while !matches!(line.read().await, AgentFrame::PolicyStatus(_)) {}

    assert_ne!(
        std::fs::read(config.data.certificate()).expect("a certificate"),
        before
    );
    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn an_agent_whose_certificate_has_expired_renews_it_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path());
    let collector = Collector::valid(2020, 2040).await;
    enrolled(&collector, &config.data).await;
    let agent = Agent::start(&config).expect("started");

    let mut line = collector.accept().await.expect("a handshake");
    assert!(matches!(line.read().await, AgentFrame::Hello(_)));
    let expired = Refusal {
        code: RefusalCode::Expired,
        message: "the certificate has expired".to_owned(),
    };
    line.write(CollectorFrame::Refusal(expired)).await;
    let mut line = collector.accept().await.expect("a handshake");
    let csr_der = match line.read().await {
        AgentFrame::Renew { csr_der } => Some(csr_der),
        _ => None,
    };
    let renewed = collector.sign(csr_der.expect("a renewal comes first"), Life::LONG);
    let expected = renewed.certificate_der.clone();
    line.write(CollectorFrame::Renewed(renewed)).await;

    let (mut line, _) = collector.welcome([0; 4], false).await;
    assert_eq!(line.certificate(), expected);
    let stopping = tokio::task::spawn_blocking(move || agent.stop(Some(StopReason::ServiceStop)));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}
