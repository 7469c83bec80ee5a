//! The sections of the config that handlers read, as they are now: the config may change while the daemon runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alert::Global;
use declare::parse_go_duration;
use serde_json::{Map, Value as Json};

/// All sections of handlers by name, each with its elements (one, if it is no array).
#[derive(Debug, Clone, Default)]
pub struct Configs(BTreeMap<String, Vec<Section>>);

/// One element of a section, its values by key.
#[derive(Clone, Default, PartialEq)]
pub struct Section {
    values: Map<String, Json>,
    /// Keys whose values nobody may be shown.
    hidden: BTreeSet<String>,
    /// Those of them that the config takes from elsewhere.
    referring: BTreeSet<String>,
}

/// Without values: they may be secret.
impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Configs {
    /// Sets the elements of a section, as `declare::Table::json` shows them, none of their values hidden.
    #[must_use]
    pub fn with(self, name: &str, elements: impl IntoIterator<Item = Map<String, Json>>) -> Self {
        self.with_sections(name, elements.into_iter().map(|values| Section::new(values, [])).collect())
    }

    /// Sets the elements of a section.
    #[must_use]
    pub fn with_sections(mut self, name: &str, elements: Vec<Section>) -> Self {
        self.0.insert(name.to_string(), elements);
        self
    }

    /// The elements of a section.
    pub(crate) fn all(&self, name: &str) -> &[Section] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The only element of a section, if the service is enabled.
    pub(crate) fn enabled(&self, name: &str) -> Result<&Section, String> {
        match self.all(name).first() {
            Some(section) if section.bool("enabled") => Ok(section),
            _ => Err(not_enabled(name)),
        }
    }

    /// The element of a section whose `key` is `wanted`; for an empty `wanted` the default one.
    pub(crate) fn chosen(&self, name: &str, key: &str, wanted: &str) -> Result<&Section, String> {
        let section = match (wanted, self.all(name)) {
            (_, []) => return Err(not_enabled(name)),
            ("", [only]) => only,
            ("", all) => all
                .iter()
                .rfind(|section| section.bool("default"))
                .ok_or_else(|| format!("no [[{name}]] of the config has default = true"))?,
            (_, all) => all
                .iter()
                .find(|section| section.text(key) == wanted)
                .ok_or_else(|| format!("no [[{name}]] of the config has {key} = \"{wanted}\""))?,
        };
        if section.bool("enabled") { Ok(section) } else { Err(not_enabled(name)) }
    }

    /// A text with stars in the place of all values that nobody may be shown: a service may answer with what it was sent.
    pub(crate) fn without_secrets(&self, mut text: String) -> String {
        for section in self.0.values().flatten() {
            for value in section.hidden.iter().flat_map(|key| texts_of(section.json(key))) {
                if value.len() >= SHORTEST_SECRET && text.contains(value) {
                    text = text.replace(value, "***");
                }
            }
        }
        text
    }

    /// Whether all alert nodes get this kind of handler: that is so if the default element is global.
    pub(crate) fn global(&self, name: &str) -> Option<Global> {
        let section = match self.all(name) {
            [only] => only,
            all => all.iter().rfind(|section| section.bool("default"))?,
        };
        section.bool("global").then(|| Global { state_changes_only: section.bool("state-changes-only") })
    }
}

/// A word as short as this one may stand in any text.
const SHORTEST_SECRET: usize = 5;

/// All texts of a value.
fn texts_of(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => [text].into_iter().map(String::as_str).chain(path_of(text)).collect(),
        Json::Array(items) => items.iter().flat_map(texts_of).collect(),
        Json::Object(items) => items.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

/// What comes after the host of a URL: servers speak of that alone.
fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.find('/').map(|slash| &rest[slash..])
}

fn not_enabled(name: &str) -> String {
    format!("service is not enabled: set enabled = true in [{name}] of the config")
}

impl Section {
    /// Values by key, and the keys of those that nobody may be shown.
    pub fn new(values: Map<String, Json>, hidden: impl IntoIterator<Item = String>) -> Self {
        Section { values, hidden: hidden.into_iter().collect(), referring: BTreeSet::new() }
    }

