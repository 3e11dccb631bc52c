//! A spool file, as a failing disk leaves it.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

/// In memory, where the script that starts this says so: what is examined is the agent, not the disk.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("vong-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a writable temporary folder");
    folder
});

libfuzzer_sys::fuzz_target!(|content: &[u8]| vong_agent::spool::examine::recovery(&FOLDER, content));
