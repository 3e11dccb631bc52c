//! Where the programs under test are, and what a configuration for them is made of.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// One of our programs: beside this test's own, or where `VONG_BIN_DIR` says.
///
/// # Errors
/// It has not been built.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let folder = match std::env::var_os("VONG_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        // …/debug/deps/journey-<hash> → …/debug
        None => std::env::current_exe()?
            .ancestors()
            .nth(2)
            .context("tests lie in deps/")?
            .to_owned(),
    };
    let program = folder.join(name);
    ensure!(
        program.exists(),
        "{} is missing: cargo build -p {name}",
        program.display()
    );
    Ok(program)
}

/// The engine that `packaging/dev/fetch-engine` fetched.
pub(crate) fn engine_library() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("VONG_ENGINE_LIBRARY") {
        return Ok(PathBuf::from(path));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/dev/fetch-engine");
    let said = Command::new(script).arg("--print-path").output()?;
    let path = PathBuf::from(String::from_utf8(said.stdout)?.trim());
    ensure!(
        path.exists(),
        "the engine is missing: run packaging/dev/fetch-engine"
    );
    Ok(path)
}

/// A port that nobody uses now. Between this and its use lies a moment; the kernel hands out free ports
/// in turn, so that nobody else gets it in that moment.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Puts `changes` over `base`, object by object; null removes a key.
pub(crate) fn merge(base: &mut Value, changes: &Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    base.remove(key);
                } else {
                    merge(base.entry(key.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (base, change) => *base = change.clone(),
    }
}
