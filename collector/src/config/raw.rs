//! From text and environment to a configuration whose values nobody has judged yet.

use std::collections::BTreeMap;

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

/// Where values come from, for whoever has to mend one.
pub(super) struct Origins {
    file: String,
    /// The environment variable of each key that was overridden.
    variables: BTreeMap<String, String>,
}

impl Origins {
    /// Where a key's value comes from: an environment variable, else the file.
    pub(super) fn of(&self, key: &str) -> String {
        let section = key.split('.').next().unwrap_or(key);
        let variable = self.variables.get(key).or_else(|| self.variables.get(section));
        variable.unwrap_or(&self.file).clone()
    }
}

pub(super) fn parse(
    file: &str,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Config, Origins), ConfigError> {
    let in_file = |error: toml::de::Error| ConfigError::Parse {
        origin: file.to_owned(),
        problem: error.to_string().trim_end().to_owned(),
    };
    // The text alone first: its faults have line numbers, which the merged table has not.
    toml::from_str::<Config>(text).map_err(in_file)?;
    let mut table: Table = toml::from_str(text).map_err(in_file)?;
    let mut variables = BTreeMap::new();
    for (name, value) in environment {
        if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            let key = key.to_lowercase().replacen("__", ".", 1);
            set(&mut table, &key, &value);
            variables.insert(key, name);
        } else if let Some(key) = misspelt(&name) {
            return Err(ConfigError::Parse {
                problem: format!("unknown variable; did you mean \"{ENVIRONMENT_PREFIX}{key}\"?"),
                origin: name,
            });
        }
    }
    let origins = Origins {
        file: file.to_owned(),
        variables,
    };
    let config = deserialize(table, &origins)?;
    Ok((config, origins))
}

/// The key of a variable that lacks one of the two underscores of our prefix.
fn misspelt(name: &str) -> Option<&str> {
    let key = name.strip_prefix(ENVIRONMENT_PREFIX.strip_suffix('_')?)?;
    key.contains("__").then_some(key)
}

fn deserialize(table: Table, origins: &Origins) -> Result<Config, ConfigError> {
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Value::Table(table), &mut track);
    let config = serde_ignored::deserialize::<_, _, Config>(tracked, |key| {
        unknown.get_or_insert_with(|| key.to_string());
    });
    let config = config.map_err(|error: toml::de::Error| {
        let key = track.path().to_string();
        ConfigError::Parse {
            origin: origins.of(&key),
            problem: format!(
                "{key}: {}; a value is read as TOML, such as 587, true or [\"a@b.example\"]",
                error.message()
            ),
        }
    })?;
    match unknown {
        Some(key) => Err(ConfigError::UnknownKey {
            origin: origins.of(&key),
            suggestion: suggestion(&key),
            key,
        }),
        None => Ok(config),
    }
}

/// Sets `section.key`; a value that reads as TOML is taken as such, anything else is text.
fn set(table: &mut Table, key: &str, text: &str) {
    let read = toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut line| line.remove("value"));
    let value = read.unwrap_or_else(|| Value::String(text.to_owned()));
    let Some((section, key)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    // A section that another variable has made a value is refused as such.
    if let Some(section) = section.as_table_mut() {
        section.insert(key.to_owned(), value);
    }
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
            let error = parse("f", &text, std::iter::empty())
                .err()
                .expect("no key is a table");
            assert!(matches!(error, ConfigError::Parse { .. }), "{key}: {error}");
        }
    }
}
