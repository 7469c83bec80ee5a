//! Tests of services: one event made of a few options is sent the way that events of alerts are.

mod list;

use std::sync::Arc;

use alert::{Event, EventData, EventState, HandlerOptions, Kind, Level, Outcome, Place};
use serde_json::{Map, Value as Json, json};

use crate::{AlertHost, Configs};
use list::TESTS;

type Options = Map<String, Json>;

/// Why a test was not tried: what was asked for cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    #[error("service {0:?} not found")]
    Unknown(String),
    #[error("{option}: expected {expected}")]
    Option { option: String, expected: &'static str },
    #[error("{0}")]
    Level(String),
}

/// The test of one service.
struct Test {
    /// What users call the service.
    name: &'static str,
    /// The kind of handler that sends.
    kind: &'static str,
    /// The options with what they are if they are left out.
    defaults: fn(&Configs) -> Json,
    /// The handler's options and the event.
    plan: fn(&Given) -> (Json, Event),
}

/// Why most tests fail.
const NOT_ENABLED: &str = "service is not enabled";

/// Services that Kapacitor does not have: they are listed once the config has one, so that clients that know
/// Kapacitor's list find that.
const BEYOND: [&str; 3] = ["alertmanager", "ntfy", "webhook"];

/// The names of the services that can be tested, sorted.
pub fn service_names(host: &AlertHost) -> impl Iterator<Item = &'static str> {
    let configs = host.configs();
    let listed = move |name: &&str| !BEYOND.contains(name) || !configs.all(name).is_empty();
    TESTS.iter().map(|test| test.name).filter(listed)
}

/// The options of a service's test with their defaults, some of them from the config; `None` for an unknown service.
pub fn service_options(host: &AlertHost, name: &str) -> Option<Options> {
    let test = TESTS.iter().find(|test| test.name == name)?;
    match (test.defaults)(&host.configs()) {
        Json::Object(options) => Some(options),
        _ => None,
    }
}

/// Sends one event to a service. Options that are left out have their defaults, unknown ones are passed over.
///
/// # Errors
/// [`TestError`] if nothing was sent; in the inner result what the service, or the way to it, objected to.
pub async fn test_service(host: &Arc<AlertHost>, name: &str, given: &Options) -> Result<Result<(), String>, TestError> {
    let unknown = || TestError::Unknown(name.to_string());
    let test = TESTS.iter().find(|test| test.name == name).ok_or_else(unknown)?;
    let mut options = service_options(host, name).ok_or_else(unknown)?;
    for (option, default) in &mut options {
        let Some(value) = given.get(option).filter(|value| !value.is_null()) else { continue };
        if let Some(expected) = mismatch(default, value) {
            return Err(TestError::Option { option: option.clone(), expected });
        }
        match (default, value) {
            // Its keys come beside those of the default.
            (Json::Object(default), Json::Object(more)) => {
                default.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            (default, value) => default.clone_from(value),
        }
    }
    let level = ["level", "message-type", "messageType"].iter().find_map(|key| options.get(*key)?.as_str());
    let level = match level {
        Some(level) => level.parse::<Level>().map_err(|why| TestError::Level(why.to_string()))?,
        None => Level::Critical,
    };
    let (handler_options, event) = (test.plan)(&Given { options: &options, level });
    let kinds = crate::kinds(host);
    let kind = kinds.by_name(test.kind).map_err(|_| unknown())?;
    Ok(send(kind, handler_options, event).await)
}

async fn send(kind: &Arc<Kind>, options: Json, event: Event) -> Result<(), String> {
    let Json::Object(options) = options else { return Err("the test has no options".to_string()) };
    let opened = HandlerOptions::from_json(Arc::clone(kind), &options)
        .and_then(|options| options.open(&Place::default()))
        .map_err(|why| why.to_string());
    let mut handler = opened?;
    match handler.handle(&event).await {
        Outcome::Done => Ok(()),
        // Programs know these words; who tests a service knows where it is enabled.
        Outcome::Retry { why, .. } | Outcome::GiveUp(why) if why.starts_with(NOT_ENABLED) => {
            Err(NOT_ENABLED.to_string())
        }
        Outcome::Retry { why, .. } | Outcome::GiveUp(why) => Err(why),
    }
}

/// What should stand in place of a value that is not of the default's type; `None` if it is.
fn mismatch(default: &Json, value: &Json) -> Option<&'static str> {
    match (default, value) {
        (Json::String(_), Json::String(_))
        | (Json::Bool(_), Json::Bool(_))
        | (Json::Number(_), Json::Number(_))
        | (Json::Array(_) | Json::Null, Json::Array(_))
        | (Json::Object(_), Json::Object(_)) => None,
        (Json::String(_), _) => Some("a string"),
        (Json::Bool(_), _) => Some("true or false"),
        (Json::Number(_), _) => Some("a number"),
        (Json::Array(_) | Json::Null, _) => Some("a list"),
        (Json::Object(_), _) => Some("an object"),
    }
}

