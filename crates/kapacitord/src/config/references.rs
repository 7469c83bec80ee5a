//! Values of the config that stand elsewhere: `file:PATH` is what is in a file, `env:NAME` a variable of the environment.
//!
//! The config keeps and shows the reference; what it refers to is put in its place only for those who go by the config.

use std::io::Read;

use serde_json::{Map, Value as Json};

use super::{Config, ConfigError};

/// A value is no longer than that.
const LONGEST: u64 = 64 << 10;

/// Looks up a variable of the environment.
type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Config {
    /// Itself with the values that references stand for. Elements that are not enabled keep theirs: they may refer to
    /// what is not there yet.
    pub(crate) fn resolved(&self) -> Result<Config, ConfigError> {
        self.resolved_in(&|name| std::env::var(name).ok())
    }

    pub(super) fn resolved_in(&self, environment: &Environment<'_>) -> Result<Config, ConfigError> {
        let mut config = self.clone();
        for mut slot in config.slots() {
            let (section, table) = (slot.name, slot.table.clone());
            for index in 0..slot.len() {
                let Some(element) = slot.element(index) else { continue };
                for (key, value) in references(&table.json(element)) {
                    let invalid = |why: String| ConfigError::Invalid { section, why: format!("{key}: {why}") };
                    let value = replaced(&value, environment).map_err(invalid)?;
                    table.set_json(element, &key, &value).map_err(|why| invalid(why.to_string()))?;
                }
            }
        }
        Ok(config)
    }
}

/// The values of an element that are or hold references, by key; none if it is not enabled.
pub(crate) fn references(values: &Map<String, Json>) -> Vec<(String, Json)> {
    if values.get("enabled") == Some(&Json::Bool(false)) {
        return Vec::new();
    }
    let found = values.iter().filter(|(_, value)| holds_reference(value));
    found.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn holds_reference(value: &Json) -> bool {
    match value {
        Json::String(text) => Reference::of(text).is_some(),
        Json::Array(items) => items.iter().any(holds_reference),
        Json::Object(items) => items.values().any(holds_reference),
        _ => false,
    }
}

fn replaced(value: &Json, environment: &Environment<'_>) -> Result<Json, String> {
    Ok(match value {
        Json::String(text) => match Reference::of(text) {
            Some(reference) => Json::from(reference.value(environment)?),
            None => value.clone(),
        },
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| replaced(item, environment)).collect::<Result<_, _>>()?)
        }
        Json::Object(items) => {
            let items = items.iter().map(|(key, item)| Ok((key.clone(), replaced(item, environment)?)));
            Json::Object(items.collect::<Result<_, String>>()?)
        }
        _ => value.clone(),
    })
}

enum Reference<'a> {
    File(&'a str),
    Variable(&'a str),
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("file:") {
            return (!path.is_empty()).then_some(Reference::File(path.strip_prefix("//").unwrap_or(path)));
        }
        let name = text.strip_prefix("env:")?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then_some(Reference::Variable(name))
    }

    fn value(&self, environment: &Environment<'_>) -> Result<String, String> {
        let (place, value) = match self {
            Reference::File(path) => (format!("the file {path}"), read(path)?),
            Reference::Variable(name) => {
                let place = format!("the environment variable {name}");
                let value = environment(name).ok_or_else(|| format!("{place} is not set"))?;
                (place, value)
            }
        };
        if value.is_empty() { Err(format!("{place} is empty")) } else { Ok(value) }
    }
}

/// What is in a file, without the ends of lines that editors put after it.
fn read(path: &str) -> Result<String, String> {
    let told = |why: std::io::Error| format!("cannot read the file {path}: {why}");
    let mut text = String::new();
    std::fs::File::open(path).map_err(told)?.take(LONGEST + 1).read_to_string(&mut text).map_err(told)?;
    if text.len() as u64 > LONGEST {
        return Err(format!("the file {path} holds more than {LONGEST} bytes"));
    }
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use declare::load_toml;

    fn resolved(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        load_toml(text, &mut config.slots(), &[]).unwrap();
        let environment = |name: &str| match name {
            "TOKEN" => Some("t0".to_string()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        config.resolved_in(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn values_come_from_files_and_variables() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "two\nlines\n").unwrap();
        let file = file.display();
        let config = resolved(&format!(
            "[smtp]\nenabled = true\npassword = 'file:{file}'\nto = ['a@b.c', 'env:TOKEN']\n\
             [[httppost]]\nendpoint = 'e'\nurl = 'http://x'\n[httppost.headers]\nX-Token = 'env:TOKEN'\n\
             [[slack]]\nenabled = true\ntoken = 'env:TOKEN'\nchannel = 'env:not a name'\n\
             [logging]\nfile = 'file://{file}'\n"
        ))
        .unwrap();
        assert_eq!(config.smtp.password, "two\nlines");
        assert_eq!(config.smtp.to, Some(vec!["a@b.c".to_string(), "t0".to_string()]));
        assert_eq!(config.httppost[0].headers.as_ref().unwrap()["X-Token"], "t0");
        let slack = &config.data("slack")[0];
        assert_eq!((slack.text("token"), slack.text("channel")), ("t0", "env:not a name"));
        assert_eq!(config.logging.file, "two\nlines");
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (text, want) in [
            (
                "[smtp]\nenabled = true\npassword = 'env:NONE'",
                "smtp: password: the environment variable NONE is not set",
            ),
            (
                "[smtp]\nenabled = true\npassword = 'env:EMPTY'",
                "smtp: password: the environment variable EMPTY is empty",
            ),
            ("[talk]\nenabled = true\nurl = 'file:/no/such'", "talk: url: cannot read the file /no/such: "),
        ] {
            let why = resolved(text).unwrap_err();
            assert!(why.contains(want), "{why}");
        }
        assert!(resolved("[smtp]\nenabled = false\npassword = 'env:NONE'").is_ok());
    }
}
