//! Tests of `topics.rs`.

use super::*;
use crate::testing::{Collector, event};
use crate::{Counts, Matcher, MemoryStore, NoStore};

fn inline() -> Topics {
    Topics::new(Delivery::Inline, Arc::new(NoStore))
}

#[test]
fn handlers_get_events_with_their_previous_level() {
    let topics = inline();
    let collector = Collector::default();
    let id = topics.register("t", collector.subscription("c"));
    for (id, level) in [("a", Level::Info), ("b", Level::Critical), ("a", Level::Warning), ("a", Level::Ok)] {
        topics.collect(event("t", id, level)).unwrap();
    }
    topics.collect(event("other", "a", Level::Info)).unwrap();
    let got: Vec<_> = collector.events().iter().map(|e| (e.state.id.to_string(), e.previous, e.state.level)).collect();
    let want = [
        ("a".to_string(), Level::Ok, Level::Info),
        ("b".to_string(), Level::Ok, Level::Critical),
        ("a".to_string(), Level::Info, Level::Warning),
        ("a".to_string(), Level::Warning, Level::Ok),
    ];
    assert_eq!(got, want);
    assert_eq!(topics.handlers("t")[0].counts, Counts { sent: 4, ..Counts::default() });
    assert!(topics.deregister("t", id));
    assert!(!topics.deregister("t", id));
    topics.collect(event("t", "a", Level::Info)).unwrap();
    assert_eq!(collector.events().len(), 4);
}

#[test]
fn lists_show_levels_and_counts() {
    let topics = inline();
    for (topic, id, level) in
        [("x", "a", Level::Info), ("x", "b", Level::Critical), ("x", "b", Level::Ok), ("w", "c", Level::Warning)]
    {
        topics.collect(event(topic, id, level)).unwrap();
    }
    let list: Vec<_> = topics.list(Level::Ok).into_iter().map(|t| (t.id.to_string(), t.level, t.collected)).collect();
    assert_eq!(list, [("w".to_string(), Level::Warning, 1), ("x".to_string(), Level::Info, 3)]);
    assert_eq!(topics.list(Level::Warning).len(), 1);
    let ids = |min| topics.events("x", min).unwrap().iter().map(|s| s.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(Level::Ok), ["a", "b"]);
    assert_eq!(ids(Level::Info), ["a"]);
    assert_eq!(topics.events("none", Level::Ok), None);
    assert_eq!(topics.topic("none"), None);
}

#[test]
fn states_that_are_not_ok_survive_closing() {
    let store = Arc::new(MemoryStore::default());
    let topics = Topics::new(Delivery::Inline, store.clone());
    for (id, level) in [("a", Level::Critical), ("b", Level::Warning), ("b", Level::Ok)] {
        topics.collect(event("t", id, level)).unwrap();
    }
    topics.close("t");
    assert_eq!(topics.event_state("t", "a"), None);
    topics.open("t");
    assert_eq!(topics.event_state("t", "a").unwrap().level, Level::Critical);
    assert_eq!(topics.event_state("t", "b"), None);
    let next = Topics::new(Delivery::Inline, store.clone());
    next.open_stored();
    let collector = Collector::default();
    next.register("t", collector.subscription("c"));
    next.collect(event("t", "a", Level::Ok)).unwrap();
    assert_eq!(collector.events()[0].previous, Level::Critical);
    assert!(store.load("t").unwrap().is_empty());
    next.update_event("t", event("t", "z", Level::Info).state);
    assert_eq!(next.topic("t").unwrap().level, Level::Info);
    next.delete("t");
    next.open("t");
    assert_eq!(next.topic("t").unwrap(), TopicStatus { id: "t".into(), level: Level::Ok, collected: 0, forgotten: 0 });
}

#[test]
fn a_closed_topic_keeps_its_handlers_out_of_sight() {
    let topics = Topics::new(Delivery::Inline, Arc::new(MemoryStore::default()));
    let collector = Collector::default();
    topics.register("t", collector.subscription("c"));
    topics.collect(event("t", "a", Level::Critical)).unwrap();
    topics.close("t");
    assert_eq!((topics.topic("t"), topics.list(Level::Ok).len()), (None, 0));
    assert_eq!(topics.events("t", Level::Ok), None);
    assert_eq!(topics.handlers("t").len(), 1);
    topics.collect(event("t", "a", Level::Warning)).unwrap();
    assert_eq!(topics.topic("t").unwrap().collected, 1);
    assert_eq!(collector.events()[1].previous, Level::Critical);
    topics.delete("t");
    assert!(topics.handlers("t").is_empty());
}

