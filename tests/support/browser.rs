//! A real browser that plays an analyst: a script of `dashboard/e2e` in Chromium.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::stack::Stack;

/// Has a script play, as a new administrator of this name; `told` are the environment variables that it needs besides.
///
/// # Errors
/// What it could not do, or what the page reported.
pub fn play(stack: &Stack, script: &str, name: &str, told: &[(&str, String)]) -> anyhow::Result<()> {
    let made = stack.admin(&["user", "add", "--name", name, "--role", "administrator"])?;
    let password = made["password"].as_str().context("a password is a string")?;
    let said = Command::new("node")
        .arg(format!("e2e/{script}"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard"))
        .env("VONG_WEB", stack.web())
        .env("VONG_USER", name)
        .env("VONG_PASSWORD", password)
        .envs(told.iter().map(|(name, value)| (*name, value.clone())))
        .output()
        .context("node is needed for the browser's stories")?;
    ensure!(
        said.status.success(),
        "{script}: {}\n{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    Ok(())
}
