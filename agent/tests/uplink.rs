//! The whole agent against a collector of the story's own, over real TLS.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use vong_agent::Agent;
use vong_agent::config::Config;
use vong_agent::paths::DataFolder;
use vong_agent::uplink::enrol::{EnrolError, Enrolment, Token, enrol};
use vong_proto::event::{Body, Event, Lane, Presence, StopReason};
use vong_proto::session::{AgentFrame, CollectorFrame, Command, CommandKind, PolicyDocument};

#[path = "uplink/collector.rs"]
mod collector;

use collector::Collector;

/// A story that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(folder: &Path) -> Config {
    let file = folder.join("agent.toml");
    let data = folder.join("data");
    std::fs::write(&file, format!("data = {:?}\n", data.display().to_string())).expect("written");
    Config::load(Some(&file)).expect("a configuration")
}

async fn enrolled(collector: &Collector, data: &DataFolder) {
    std::fs::create_dir_all(data.path()).expect("a folder");
    let token = Token::parse(&collector.token(&collector.fingerprint())).expect("a token");
    let (answer, ()) = tokio::join!(enrol(data, &token, false), collector.enrol());
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

    let stopping = tokio::task::spawn_blocking(move || agent.stop(StopReason::ServiceStop));
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

    let stopping = tokio::task::spawn_blocking(move || agent.stop(StopReason::Shutdown));
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
    let stopping = tokio::task::spawn_blocking(move || agent.stop(StopReason::ServiceStop));
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
    let stopping = tokio::task::spawn_blocking(move || agent.stop(StopReason::ServiceStop));
    line.until(|event| is_presence(event, true)).await;
    stopping.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn the_secret_is_told_to_nobody_but_the_collector_of_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = DataFolder::new(folder.path());
    let impostor = Collector::valid(2020, 2040).await;
    let token = Token::parse(&impostor.token(&"ab".repeat(32))).expect("a token");

    let (enrolment, line) = tokio::join!(enrol(&data, &token, false), impostor.accept());

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

    let again = enrol(&data, &token, false).await;
    assert!(matches!(again, Err(EnrolError::Already { .. })), "{again:?}");
    let (forced, ()) = tokio::join!(enrol(&data, &token, true), collector.enrol());

    assert_eq!(forced.expect("enrolled"), Enrolment::Done);
    assert_ne!(std::fs::read(data.key()).expect("a key"), key);
}
