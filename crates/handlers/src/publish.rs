//! `publish`: each event to more topics.

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, Outcome};
use declare::{Declaration, Declared};

use crate::AlertHost;

const NAME: &str = "publish";
/// An event that has come through more topics runs in a circle.
const MOST_HOPS: u8 = 32;

/// The kind `publish`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let topics = options.topics.iter().map(|topic| topic.as_str().into()).collect();
        Ok(Box::new(Publish { host: host.clone(), topics }))
    })
    .internal()
    .build()
}

#[derive(Clone, Default)]
struct Options {
    topics: Vec<String>,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Publish each event of a topic to more topics.").property("topics", "The topics.", |d| &mut d.topics)
    }
}

struct Publish {
    host: Arc<AlertHost>,
    topics: Vec<Arc<str>>,
}

impl Handler for Publish {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(self.publish(event)))
    }
}

impl Publish {
    fn publish(&self, event: &Event) -> Outcome {
        let Some(topics) = self.host.topics() else { return Outcome::give_up("the daemon ends") };
        if event.hops >= MOST_HOPS {
            return Outcome::give_up(format!(
                "the event came through {MOST_HOPS} topics: do they publish in a circle?"
            ));
        }
        let mut errors = Vec::new();
        for topic in &self.topics {
            let copy = Event { topic: topic.clone(), hops: event.hops + 1, ..event.clone() };
            errors.extend(topics.collect(copy).err());
        }
        if errors.is_empty() {
            return Outcome::Done;
        }
        // Others have got it already, so it is not published again.
        Outcome::give_up(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use alert::testing::Collector;
    use alert::{Delivery, Level, NoStore, Subscription, Topics};
    use serde_json::json;

    use super::*;
    use crate::Configs;
    use crate::testing::{event, open};

    fn subscribe(topics: &Arc<Topics>, host: &Arc<AlertHost>, topic: &str, to: &[&str]) {
        let handler = open(&crate::kinds(host), "publish", json!({"topics": to})).unwrap();
        let (name, kind) = ("p".into(), "publish".into());
        topics.register(topic, Subscription { name, kind, handler, external: false });
    }

    #[test]
    fn events_go_on_to_more_topics() {
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
        let host = AlertHost::new(Configs::default(), &topics, "");
        subscribe(&topics, &host, "t", &["a", "b"]);
        subscribe(&topics, &host, "b", &["c"]);
        let collector = Collector::default();
        topics.register("c", collector.subscription("c"));
        for level in [Level::Warning, Level::Ok] {
            topics.collect(event(level)).unwrap();
        }
        let got: Vec<_> = collector.events().iter().map(|e| (e.topic.to_string(), e.state.level, e.previous)).collect();
        // What comes from another topic for the first time keeps the level that it had there.
        assert_eq!(event(Level::Warning).previous, Level::Info);
        let want = [("c".into(), Level::Warning, Level::Info), ("c".into(), Level::Ok, Level::Warning)];
        assert_eq!(got, want);
        assert_eq!(topics.topic("a").unwrap().collected, 2);
    }

    #[tokio::test]
    async fn a_circle_of_topics_ends() {
        let delivery = Delivery::Workers(tokio::runtime::Handle::current(), alert::QueueOptions::default());
        let topics = Arc::new(Topics::new(delivery, Arc::new(NoStore)));
        let host = AlertHost::new(Configs::default(), &topics, "");
        subscribe(&topics, &host, "t", &["u"]);
        subscribe(&topics, &host, "u", &["t"]);
        topics.collect(event(Level::Info)).unwrap();
        let ended = || topics.handlers("t")[0].counts.failed + topics.handlers("u")[0].counts.failed == 1;
        while !ended() {
            tokio::task::yield_now().await;
        }
        assert_eq!(topics.topic("t").unwrap().collected + topics.topic("u").unwrap().collected, 33);
    }
}
