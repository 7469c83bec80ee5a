//! Handlers meet the real servers that they are for: what an event becomes there, and what they make of servers that
//! are away, refuse, hang or close.

mod kafka;
mod mail;
mod mqtt;
mod services;
mod snmptrap;

use std::sync::Arc;

use alert::{Delivery, Event, EventData, EventState, Handler, HandlerOptions, Level, NoStore, Outcome, Place, Topics};
use handlers::{AlertHost, Configs};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

/// The handlers of a daemon with these sections of the config.
struct World {
    runtime: Runtime,
    host: Arc<AlertHost>,
    _topics: Arc<Topics>,
}

impl World {
    fn new(sections: &[(&str, Json)]) -> World {
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
        let host = AlertHost::new(configs(sections), &topics, "http://localhost:9092/kapacitor/v1");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        World { runtime: runtime.expect("a runtime"), host, _topics: topics }
    }

    /// A handler, made of what stands in a topic's handler.
    fn open(&self, kind: &str, options: Json) -> Box<dyn Handler> {
        let kind = handlers::kinds(&self.host).by_name(kind).expect("a kind").clone();
        let options = HandlerOptions::from_json(kind, options.as_object().expect("an object")).expect("good options");
        options.open(&Place::default()).expect("a handler")
    }

    fn send(&self, handler: &mut Box<dyn Handler>, event: &Event) -> Outcome {
        self.runtime.block_on(handler.handle(event))
    }

    /// One event to a handler of its own.
    fn send_one(&self, kind: &str, options: Json, event: &Event) -> Outcome {
        self.send(&mut self.open(kind, options), event)
    }

    /// The test of a service: what it objected to.
    fn test(&self, service: &str, options: &Json) -> Result<(), String> {
        let options = options.as_object().expect("an object");
        self.runtime.block_on(handlers::test_service(&self.host, service, options)).expect("a test that can be tried")
    }
}

fn configs(sections: &[(&str, Json)]) -> Configs {
    sections.iter().fold(Configs::default(), |configs, (name, json)| {
        let elements = json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
        configs.with(name, elements.iter().map(|element| element.as_object().expect("an object").clone()))
    })
}

fn event(id: &str, level: Level) -> Event {
    let state = EventState {
        id: id.into(),
        message: format!("{id} is {level}").into(),
        details: "<b>in detail</b>".into(),
        time: 1_609_502_430_500_000_000,
        duration: 20_000_000_000,
        level,
    };
    let data = EventData {
        name: "cpu".into(),
        task_name: "watch".into(),
        group: "host=web-1".into(),
        tags: vec![("host".into(), "web-1".into())],
        fields: vec![("used".into(), model::Value::Float(97.5))],
        recoverable: true,
        series: json!({"name": "cpu", "columns": ["time", "used"], "values": [["2021-01-01T12:00:30.5Z", 97.5]]})
            .to_string()
            .into(),
        ..EventData::default()
    };
    Event::new("alerts", state, data)
}

fn must_retry(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { why, .. } => why,
        other => panic!("expected a retry, got {other:?}"),
    }
}

fn must_give_up(outcome: Outcome) -> String {
    match outcome {
        Outcome::GiveUp(why) => why,
        other => panic!("expected that it is given up, got {other:?}"),
    }
}
