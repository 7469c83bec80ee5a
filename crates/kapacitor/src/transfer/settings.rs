//! What one daemon's config says otherwise than another's, as far as it can be changed over HTTP.

use api::{
    client::Client,
    config::{self, Config, ConfigUpdate, Element},
};
use serde_json::Map;

/// A change that makes an element of a section as it is elsewhere.
#[derive(Debug)]
pub(crate) struct Change {
    /// The section, or the section and its element: the path behind `/config/`.
    pub(crate) place: String,
    pub(crate) update: ConfigUpdate,
    /// Secrets that are set there; their values are not shown, so they must be set by hand.
    pub(crate) secrets: Vec<String>,
}

impl Change {
    /// The same with the element switched off, if it would be on but lacks a secret: without it, it may not be valid.
    pub(crate) fn switched_off(&self) -> Option<ConfigUpdate> {
        let off = |options: &Map<String, serde_json::Value>| {
            let mut options = options.clone();
            let enabled = options.get_mut("enabled").filter(|enabled| **enabled == true)?;
            *enabled = false.into();
            Some(options)
        };
        if self.secrets.is_empty() {
            return None;
        }
        let mut update = self.update.clone();
        match off(&update.set) {
            Some(set) => update.set = set,
            None => update.add = off(&update.add)?,
        }
        Some(update)
    }
}

/// What must be changed here to have the sections as they are there.
///
/// # Errors
/// What a daemon refuses, or that it does not answer.
pub(crate) async fn settings(there: &Client, here: &Client) -> anyhow::Result<Vec<Change>> {
    let there: Config = there.get(config::PATH, &[]).await?;
    let here: Config = here.get(config::PATH, &[]).await?;
    Ok(changes(&there, &here))
}

fn changes(there: &Config, here: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, section) in &there.sections {
        // A section without elements is not shown.
        let own = here.sections.get(name).map_or(&[][..], |own| &own.elements);
        for element in &section.elements {
            let id = id(name, element);
            let same = own.iter().find(|own| self::id(name, own) == id);
            let secrets = secrets(element, same);
            let mut update = ConfigUpdate::default();
            let place = match same {
                Some(own) => {
                    update.set = differing(element, own);
                    // The slash is part of it where the element has no name.
                    format!("{name}/{id}")
                }
                None => {
                    update.add = plain(element).map(|(key, value)| (key.clone(), value.clone())).collect();
                    name.clone()
                }
            };
            if !update.set.is_empty() || !update.add.is_empty() || !secrets.is_empty() {
                changes.push(Change { place, update, secrets });
            }
        }
    }
    changes
}

/// The element's name, as its link has it.
fn id(section: &str, element: &Element) -> String {
    let prefix = format!("{}/{section}/", config::PATH);
    element.link.href.strip_prefix(&prefix).unwrap_or_default().to_string()
}

/// The options that are no secrets.
fn plain(element: &Element) -> impl Iterator<Item = (&String, &serde_json::Value)> {
    let secrets = element.redacted.as_deref().unwrap_or_default();
    element.options.iter().filter(|(key, _)| !secrets.contains(key))
}

/// Options that are known here and say something else there.
fn differing(there: &Element, here: &Element) -> Map<String, serde_json::Value> {
    let differs =
        |(key, value): &(&String, &serde_json::Value)| here.options.get(*key).is_some_and(|own| own != *value);
    plain(there).filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Secrets that are set there and not here. A secret is shown as whether it is set.
fn secrets(there: &Element, here: Option<&Element>) -> Vec<String> {
    let is_set = |element: &Element, key: &String| element.options.get(key) == Some(&serde_json::Value::Bool(true));
    let names = there.redacted.iter().flatten();
    names.filter(|key| is_set(there, key) && !here.is_some_and(|here| is_set(here, key))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(smtp: serde_json::Value, influxdb: serde_json::Value) -> Config {
        serde_json::from_value(json!({ "sections": {
            "smtp": { "elements": [{ "link": { "href": "/kapacitor/v1/config/smtp/" }, "options": smtp, "redacted": ["password"] }] },
            "influxdb": { "elements": influxdb },
        } }))
        .unwrap()
    }

    #[test]
    fn what_differs_is_set_and_what_lacks_is_added() {
        let cluster = json!([{ "link": { "href": "/kapacitor/v1/config/influxdb/far" }, "options": { "name": "far", "enabled": true }, "redacted": null }]);
        let there = config(json!({ "host": "mail", "port": 25, "password": true, "unknown": 1 }), cluster);
        let here = config(json!({ "host": "localhost", "port": 25, "password": false }), json!([]));
        let found = changes(&there, &here);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].place.as_str(), found[0].update.add["name"].as_str()), ("influxdb", Some("far")));
        assert_eq!(found[1].place, "smtp/");
        assert_eq!(serde_json::Value::Object(found[1].update.set.clone()), json!({ "host": "mail" }));
        assert_eq!(found[1].secrets, ["password"]);
        assert!(changes(&here, &here).is_empty());
        assert!(found.iter().all(|change| change.switched_off().is_none()));
    }

    #[test]
    fn what_lacks_a_secret_can_come_switched_off() {
        let cluster = json!([{ "link": { "href": "/kapacitor/v1/config/influxdb/far" },
            "options": { "name": "far", "enabled": true, "token": true }, "redacted": ["token"] }]);
        let there = config(json!({ "enabled": true, "password": true }), cluster);
        let here = serde_json::from_value(json!({ "sections": {
            "smtp": { "elements": [{ "link": { "href": "/kapacitor/v1/config/smtp/" },
                "options": { "enabled": false, "password": false }, "redacted": ["password"] }] },
        } }))
        .unwrap();
        let off: Vec<ConfigUpdate> = changes(&there, &here).iter().filter_map(Change::switched_off).collect();
        assert_eq!((&off[0].add["enabled"], &off[0].add["name"]), (&json!(false), &json!("far")));
        assert_eq!(off[1].set["enabled"], json!(false));
    }
}
