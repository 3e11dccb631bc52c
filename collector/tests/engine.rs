//! The embedded engine against what the `clickhouse` crate expects of a server, and against what we expect
//! of its process. Everything here is real: the program, the library, the disk.
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

#[path = "support/engine.rs"]
mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use support::{DEADLINE, RunningEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vong_collector::engine::supervisor::{self, EngineConfig, EngineStatus, StartError};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Reading {
    id: u64,
    place: String,
}

fn readings(ids: std::ops::Range<u64>) -> Vec<Reading> {
    ids.map(|id| Reading {
        id,
        place: format!("tệp {id}"),
    })
    .collect()
}

async fn create_table(client: &Client) {
    let sql = "CREATE TABLE reading (id UInt64, place String) ENGINE = MergeTree ORDER BY id \
               SETTINGS non_replicated_deduplication_window = 100";
    client.query(sql).execute().await.unwrap();
}

async fn insert(client: &Client, rows: &[Reading]) -> Result<(), Error> {
    let mut insert = client.insert::<Reading>("reading").await?;
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}

async fn count(client: &Client) -> u64 {
    client
        .query("SELECT count() FROM reading")
        .fetch_one()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_inserted_comes_back() {
    let engine = RunningEngine::start().await;
    let client = engine.client();
    create_table(&client).await;
    insert(&client, &readings(0..1000)).await.unwrap();
    insert(
        &client.clone().with_compression(Compression::None),
        &readings(1000..1010),
    )
    .await
    .unwrap();

    let sql = "SELECT ?fields FROM reading WHERE place = {place: String} ORDER BY id";
    let found = client
        .query(sql)
        .param("place", "tệp 1003")
        .fetch_all::<Reading>()
        .await
        .unwrap();
    assert_eq!(found, readings(1003..1004));
    assert_eq!(count(&client).await, 1010);
    let none = client
        .query("SELECT ?fields FROM reading WHERE id > 5000")
        .fetch_all::<Reading>()
        .await
        .unwrap();
    assert_eq!(none, []);
}

#[tokio::test]
async fn a_long_result_comes_in_chunks_with_one_header() {
    let engine = RunningEngine::start().await;
    let sql = "SELECT number AS id, toString(number) AS place FROM numbers(300000)";
    let mut rows = engine.client().query(sql).fetch::<Reading>().unwrap();
    let mut expected = 0;
    while let Some(row) = rows.next().await.unwrap() {
        assert_eq!(
            row,
            Reading {
                id: expected,
                place: expected.to_string()
            }
        );
        expected += 1;
    }
    assert_eq!(expected, 300_000);
}

#[tokio::test]
async fn faults_surface_as_errors() {
    let engine = RunningEngine::start().await;
    let client = engine.client();
    create_table(&client).await;
    for (sql, code) in [
        ("SELEKT 1", "Code: 62"),
        ("SELECT * FROM nowhere", "Code: 60"),
        ("SELECT throwIf(number = 3) FROM numbers(10)", "Code: 395"),
        ("SELECT 1; SELECT 2", "Code: 62"),
        ("", "Code: 62"),
    ] {
        let error = client.query(sql).execute().await.unwrap_err().to_string();
        assert!(error.contains(code), "{sql}: {error}");
    }
    let unknown = client
        .clone()
        .with_setting("no_such_setting", "1")
        .query("SELECT 1")
        .execute()
        .await;
    assert!(unknown.unwrap_err().to_string().contains("Code: 115"));

    // The status has been sent when this one fails.
    let sql = "SELECT throwIf(number = 250000) AS x FROM numbers(300000)";
    let mut rows = client.query(sql).fetch::<u8>().unwrap();
    let error = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the error was lost"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("Code: 395"), "{error}");

    let mut malformed = client.insert_formatted_with("INSERT INTO reading FORMAT CSV".to_owned());
    malformed.send("1,a\nnumber,b\n".into()).await.unwrap();
    let error = malformed.end().await.unwrap_err().to_string();
    assert!(error.contains("Code: 27"), "{error}");
    assert_eq!(count(&client).await, 0);
}

#[tokio::test]
async fn files_are_out_of_reach() {
    let engine = RunningEngine::start().await;
    let target = engine.folder.path().join("leak");
    let client = engine.client();
    for sql in [
        "SELECT file('/etc/passwd')".to_owned(),
        "SELECT arrayMap(file, ['/etc/passwd'])".to_owned(),
        "SELECT * FROM file('/etc/passwd', 'RawBLOB')".to_owned(),
        "SELECT * FROM url('http://127.0.0.1:1/', 'RawBLOB')".to_owned(),
        format!("SELECT 1 INTO OUTFILE '{}'", target.display()),
        format!(
            "BACKUP DATABASE default TO Disk('default', '{}')",
            target.display()
        ),
        "CREATE TABLE leak (x UInt8) ENGINE = URL('http://127.0.0.1:1/', 'CSV')".to_owned(),
        "SYSTEM SHUTDOWN".to_owned(),
    ] {
        let error = client.query(&sql).execute().await.unwrap_err().to_string();
        assert!(
            error.contains("Code: 497") || error.contains("Code: 392"),
            "{sql}: {error}"
        );
    }
    assert!(!target.exists());
    assert_eq!(client.query("SELECT 1").fetch_one::<u8>().await.unwrap(), 1);
}

#[tokio::test]
async fn only_the_right_key_opens() {
    let engine = RunningEngine::start().await;
    for client in [
        engine.client().with_password("guess"),
        engine.client().with_user("default"),
    ] {
        let error = client.query("SELECT 1").execute().await.unwrap_err().to_string();
        assert!(error.contains("Code: 516"), "{error}");
    }
    let answer = raw_get(&engine, "/?query=SELECT+1", "").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(raw_get(&engine, "/ping", "").await.ends_with("Ok.\n"));
}

#[tokio::test]
async fn a_plain_get_reads_and_only_reads() {
    let engine = RunningEngine::start().await;
    let key = key_headers(&engine);
    let answer = raw_get(&engine, "/?query=SELECT+7+AS+x+FORMAT+JSONEachRow", &key).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("{\"x\":7}"),
        "{answer}"
    );
    let answer = raw_get(&engine, "/?query=CREATE+DATABASE+other", &key).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("exception-code: 392"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_aborted_insert_stores_nothing() {
    let engine = RunningEngine::start().await;
    let client = engine.client();
    create_table(&client).await;
    let mut aborted = client.insert::<Reading>("reading").await.unwrap();
    for row in readings(0..50_000) {
        aborted.write(&row).await.unwrap();
    }
    drop(aborted);
    // The next insert ends after the engine has dealt with the aborted one or beside it; either way only it counts.
    insert(&client, &readings(0..3)).await.unwrap();
    assert_eq!(count(&client).await, 3);
}

#[tokio::test]
async fn the_same_token_twice_stores_once() {
    let engine = RunningEngine::start().await;
    let client = engine.client();
    create_table(&client).await;
    for (token, expected) in [("a", 10), ("a", 10), ("b", 20)] {
        let client = client.clone().with_setting("insert_deduplication_token", token);
        insert(&client, &readings(0..10)).await.unwrap();
        assert_eq!(count(&client).await, expected);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let engine = RunningEngine::start().await;
    create_table(&engine.client()).await;
    for round in 1..=3 {
        // Other rows each time: what is identical would be taken for a repetition.
        insert(&engine.client(), &readings(1000 * round..1000 * (round + 1)))
            .await
            .unwrap();
        engine.kill();
        engine.wait_for_restart(round).await;
        assert_eq!(count(&engine.client()).await, 1000 * round);
    }
}

#[tokio::test]
async fn a_stopped_engine_leaves_no_process() {
    let engine = RunningEngine::start().await;
    let process_id = engine.process_id();
    let mut status = engine.handle.status();
    engine.handle.stop().await;
    assert_eq!(*status.borrow_and_update(), EngineStatus::Stopped);
    assert!(!std::path::Path::new(&format!("/proc/{process_id}")).exists());
}

#[tokio::test]
async fn the_engine_ends_with_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vong-collector"))
        .args(["engine", "--library"])
        .arg(support::library())
        .arg("--data")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut alive = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut alive, b"secret\n").unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.take().unwrap()),
        &mut ready,
    )
    .unwrap();
    assert!(ready.starts_with("http://127.0.0.1:"), "{ready}");
    drop(alive);
    let ended = tokio::task::spawn_blocking(move || child.wait());
    assert!(
        tokio::time::timeout(DEADLINE, ended)
            .await
            .expect("in time")
            .unwrap()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn an_engine_waits_for_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = support::config(&folder);
    std::fs::create_dir(&config.data).unwrap();
    let before = std::fs::File::create(config.data.join("engine.lock")).unwrap();
    before.lock().unwrap();
    let mut start = std::pin::pin!(supervisor::start(config));
    let early = tokio::time::timeout(Duration::from_secs(2), &mut start).await;
    assert!(early.is_err(), "{early:?} while another one has the data");
    drop(before);
    let engine = tokio::time::timeout(DEADLINE, start).await.expect("in time");
    engine.expect("it starts").stop().await;
}

#[tokio::test]
async fn an_engine_whose_data_another_one_keeps_says_so() {
    let engine = RunningEngine::start().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_vong-collector"))
        .args(["engine", "--wait-s", "0", "--library"])
        .arg(support::library())
        .arg("--data")
        .arg(support::config(&engine.folder).data)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut alive = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut alive, b"secret\n").unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let ended = tokio::time::timeout(DEADLINE, ended)
        .await
        .expect("in time")
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success() && said.contains("in use by another engine"),
        "{said}"
    );
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let engine = RunningEngine::start().await;
    let right = support::config(&engine.folder);
    let text = engine.folder.path().join("text.so");
    std::fs::write(&text, "no library").unwrap();
    let other = "/lib/x86_64-linux-gnu/libc.so.6".into();
    let broken = engine.folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("data"), "no folder").unwrap();
    let with_library = |library: PathBuf| EngineConfig {
        library,
        ..right.clone()
    };
    let with_data = |data: PathBuf| EngineConfig {
        data,
        ..right.clone()
    };
    for (config, expected) in [
        (with_library("/no/such/libchdb.so".into()), "/no/such/libchdb.so"),
        (with_library(text), "text.so"),
        (with_library(other), "chdb_connect, chdb_close_conn"),
        (with_data("/proc/no".into()), "/proc/no"),
        (with_data(broken), "restore the folder from a backup"),
    ] {
        match supervisor::start(config).await {
            Err(StartError::Ended { last_words, .. }) => {
                assert!(last_words.contains(expected), "{last_words}");
            }
            other => panic!("{other:?} instead of {expected}"),
        }
    }
    let no_program = EngineConfig {
        program: "/no/such/program".into(),
        ..right
    };
    assert!(matches!(
        supervisor::start(no_program).await,
        Err(StartError::Spawn { .. })
    ));
}

