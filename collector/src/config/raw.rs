//! From text and environment to a configuration whose values nobody has judged yet.

use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError, ENVIRONMENT_PREFIX};

/// Keys of the file, for suggestions.
const KEYS: &[&str] = &[
    "data",
    "intake.listen",
    "intake.address",
    "intake.events_per_s",
    "intake.events_burst",
    "intake.journal_limit_mib",
    "web.listen",
    "web.url",
    "web.insecure_cookies",
    "store.url",
    "store.user",
    "store.password_file",
    "store.engine_library",
    "registry.url",
    "mail.host",
    "mail.port",
    "mail.tls",
    "mail.user",
    "mail.password_file",
    "mail.ca_file",
    "mail.from",
    "mail.sender_name",
    "mail.duty",
    "mail.duty_phone",
    "mail.language",
    "log.level",
    "log.format",
];

/// Two names this alike are taken for a slip of the pen.
const ALIKE: f64 = 0.75;

pub(super) fn parse(
    path: &Path,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let fault = |problem: String| ConfigError::Parse {
        path: path.to_owned(),
        problem,
    };
    // The text alone first: its faults have line numbers, which the merged table has not.
    if let Err(error) = toml::from_str::<Config>(text) {
        return Err(fault(error.to_string().trim_end().to_owned()));
    }
    let mut table: Table = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    for (name, value) in environment {
        if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            set(&mut table, &key.to_lowercase(), &value)
                .map_err(|problem| fault(format!("{name}: {problem}")))?;
        }
    }
    let mut unknown = None;
    let config = serde_ignored::deserialize(Value::Table(table), |key| {
        unknown.get_or_insert_with(|| key.to_string());
    })
    .map_err(|error: toml::de::Error| fault(error.to_string().trim_end().to_owned()))?;
    match unknown {
        Some(key) => Err(ConfigError::UnknownKey {
            path: path.to_owned(),
            suggestion: suggestion(&key),
            key,
        }),
        None => Ok(config),
    }
}

/// Sets `section__key`; a value that reads as TOML is taken as such, anything else is text.
fn set(table: &mut Table, key: &str, text: &str) -> Result<(), String> {
    let read = toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut line| line.remove("value"));
    let value = read.unwrap_or_else(|| Value::String(text.to_owned()));
    match key.split_once("__") {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            let section = section
                .as_table_mut()
                .ok_or("is a value in the file, not a section")?;
            section.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

fn suggestion(key: &str) -> String {
    let likeness = |known: &&&str| (strsim::jaro_winkler(key, known) * 1_000.0) as u32;
    let nearest = KEYS.iter().max_by_key(likeness);
    match nearest {
        Some(known) if strsim::normalized_damerau_levenshtein(key, known) >= ALIKE => {
            format!("; did you mean {known:?}?")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_is_suggested_exists() {
        for key in KEYS {
            let text = match key.split_once('.') {
                Some((section, key)) => format!("[{section}]\n{key} = {{}}"),
                None => format!("{key} = {{}}"),
            };
            let error = parse(Path::new("f"), &text, std::iter::empty()).expect_err("no key is a table");
            assert!(matches!(error, ConfigError::Parse { .. }), "{key}: {error}");
        }
    }
}
