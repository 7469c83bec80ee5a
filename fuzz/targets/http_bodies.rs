//! Any body of a request is read or refused; what was read is written and read as the same, and what it asks for (a
//! script, a topic's handler) is made or refused.
#![no_main]

use std::{
    fmt::Debug,
    sync::{Arc, LazyLock},
};

use alert::{Delivery, HandlerSpec, NoStore, TopicHandlers, Topics};
use api::{config, recording, replay, service_test, storage, system, task, template, topic, vars, yaml};
use engine::define::{Request, Surface, define};
use handlers::{AlertHost, Configs};
use lambda::Zone;
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// All kinds of handlers, but those that would reach out of this process as soon as they are made.
static SURFACE: LazyLock<(Surface, TopicHandlers)> = LazyLock::new(|| {
    let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
    let kinds = handlers::kinds(&AlertHost::new(Configs::default(), &topics, "http://localhost:9092/kapacitor/v1"));
    kinds.switch_off(["exec", "log", "kafka", "mqtt"]).expect("there are such kinds");
    (Surface::new(kinds.clone()), TopicHandlers::new(topics, kinds, Zone::Utc))
});

fuzz_target!(|input: (u8, &[u8])| {
    let (route, body) = input;
    match route % 12 {
        0 => task(body),
        1 => handler(body),
        2 => drop(read::<template::TemplateOptions>(body).map(|options| defined(&options.script, true))),
        3 => drop(read::<config::ConfigUpdate>(body)),
        4 => drop((read::<recording::RecordStream>(body), read::<recording::RecordBatch>(body))),
        5 => drop((read::<recording::RecordQuery>(body), read::<replay::ReplayRecording>(body))),
        6 => drop((read::<replay::ReplayBatch>(body), read::<replay::ReplayQuery>(body))),
        7 => drop((read::<system::LogLevel>(body), read::<storage::Action>(body))),
        8 => drop(read::<vars::Vars>(body).map(vars::check)),
        9 => drop((read::<service_test::ServiceTestResult>(body), read::<system::DebugVars>(body))),
        10 => drop((read::<task::Task>(body), read::<topic::EventList>(body), read::<replay::Replay>(body))),
        _ => drop(std::str::from_utf8(body).map(|text| yaml::parse(text).map_err(|error| error.to_string()))),
    }
});

/// A value of a body that is no longer changed by being written and read.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(body: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(body).ok()?;
    let text = serde_json::to_string(&value).expect("what was read can be written");
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text} is not read: {error}"));
    assert_eq!(again, value, "{text}");
    Some(value)
}

fn task(body: &[u8]) {
    if let Some(options) = read::<task::TaskOptions>(body) {
        let _ = vars::check(options.vars.clone());
        defined(&options.script, false);
    }
}

fn handler(body: &[u8]) {
    let Some(options) = read::<topic::HandlerOptions>(body) else { return };
    let spec = HandlerSpec {
        topic: "t".to_string(),
        id: options.id,
        kind: options.kind,
        options: options.options.map_or(Value::Null, Value::Object),
        matches: options.matches,
    };
    let _ = SURFACE.1.prepare(spec).map(drop).map_err(|error| error.to_string());
}

fn defined(script: &str, template: bool) {
    let request = Request { template, ..Request::default() };
    let _ = define(&SURFACE.0, script, &request).map(drop).map_err(|error| error.to_string());
}
