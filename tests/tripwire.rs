//! Is something encrypting this PC? Harmless stand-ins for ransomware are noticed after a few documents, honest
//! programs are left in peace, and what is noticed reaches the store with who did it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use vong_tests::poll::{self, PATIENCE};
use vong_tests::programs::binary;
use vong_tests::stack::Stack;

const DOCUMENTS: &str = "200";
/// What may be lost before the alarm in most modes; the bench knows better.
const LOST_MAX: u64 = 15;

#[test]
fn an_encryptor_is_told_with_who_it_was_and_canaries_go_when_they_are_not_wanted() -> anyhow::Result<()> {
    let mut stack = Stack::start()?;
    let home = stack.path("Hồ sơ của Lan");
    fs::create_dir(&home)?;
    for number in 0..60 {
        fs::write(
            home.join(format!("Tờ trình {number}.txt")),
            "Kính gửi Ủy ban nhân dân xã. ".repeat(200),
        )?;
    }
    let policy =
        |canaries: bool| json!({ "tripwire": { "enabled": true, "paths": [home], "canaries": canaries } });
    stack.set_policy(&policy(true))?;
    poll::until_true("canaries", PATIENCE, || Ok(canaries(&home)? == 10))?;

    let script = "for f in *.txt; do openssl enc -aes-256-ctr -pbkdf2 -pass pass:x -in \"$f\" -out \"$f.enc\" && rm \"$f\"; done";
    let done = Command::new("bash")
        .args(["-c", script])
        .current_dir(&home)
        .status()?;
    ensure!(done.success(), "the stand-in failed");

    let store = stack.store()?;
    let told = poll::until("the alarm in the store", PATIENCE, || {
        let rows = store.rows("SELECT lane, detail FROM events WHERE kind = 'tripwire'")?;
        let details = rows.iter().map(|row| {
            Ok((
                row["lane"].clone(),
                serde_json::from_str(row["detail"].as_str().unwrap_or_default())?,
            ))
        });
        let details: Vec<(Value, Value)> = details.collect::<anyhow::Result<_>>()?;
        Ok(details.into_iter().find(|(_, detail)| detail["level"] == "alarm"))
    })?;
    let (lane, detail) = told;
    ensure!(lane == 0 || lane == "urgent", "it goes first: {lane}");
    ensure!(
        detail["processes"].to_string().contains("bash"),
        "the shell is behind it: {detail}"
    );
    ensure!(
        detail["files"].to_string().contains("Tờ trình"),
        "it names files: {detail}"
    );
    ensure!(
        detail["files_lost"].as_u64().is_some_and(|lost| lost <= LOST_MAX),
        "{detail}"
    );

    stack.set_policy(&policy(false))?;
    poll::until_true("no canaries", PATIENCE, || Ok(canaries(&home)? == 0))?;
    stack.must_live()
}

#[test]
fn stand_ins_are_noticed_early_and_honest_programs_never() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let python = std::env::var_os("VONG_DOCUMENTS_PYTHON")
        .map_or_else(documents_python, |path| Ok(PathBuf::from(path)))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = Command::new(python)
        .arg(root.join("support/tripwire_check.py"))
        .arg(binary("vong-tripwire")?)
        .arg(folder.path())
        .arg(DOCUMENTS)
        .output()?;
    let error = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "the loads could not be run: {error}");
    let results: Vec<Value> = serde_json::from_slice(&said.stdout).context("a list of results")?;
    ensure!(results.len() >= 10, "{results:?}");
    let mut lost = Vec::new();
    for result in results {
        let is_alarm = result["alarm"] == true;
        if result["honest"] == true {
            ensure!(!is_alarm, "taken for ransomware: {result}");
            continue;
        }
        ensure!(is_alarm, "not noticed: {result}");
        lost.push(result["files_lost"].as_u64().context("a count")?);
    }
    // One that does nothing but write is met by a processor that others use too: only together they tell something.
    lost.sort_unstable();
    let median = lost[lost.len() / 2];
    ensure!(
        median <= LOST_MAX,
        "{median} documents lost in the middle of {lost:?}"
    );
    Ok(())
}

fn documents_python() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("no HOME")?;
    Ok(Path::new(&home).join(".cache/vong/documents/bin/python"))
}

/// Files in folders whose names say that they are canaries.
fn canaries(home: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains("Vọng canh gác") {
            count += fs::read_dir(entry.path())?.count();
        }
    }
    Ok(count)
}