    /// The config says only where the values of these keys are; nobody may be shown them.
    #[must_use]
    pub fn referring(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.referring.extend(keys);
        self.hidden.extend(self.referring.iter().cloned());
        self
    }

    /// A value for those who ask what the config says; null for one that nobody may be shown.
    pub(crate) fn shown(&self, key: &str) -> &Json {
        if self.hidden.contains(key) { &Json::Null } else { self.json(key) }
    }

    /// A value that clients of Kapacitor are shown though it is secret; null if the config takes it from elsewhere.
    pub(crate) fn shown_though_secret(&self, key: &str) -> &Json {
        if self.referring.contains(key) { &Json::Null } else { self.json(key) }
    }

    /// The text of a key; empty if it is unset.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.json(key).as_str().unwrap_or_default()
    }

    pub(crate) fn bool(&self, key: &str) -> bool {
        self.json(key).as_bool().unwrap_or_default()
    }

    pub(crate) fn int(&self, key: &str) -> i64 {
        self.json(key).as_i64().unwrap_or_default()
    }

    pub(crate) fn duration(&self, key: &str) -> Duration {
        let nanos = parse_go_duration(self.text(key)).unwrap_or_default();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.json(key).as_array().into_iter().flatten();
        items.filter_map(Json::as_str).map(str::to_string).collect()
    }

    /// A table of texts.
    pub(crate) fn table(&self, key: &str) -> Vec<(String, String)> {
        let items = self.json(key).as_object().into_iter().flatten();
        items.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
    }

    pub(crate) fn json(&self, key: &str) -> &Json {
        self.values.get(key).unwrap_or(&Json::Null)
    }

    /// `given`, or what the config says if that is empty.
    pub(crate) fn or<'a>(&'a self, given: &'a str, key: &str) -> &'a str {
        if given.is_empty() { self.text(key) } else { given }
    }

    /// As `or`, for lists.
    pub(crate) fn or_texts(&self, given: &[String], key: &str) -> Vec<String> {
        if given.is_empty() { self.texts(key) } else { given.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn element(json: Json) -> Map<String, Json> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn secrets_are_not_told() {
        let values = element(json!({"token": "hidden-1", "headers": {"X": "hidden-2"}, "short": "a",
            "hook": "http://x/hidden-3", "url": "http://x"}));
        let hidden = ["token", "headers", "short", "hook"].map(str::to_string);
        let configs = Configs::default().with_sections("x", vec![Section::new(values, hidden)]);
        let told = configs.without_secrets("a bad hidden-1 and hidden-2 at http://x, not /hidden-3".to_string());
        assert_eq!(told, "a bad *** and *** at http://x, not ***");
        let section = configs.all("x")[0].clone();
        assert_eq!((section.shown("token"), section.shown_though_secret("token")), (&Json::Null, &json!("hidden-1")));
        let section = section.referring(["token", "url"].map(str::to_string));
        assert_eq!((section.shown("url"), section.shown_though_secret("token")), (&Json::Null, &Json::Null));
    }

    #[test]
    fn elements_are_chosen_by_name_or_default() {
        let configs = Configs::default().with(
            "slack",
            [
                element(json!({"enabled": true, "default": false, "workspace": "a", "global": true})),
                element(json!({"enabled": true, "default": true, "workspace": "b"})),
                element(json!({"enabled": false, "default": false, "workspace": "c"})),
            ],
        );
        let chosen = |wanted| configs.chosen("slack", "workspace", wanted).map(|section| section.text("workspace"));
        assert_eq!(chosen(""), Ok("b"));
        assert_eq!(chosen("a"), Ok("a"));
        assert!(chosen("c").unwrap_err().starts_with("service is not enabled"));
        assert_eq!(chosen("d").unwrap_err(), "no [[slack]] of the config has workspace = \"d\"");
        assert_eq!(configs.global("slack"), None);
        assert!(configs.enabled("talk").is_err());
    }
}
