//! Policies of stories: what a story does not ask for shall not depend on the machine that it runs on.

use serde_json::{Value, json};

/// The policy with the standard places and the tripwire off, unless it says something about them itself: both would
/// watch, and the tripwire write into, folders that belong to the machine and not to the story.
pub(crate) fn of_this_story_alone(policy: &Value) -> Value {
    let mut policy = policy.clone();
    let places = [
        "system_binaries",
        "boot",
        "services",
        "scheduled",
        "hosts",
        "accounts",
        "ssh_keys",
        "web_roots",
    ];
    let off: Value = places
        .iter()
        .map(|place| ((*place).to_owned(), json!("off")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    if policy["files"]["standard"].is_null() {
        policy["files"]["standard"] = off;
    }
    if policy["tripwire"].is_null() {
        policy["tripwire"] = json!({ "enabled": false });
    }
    policy
}
