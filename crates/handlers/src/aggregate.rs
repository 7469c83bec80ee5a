//! `aggregate`: the events of an interval become one event of another topic.

use std::sync::Arc;
use std::time::Duration;

use alert::{BoxFuture, Event, EventData, EventState, Handler, Kind, Level, OpenError, Outcome};
use declare::{Declaration, Declared};
use gotemplate::{Template, Value};
use tokio::time::Instant;

use crate::AlertHost;
use crate::render::{render, template};

const NAME: &str = "aggregate";
/// An interval that has more events ends early.
const MOST_EVENTS: usize = 10_000;

/// The kind `aggregate`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        if options.interval.is_zero() {
            return Err(OpenError::Invalid { kind: NAME, why: "interval must be more than 0".into() });
        }
        let message = template(NAME, "message", &options.message)?;
        render(&message, &message_data(0, options.interval)).map_err(|why| OpenError::Invalid { kind: NAME, why })?;
        Ok(Box::new(Aggregate { host: host.clone(), options, message, events: Vec::new(), since: None }))
    })
    .internal()
    .build()
}

#[derive(Clone)]
struct Options {
    id: String,
    interval: Duration,
    topic: String,
    message: String,
}

impl Default for Options {
    fn default() -> Self {
        let message = "Received {{ .Count }} events in the last {{.Interval}}.".into();
        Options { id: String::new(), interval: Duration::ZERO, topic: String::new(), message }
    }
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Make one event of all events of an interval, and publish it to another topic.")
            .property("id", "The id of the new event.", |d| &mut d.id)
            .property("interval", "How long events are collected.", |d| &mut d.interval)
            .property("topic", "The topic of the new event.", |d| &mut d.topic)
            .property("message", "The message of the new event, a template that knows .Count and .Interval.", |d| {
                &mut d.message
            })
    }
}

struct Aggregate {
    host: Arc<AlertHost>,
    options: Options,
    message: Template,
    events: Vec<Event>,
    since: Option<Instant>,
}

impl Handler for Aggregate {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        self.since.get_or_insert_with(Instant::now);
        self.events.push(event.clone());
        let outcome = if self.events.len() >= MOST_EVENTS { self.publish() } else { Outcome::Done };
        Box::pin(std::future::ready(outcome))
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.options.interval)
    }

    fn flush(&mut self) -> BoxFuture<'_, Outcome> {
        Box::pin(std::future::ready(self.publish()))
    }
}

impl Aggregate {
    fn publish(&mut self) -> Outcome {
        self.since = None;
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            return Outcome::Done;
        }
        let Some(topics) = self.host.topics() else { return Outcome::give_up("the daemon ends") };
        let event = match self.together(&events) {
            Ok(event) => event,
            Err(why) => return Outcome::GiveUp(why),
        };
        topics.collect(event).map_or_else(|why| Outcome::GiveUp(why.to_string()), |()| Outcome::Done)
    }

    fn together(&self, events: &[Event]) -> Result<Event, String> {
        let message = render(&self.message, &message_data(events.len(), self.options.interval))?;
        let join = |texts: Vec<&str>, between: &str| -> Arc<str> { texts.join(between).into() };
        let state = EventState {
            id: self.options.id.as_str().into(),
            message: message.into(),
            details: join(events.iter().map(|event| &*event.state.message).collect(), "\n"),
            time: events.iter().map(|event| event.state.time).max().unwrap_or_default(),
            duration: events.iter().map(|event| event.state.duration).max().unwrap_or_default(),
            level: events.iter().map(|event| event.state.level).max().unwrap_or(Level::Ok),
        };
        let series = events.iter().map(|event| &*event.data.series).filter(|series| !series.is_empty());
        let data = EventData { series: join(series.collect(), ","), ..EventData::default() };
        Ok(Event {
            no_external: events.iter().all(|event| event.no_external),
            hops: events.iter().map(|event| event.hops).max().unwrap_or_default().saturating_add(1),
            ..Event::new(self.options.topic.as_str(), state, data)
        })
    }
}

fn message_data(count: usize, interval: Duration) -> Value {
    let interval = Value::Duration(i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX));
    let count = Value::Number(i64::try_from(count).unwrap_or(i64::MAX));
    Value::structure("alert.aggregateMessageData", vec![("Count", count), ("Interval", interval)])
}

#[cfg(test)]
mod tests {
    use alert::testing::Collector;
    use alert::{Delivery, NoStore, Topics};
    use serde_json::json;

    use super::*;
    use crate::Configs;
    use crate::testing::{event, open, run, series};

    fn topics() -> (Arc<Topics>, Collector, Arc<AlertHost>) {
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
        let collector = Collector::default();
        topics.register("digest", collector.subscription("c"));
        let host = AlertHost::new(Configs::default(), &topics, "");
        (topics, collector, host)
    }

    #[test]
    fn events_of_an_interval_become_one() {
        let (_topics, collector, host) = topics();
        let options = json!({"id": "dig", "interval": 1_500_000_000, "topic": "digest",
            "message": "{{ .Count }} in {{ .Interval }}"});
        let mut handler = open(&crate::kinds(&host), "aggregate", options).unwrap();
        assert_eq!(handler.due(), None);
        for level in [Level::Warning, Level::Critical, Level::Ok] {
            assert_eq!(run(handler.handle(&event(level))), Outcome::Done);
        }
        assert!(handler.due().is_some());
        assert_eq!(run(handler.flush()), Outcome::Done);
        assert_eq!(handler.due(), None);
        assert_eq!(run(handler.flush()), Outcome::Done);
        let [one] = &collector.events()[..] else { panic!("one event") };
        assert_eq!((&*one.state.id, &*one.state.message), ("dig", "3 in 1.5s"));
        assert_eq!(&*one.state.details, "svc/web-1 is WARNING\nsvc/web-1 is CRITICAL\nsvc/web-1 is OK");
        assert_eq!((one.state.level, one.state.time), (Level::Critical, event(Level::Ok).state.time));
        let rows: serde_json::Value = serde_json::from_str(&one.data.result_json()).unwrap();
        assert_eq!(rows, json!({"series": [series(), series(), series()]}));
        assert!(!one.data.recoverable);
    }

    #[test]
    fn what_is_wrong_is_told_when_it_is_opened() {
        let (_topics, _collector, host) = topics();
        for options in [json!({"topic": "x"}), json!({"interval": "1m", "message": "{{ .Nope }}"})] {
            assert!(open(&crate::kinds(&host), "aggregate", options.clone()).is_err(), "{options}");
        }
    }
}
