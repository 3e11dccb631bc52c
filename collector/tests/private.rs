//! What the collector keeps may be read by its own user only, whatever the shell's umask says.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn the_registry_is_private_under_a_generous_umask() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("collector.toml");
    std::fs::write(&config, format!("data = {:?}\n", folder.path())).expect("written");

    let said = Command::new("sh")
        .args(["-c", "umask 022; exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_vong-collector"), "unit", "list", "--config"])
        .arg(&config)
        .output()
        .expect("a shell");

    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let mode = folder
        .path()
        .join("registry.db")
        .metadata()
        .expect("a registry")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
