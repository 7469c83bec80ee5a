//! The config as it is now: the file's, with what users changed over HTTP, kept in the store and told to who goes by it.

mod grouped;

use std::{
    any::Any,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use declare::{Redacted, Slot, Table, Update, apply_options, redact};
use store::{
    Store,
    overrides::{Override, Overrides},
};

use crate::{config::Config, definitions::Refused};

/// The sections that can be changed over HTTP, each with the key that names its elements if it is an array.
const SECTIONS: &[(&str, Option<&str>)] = &[
    ("alerta", None),
    ("alertmanager", Some("name")),
    ("azure", Some("id")),
    ("bigpanda", None),
    ("consul", Some("id")),
    ("discord", Some("workspace")),
    ("dns", Some("id")),
    ("ec2", Some("id")),
    ("file-discovery", Some("id")),
    ("gce", Some("id")),
    ("hipchat", None),
    ("httppost", Some("endpoint")),
    ("influxdb", Some("name")),
    ("kafka", Some("id")),
    ("kubernetes", Some("id")),
    ("marathon", Some("id")),
    ("mqtt", Some("name")),
    ("nerve", Some("id")),
    ("ntfy", Some("name")),
    ("opsgenie", None),
    ("opsgenie2", None),
    ("pagerduty", None),
    ("pagerduty2", None),
    ("pushover", None),
    ("scraper", Some("name")),
    ("sensu", None),
    ("serverset", Some("id")),
    ("servicenow", None),
    ("slack", Some("workspace")),
    ("smtp", None),
    ("snmptrap", None),
    ("static-discovery", Some("id")),
    ("swarm", Some("id")),
    ("talk", None),
    ("teams", None),
    ("telegram", None),
    ("triton", Some("id")),
    ("victorops", None),
    ("webhook", Some("name")),
    ("zenoss", None),
];

/// Who goes by the config; an error keeps the old one.
type Changed = dyn Fn(&Config) -> Result<(), String> + Send + Sync;

/// See the module.
pub struct LiveConfig {
    file: Config,
    overrides: Overrides,
    now: Mutex<Config>,
    changed: OnceLock<Box<Changed>>,
}

/// A section as users see it.
pub struct ShownSection {
    pub name: &'static str,
    pub elements: Vec<ShownElement>,
}

/// An element of a section as users see it.
pub struct ShownElement {
    /// Its element key; empty for the only or the nameless one.
    pub id: String,
    pub values: Redacted,
}

impl LiveConfig {
    /// The file's config with the stored changes; those that do not fit the file any more are passed over with a
    /// message.
    pub fn open(file: Config, store: &Store) -> Result<LiveConfig, store::Error> {
        let overrides = store.overrides();
        let stored = overrides.list()?;
        let mut now = file.clone();
        for &(section, key) in SECTIONS {
            let mine: Vec<&Override> = stored.iter().filter(|change| change.section == section).collect();
            if mine.is_empty() {
                continue;
            }
            match with(&file, &now, section, key, &mine) {
                Ok(changed) => now = changed,
                Err(why) => tracing::error!(section, "what was changed over HTTP does not fit the config file: {why}"),
            }
        }
        Ok(LiveConfig { file, overrides, now: Mutex::new(now), changed: OnceLock::new() })
    }

    /// Who is told of each change, once it is known to be valid. The first call counts.
    pub fn on_change(&self, changed: impl Fn(&Config) -> Result<(), String> + Send + Sync + 'static) {
        let _ = self.changed.set(Box::new(changed));
    }

    pub fn now(&self) -> Config {
        self.lock().clone()
    }

    /// What the daemon starts with: the file's alone if that says so. What users changed is shown all the same, so that
    /// a change that hinders the start can be taken back.
    pub fn at_start(&self) -> Config {
        if self.file.top.skip_config_overrides { self.file.clone() } else { self.now() }
    }

    /// The sections that have elements, with their secrets hidden, by name.
    pub fn shown(&self) -> Vec<ShownSection> {
        let mut config = self.now();
        let mut shown: Vec<ShownSection> =
            config.slots().iter_mut().filter_map(show).filter(|section| !section.elements.is_empty()).collect();
        shown.sort_by_key(|section| section.name);
        shown
    }

    /// Makes a change: `None` for the element means the section as a whole. Blocks on the disk.
    pub fn update(&self, section: &str, element: Option<&str>, update: &Update) -> Result<(), Refused> {
        let (element, key) =
            target(section, element, update).map_err(|why| Refused::bad(format!("failed to apply update: {why}")))?;
        let mut now = self.lock();
        let mut stored = self.overrides.list()?;
        stored.retain(|change| change.section == section);
        let place = format!("{section}/{element}");
        let mut changed = None;
        if update.remove.is_empty() {
            let at = stored.iter().position(|change| change.element == element);
            let mut change = at.map(|at| stored.remove(at)).unwrap_or_else(|| Override {
                section: section.to_string(),
                element: element.clone(),
                ..Override::default()
            });
            if let Some(key) = key.filter(|key| !change.create && update.set.contains_key(*key)) {
                let why = format!("cannot override element key {key}");
                return Err(Refused::bad(format!("failed to override configuration {place}: {why}")));
            }
            if update.add.is_empty() {
                change.options.extend(update.set.clone());
                change.options.retain(|key, _| !update.delete.contains(key));
            } else {
                change = Override { create: true, options: update.add.clone(), ..change };
            }
            stored.push(change.clone());
            changed = Some(change);
        } else {
            stored.retain(|change| !update.remove.contains(&change.element));
        }
        let refused = |why| Refused::bad(format!("failed to override configuration {place}: {why}"));
        let next = with(&self.file, &now, section, key, &stored.iter().collect::<Vec<_>>()).map_err(refused)?;
        if let Some(tell) = self.changed.get() {
            tell(&next).map_err(|why| Refused::failed(format!("failed to update configuration {place}: {why}")))?;
        }
        match changed {
            Some(change) => self.overrides.put(&change)?,
            None => self.overrides.delete(section, &update.remove)?,
        }
        *now = next;
        if !is_live(section) {
            tracing::warn!(section, "the change is kept, and counts from the next start of the daemon");
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Config> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of a section that nobody may be shown, as far as its table does not say so.
pub fn more_secrets(section: &str) -> impl Iterator<Item = String> {
    grouped::secrets(section).map(str::to_string)
}

/// The key that names the elements of a section; `None` for a section that nobody may change.
fn key_of(section: &str) -> Option<Option<&'static str>> {
    SECTIONS.iter().find(|(name, _)| *name == section).map(|(_, key)| *key)
}

/// Whether changes count at once; sections of what brings data in are read at the start.
fn is_live(section: &str) -> bool {
    let at_start = ["azure", "consul", "dns", "ec2", "file-discovery", "gce", "kubernetes", "marathon", "nerve"];
    let more = ["scraper", "serverset", "static-discovery", "swarm", "triton"];
    !at_start.contains(&section) && !more.contains(&section)
}

/// Which element an update is for, and the key that names it.
fn target(section: &str, element: Option<&str>, update: &Update) -> Result<(String, Option<&'static str>), String> {
    let invalid = |why: &str| Err(format!("invalid update action: {why}"));
    let changes = !update.set.is_empty() || !update.delete.is_empty();
    if section.is_empty() {
        return invalid("must provide section name");
    }
    if changes && !(update.add.is_empty() && update.remove.is_empty()) {
        return invalid("cannot provide both set/delete and add/remove actions in the same update");
    }
    if !update.add.is_empty() && !update.remove.is_empty() {
        return invalid("cannot provide both add and remove actions in the same update");
    }
    if element.is_some_and(|element| !element.is_empty()) && !(update.add.is_empty() && update.remove.is_empty()) {
        return invalid("add and remove are for a section, not for an element of it");
    }
    let Some(key) = key_of(section) else {
        let options: Vec<&str> = update.set.keys().chain(update.add.keys()).map(String::as_str).collect();
        return Err(format!("unknown options {options:?} in section {section}: no such section can be changed"));
    };
    if !update.remove.is_empty() {
        return Ok((String::new(), key));
    }
    if update.add.is_empty() {
        return match element {
            Some(element) => Ok((element.to_string(), key)),
            None => invalid("element not specified, are you missing a trailing '/'?"),
        };
    }
    let Some(key) = key else { return Err(format!("section {section:?} is not a list, cannot add new element")) };
    match update.add.get(key) {
        Some(serde_json::Value::String(name)) => Ok((name.clone(), Some(key))),
        Some(_) => Err(format!("expected {key:?} key to be a string")),
        None => Err(format!("missing key {key:?} in \"add\" map")),
    }
}

/// `now` with a section as the file has it, changed by all of `changes`.
fn with(
    file: &Config,
    now: &Config,
    section: &str,
    key: Option<&str>,
    changes: &[&Override],
) -> Result<Config, String> {
    let mut next = now.with_section_of(section, file);
    let mut slots = next.slots();
    let Some(slot) = slots.iter_mut().find(|slot| slot.name == section) else {
        return Err(format!("unknown section {section}"));
    };
    for change in changes {
        apply(slot, key, change)?;
    }
    if !changes.is_empty() {
        slot.refill();
    }
    drop(slots);
    if !changes.is_empty() {
        let resolved = next.resolved().map_err(|why| why.to_string())?;
        resolved.check_section(section).map_err(|why| format!("failed validation: {why}"))?;
    }
    Ok(next)
}

fn apply(slot: &mut Slot<'_>, key: Option<&str>, change: &Override) -> Result<(), String> {
    let table = slot.table.clone();
    let found = (0..slot.len())
        .find(|&index| slot.element(index).is_some_and(|element| id(&table.json(element), key) == change.element));
    if key.is_some() && change.element.is_empty() && found.is_none() && !change.create {
        // No name, and no element without one: all elements are meant.
        return (0..slot.len()).try_for_each(|index| match slot.element(index) {
            Some(element) => set_options(change, &table, element),
            None => Ok(()),
        });
    }
    let element = match (found, change.create) {
        (Some(_), true) => return Err(format!("there is an element {:?} already", change.element)),
        (None, true) => slot.push(),
        (Some(index), false) => slot.element(index),
        (None, false) if change.options.is_empty() => return Ok(()),
        (None, false) => None,
    };
    let Some(element) = element else {
        return Err(format!("unknown element {:?} of section {}", change.element, change.section));
    };
    set_options(change, &table, element)
}

fn set_options(change: &Override, table: &Table, element: &mut dyn Any) -> Result<(), String> {
    let mut options = change.options.clone();
    grouped::set(&change.section, table, element, &mut options)?;
    apply_options(table, element, &options).map_err(|error| error.to_string())
}

fn id(values: &serde_json::Map<String, serde_json::Value>, key: Option<&str>) -> String {
    key.and_then(|key| values.get(key)?.as_str()).unwrap_or_default().to_string()
}

fn show(slot: &mut Slot<'_>) -> Option<ShownSection> {
    let key = key_of(slot.name)?;
    let table = slot.table.clone();
    let mut elements: Vec<ShownElement> = (0..slot.len())
        .filter_map(|index| {
            let name = slot.name;
            let element = slot.element(index)?;
            let mut values = redact(&table, element);
            let json = table.json(element);
            grouped::show(name, &json, &mut values);
            Some(ShownElement { id: id(&json, key), values })
        })
        .collect();
    elements.sort_by(|a, b| a.id.cmp(&b.id));
    Some(ShownSection { name: slot.name, elements })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live(store: &Store) -> LiveConfig {
        LiveConfig::open(Config::default(), store).unwrap()
    }

    fn change(live: &LiveConfig, section: &str, element: Option<&str>, update: Value) -> Result<(), String> {
        live.update(section, element, &Update::from_json(&update).unwrap()).map_err(|refused| refused.text)
    }

    fn option(live: &LiveConfig, section: &str, id: &str, option: &str) -> Option<Value> {
        let sections = live.shown();
        let section = sections.iter().find(|shown| shown.name == section)?;
        let element = section.elements.iter().find(|element| element.id == id)?;
        element.values.options.get(option).cloned()
    }

    #[test]
    fn changes_are_kept_and_taken_back() {
        let store = Store::in_memory();
        let first = live(&store);
        change(&first, "smtp", Some(""), json!({"set": {"port": "26", "password": "p"}})).unwrap();
        change(&first, "slack", None, json!({"add": {"workspace": "b", "url": "http://x"}})).unwrap();
        change(&first, "slack", Some("b"), json!({"set": {"channel": "#b"}})).unwrap();
        for live in [first, live(&store)] {
            assert_eq!(option(&live, "smtp", "", "port"), Some(json!(26)));
            assert_eq!(option(&live, "smtp", "", "password"), Some(json!(true)));
            assert_eq!(option(&live, "slack", "b", "channel"), Some(json!("#b")));
        }
        let second = live(&store);
        change(&second, "smtp", Some(""), json!({"delete": ["port"]})).unwrap();
        change(&second, "slack", None, json!({"remove": ["b"]})).unwrap();
        assert_eq!(option(&second, "smtp", "", "port"), Some(json!(25)));
        assert_eq!(option(&second, "slack", "b", "channel"), None);
        let mut config = Config::default();
        config.top.skip_config_overrides = true;
        let skipping = LiveConfig::open(config, &store).unwrap();
        assert_eq!((skipping.at_start().smtp.password.as_str(), skipping.now().smtp.password.as_str()), ("", "p"));
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let store = Store::in_memory();
        let live = live(&store);
        live.on_change(|config| if config.smtp.port == 99 { Err("no".to_string()) } else { Ok(()) });
        let cases = [
            ("smtp", None, json!({"set": {"port": 1}}), "element not specified"),
            ("smtp", Some("x"), json!({"set": {"port": 1}}), "unknown element"),
            ("smtp", Some(""), json!({"set": {"port": 1.5}}), "expected an integer"),
            ("smtp", Some(""), json!({"set": {"host": ""}}), "failed validation"),
            ("smtp", Some(""), json!({"set": {"port": 99}}), "failed to update configuration"),
            ("smtp", Some(""), json!({"set": {"port": 1}, "add": {"x": 1}}), "cannot provide both"),
            ("smtp", None, json!({"add": {"port": 1}}), "not a list"),
            ("slack", None, json!({"add": {"channel": "x"}}), "missing key"),
            ("slack", None, json!({"add": {"workspace": ""}}), "already"),
            ("http", Some(""), json!({"set": {"bind-address": ":1"}}), "no such section can be changed"),
            ("", None, json!({"set": {"a": 1}}), "must provide section name"),
        ];
        for (section, element, update, expected) in cases {
            let why = change(&live, section, element, update.clone()).unwrap_err();
            assert!(why.contains(expected), "{section} {update}: {why}");
        }
        assert!(store.overrides().list().unwrap().is_empty());
        assert_eq!(live.now(), Config::default());
    }

    #[test]
    fn options_of_several_keys_are_one_object() {
        let live = live(&Store::in_memory());
        assert_eq!(option(&live, "httppost", "example", "basic-auth"), Some(json!(false)));
        let update = json!({"set": {"basic-auth": {"username": "u", "password": "p"}}});
        change(&live, "httppost", Some("example"), update).unwrap();
        assert_eq!(option(&live, "httppost", "example", "basic-auth"), Some(json!(true)));
        assert_eq!(live.now().httppost[0].basic_auth_password, "p");
        let update = json!({"set": {"SASLAuth": {"SASLUsername": "u", "SASLPassword": "p"}}});
        change(&live, "kafka", Some("default"), update).unwrap();
        let shown = option(&live, "kafka", "default", "SASLAuth").unwrap();
        assert_eq!((&shown["SASLUsername"], &shown["SASLPassword"]), (&json!("u"), &json!(true)));
        assert_eq!(shown["SASLOAUTHExpiryMargin"], json!(10_000_000_000_i64));
    }
}