#[tokio::test]
async fn hostile_requests_change_nothing() {
    let engine = RunningEngine::start().await;
    create_table(&engine.client()).await;
    let key = key_headers(&engine);
    let insert = "/?query=INSERT+INTO+reading+FORMAT+CSV";
    for (method, target, body, code) in [
        (
            "POST",
            format!("{insert}&decompress=1"),
            "no frame, but long enough for a header",
            "236",
        ),
        ("POST", format!("{insert}&decompress=1"), "short", "236"),
        ("POST", "/?path=/etc".to_owned(), "SELECT 1", "115"),
        ("POST", "/".to_owned(), "SELECT 1; DROP TABLE reading", "62"),
        ("GET", insert.to_owned(), "", "392"),
        ("POST", "/?query=%FF".to_owned(), "", "62"),
    ] {
        let headers = format!("{key}Content-Length: {}\r\n", body.len());
        let answer = raw(&engine, method, &target, &headers, body).await;
        assert!(
            answer.contains(&format!("exception-code: {code}\r\n")),
            "{target}: {answer}"
        );
    }
    let long = "x".repeat(2 << 20);
    let headers = format!("{key}Content-Length: {}\r\n", long.len());
    assert!(
        raw(&engine, "POST", "/", &headers, &long)
            .await
            .contains("exception-code: 396")
    );
    assert_eq!(count(&engine.client()).await, 0);
}

fn key_headers(engine: &RunningEngine) -> String {
    let secret = engine.handle.secret().expose();
    format!("X-ClickHouse-User: vong\r\nX-ClickHouse-Key: {secret}\r\n")
}

async fn raw_get(engine: &RunningEngine, target: &str, headers: &str) -> String {
    raw(engine, "GET", target, headers, "").await
}

/// What `curl` would see.
async fn raw(engine: &RunningEngine, method: &str, target: &str, headers: &str, body: &str) -> String {
    let address = engine.handle.url().replace("http://", "");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n{headers}\r\n{body}");
    // A server that refuses early closes early.
    let _ = connection.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
