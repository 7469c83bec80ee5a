//! The sections of the config that handlers read, as they are now: the config may change while the daemon runs.

use std::collections::BTreeMap;
use std::time::Duration;

use alert::Global;
use declare::parse_go_duration;
use serde_json::{Map, Value as Json};

/// All sections of handlers by name, each with its elements (one, if it is no array).
#[derive(Debug, Clone, Default)]
pub struct Configs(BTreeMap<String, Vec<Section>>);

/// One element of a section, its values by key.
#[derive(Clone, Default, PartialEq)]
pub struct Section(Map<String, Json>);

/// Without values: they may be secret.
impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Configs {
    /// Sets the elements of a section, as `declare::Table::json` shows them.
    #[must_use]
    pub fn with(mut self, name: &str, elements: impl IntoIterator<Item = Map<String, Json>>) -> Self {
        self.0.insert(name.to_string(), elements.into_iter().map(Section).collect());
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

    /// Whether all alert nodes get this kind of handler: that is so if the default element is global.
    pub(crate) fn global(&self, name: &str) -> Option<Global> {
        let section = match self.all(name) {
            [only] => only,
            all => all.iter().rfind(|section| section.bool("default"))?,
        };
        section.bool("global").then(|| Global { state_changes_only: section.bool("state-changes-only") })
    }
}

fn not_enabled(name: &str) -> String {
    format!("service is not enabled: set enabled = true in [{name}] of the config")
}

impl Section {
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
        self.0.get(key).unwrap_or(&Json::Null)
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