#[test]
fn events_of_replays_stay_inside() {
    let topics = inline();
    let (inside, outside) = (Collector::default(), Collector::default());
    topics.register("t", Subscription { external: false, ..inside.subscription("in") });
    topics.register("t", outside.subscription("out"));
    topics.collect(Event { no_external: true, ..event("t", "a", Level::Info) }).unwrap();
    assert_eq!((inside.events().len(), outside.events().len()), (1, 0));
}

#[test]
fn match_expressions_choose_events() {
    let topics = inline();
    let collector = Collector::default();
    let matcher = Matcher::new("changed() AND level() > INFO", lambda::Zone::Utc).unwrap();
    topics.register_matching("t", collector.subscription("c"), Some(matcher));
    for level in [Level::Info, Level::Critical, Level::Critical, Level::Warning, Level::Ok] {
        topics.collect(event("t", "a", level)).unwrap();
    }
    let got: Vec<_> = collector.events().iter().map(|event| event.state.level).collect();
    assert_eq!(got, [Level::Critical, Level::Warning]);
}

#[tokio::test]
async fn workers_get_all_events_before_the_end() {
    let delivery = Delivery::Workers(Handle::current(), QueueOptions::default());
    let topics = Topics::new(delivery, Arc::new(NoStore));
    let collector = Collector::default();
    topics.register("t", collector.subscription("c"));
    for n in 0..1000 {
        topics.collect(event("t", &n.to_string(), Level::Info)).unwrap();
    }
    assert!(topics.shutdown(Duration::from_secs(60)).await);
    let got: Vec<_> = collector.events().iter().map(|event| event.state.id.to_string()).collect();
    assert_eq!(got, (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_queue_is_told() {
    let options = QueueOptions { capacity: 1, ..QueueOptions::default() };
    let topics = Topics::new(Delivery::Workers(Handle::current(), options), Arc::new(NoStore));
    topics.register("t", Collector::default().subscription("c"));
    topics.collect(event("t", "a", Level::Info)).unwrap();
    let error = topics.collect(event("t", "b", Level::Info)).unwrap_err();
    assert_eq!(error.to_string(), "failed to deliver event \"b\" of topic \"t\" to handler c: its queue is full");
    assert_eq!(topics.handed(), 1);
    assert_eq!(topics.event_state("t", "b").unwrap().level, Level::Info);
}

#[test]
fn what_is_forgotten_keeps_its_handlers() {
    let topics = Topics::new(Delivery::Inline, Arc::new(MemoryStore::default()));
    let collector = Collector::default();
    topics.register("main:a:alert2", collector.subscription("c"));
    for topic in ["main:a:alert2", "main:a:alert3", "main:ab:alert2"] {
        topics.collect(event(topic, "e", Level::Critical)).unwrap();
    }
    topics.close("main:a:alert3");
    topics.forget_all("main:a:");
    topics.open_stored();
    let open: Vec<_> = topics.list(Level::Ok).iter().map(|topic| topic.id.to_string()).collect();
    assert_eq!(open, ["main:ab:alert2"]);
    topics.collect(event("main:a:alert2", "e", Level::Info)).unwrap();
    assert_eq!(collector.events().last().map(|event| event.previous), Some(Level::Ok));
    assert_eq!(collector.events().len(), 2);
}

#[test]
fn events_that_were_taken_before_a_kill_are_not_taken_twice() {
    let topics = inline();
    let collector = Collector::default();
    topics.register("t", collector.subscription("c"));
    let (known, new) = (event("t", "a", Level::Info), event("t", "b", Level::Info));
    topics.begin_replay(Known { names: [known.uid()].into(), ..Known::default() });
    assert!(topics.is_replaying());
    for event in [known.clone(), new.clone()] {
        topics.collect(event).unwrap();
    }
    assert_eq!(collector.events().iter().map(|event| event.state.id.to_string()).collect::<Vec<_>>(), ["b"]);
    topics.end_replay();
    topics.collect(known).unwrap();
    assert_eq!((collector.events().len(), topics.is_replaying()), (2, false));
}