/// The options of a test, all of them there.
struct Given<'a> {
    options: &'a Options,
    level: Level,
}

impl Given<'_> {
    fn text(&self, option: &str) -> &str {
        self.options.get(option).and_then(Json::as_str).unwrap_or_default()
    }

    fn json(&self, option: &str) -> Json {
        self.options.get(option).cloned().unwrap_or_default()
    }

    /// A list, empty if it is unset.
    fn list(&self, option: &str) -> Json {
        Some(self.json(option)).filter(Json::is_array).unwrap_or_else(|| json!([]))
    }

    /// An event of these texts.
    fn event(&self, id: &str, message: &str) -> Event {
        let state = EventState {
            id: id.into(),
            message: message.into(),
            details: "".into(),
            time: model::parse_rfc3339(self.text("timestamp")).unwrap_or_else(now),
            duration: 0,
            level: self.level,
        };
        Event::new("", state, EventData::default())
    }

    /// An event with the data of the option `event_data`.
    fn event_with_data(&self, id: &str, message: &str) -> Event {
        let mut event = self.event(id, message);
        let data = self.json("event_data");
        let text = |key: &str| Arc::from(data[key].as_str().unwrap_or_default());
        let tags = data["Tags"].as_object().into_iter().flatten();
        let mut tags: Vec<(Arc<str>, Arc<str>)> =
            tags.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into()))).collect();
        tags.sort();
        event.data = Arc::new(EventData {
            name: text("Name"),
            task_name: text("TaskName"),
            category: text("Category"),
            group: text("Group"),
            tags,
            recoverable: data["Recoverable"].as_bool().unwrap_or_default(),
            ..EventData::default()
        });
        event
    }
}

/// Nanoseconds since 1970.
fn now() -> model::Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    model::Time::try_from(since.as_nanos()).unwrap_or(model::Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, HttpSink, host};

    #[test]
    fn every_test_has_options_that_its_handler_takes() {
        let host = host(&[]);
        let kinds = crate::kinds(&host);
        let mut before = "";
        for test in TESTS {
            assert!(before < test.name, "{} is not in order", test.name);
            before = test.name;
            let options = service_options(&host, test.name).unwrap();
            let (options, _) = (test.plan)(&Given { options: &options, level: Level::Info });
            let kind = kinds.by_name(test.kind).unwrap().clone();
            if let Err(error) = HandlerOptions::from_json(kind, options.as_object().unwrap()) {
                panic!("{}: {error}", test.name);
            }
        }
    }

    #[test]
    fn an_event_is_sent() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "default": true, "url": sink.url("/s"), "channel": "#all"});
        let host = host(&[("slack", section)]);
        let run =
            |name: &str, options: Json| crate::testing::run(test_service(&host, name, options.as_object().unwrap()));
        assert_eq!(run("slack", json!({"message": "m", "level": "WARNING", "other": 1})), Ok(Ok(())));
        let got = sink.requests()[0].json();
        assert_eq!((&got["channel"], &got["attachments"][0]["color"]), (&json!("#all"), &json!("warning")));
        assert!(matches!(run("talk", json!({})), Ok(Err(why)) if why == "service is not enabled"));
        assert!(matches!(run("slack", json!({"level": "NOPE"})), Err(TestError::Level(_))));
        assert!(matches!(run("slack", json!({"channel": 1})), Err(TestError::Option { .. })));
        assert_eq!(run("exec", json!({})), Err(TestError::Unknown("exec".into())));
    }
}
