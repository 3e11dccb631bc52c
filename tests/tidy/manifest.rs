//! Who depends on whom, read from the manifests: the border that no `use` can cross unseen.

use super::{Rule, Violation};

/// For each of our crates, which of our crates it may know. The tests know everybody.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("agent/Cargo.toml", &["vong-proto", "vong-os"]),
    ("agent/os/Cargo.toml", &[]),
    ("collector/Cargo.toml", &["vong-proto"]),
    ("proto/Cargo.toml", &[]),
];

/// The violations of one Cargo.toml.
pub(crate) fn check(path: &str, text: &str) -> Vec<Violation> {
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(manifest, _)| *manifest == path) else {
        return Vec::new();
    };
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![violation(path, 1, Rule::Parses, error.to_string())],
    };
    dependencies(&manifest)
        .into_iter()
        .filter(|name| name.starts_with("vong-") && !allowed.contains(&name.as_str()))
        .map(|name| {
            let line = text
                .lines()
                .position(|line| line.contains(&name))
                .map_or(1, |index| index + 1);
            violation(
                path,
                line,
                Rule::CrateBorder,
                format!("{name} is not for this crate to know"),
            )
        })
        .collect()
}

/// Names in every dependency table: ordinary, development, build, and those of one target.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets
        .into_iter()
        .flat_map(|targets| targets.values())
        .filter_map(toml::Value::as_table);
    std::iter::once(manifest)
        .chain(tables)
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"].map(|section| table.get(section))
        })
        .flatten()
        .filter_map(toml::Value::as_table)
        .flat_map(|section| section.keys().cloned())
        .collect()
}

fn violation(path: &str, line: usize, rule: Rule, detail: String) -> Violation {
    Violation {
        file: path.to_owned(),
        line,
        rule,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_may_know_the_contract_but_not_the_collector() {
        let allowed = "[dependencies]\nvong-proto.workspace = true\nvong-os.workspace = true\n";
        assert_eq!(check("agent/Cargo.toml", allowed), []);

        let refused = "[dependencies]\nserde = \"1\"\n[dev-dependencies]\nvong-collector.workspace = true\n";
        let found = check("agent/Cargo.toml", refused);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].rule), (4, Rule::CrateBorder));
    }

    #[test]
    fn a_dependency_of_one_target_counts_too() {
        let text = "[target.'cfg(windows)'.dependencies]\nvong-agent = { path = \"../agent\" }\n";
        assert_eq!(check("proto/Cargo.toml", text).len(), 1);
    }
}
