//! A store with a little of everything.

use std::collections::BTreeMap;

use store::Page;
use store::Store;
use store::handlers::Handler;
use store::tasks::{Status, Task, TaskType};
use store::topics::{EventState, Level};

pub fn task(id: &str) -> Task {
    Task {
        id: id.to_string(),
        task_type: TaskType::Stream,
        dbrps: Vec::new(),
        script: "stream\n".into(),
        raw_script: "stream".into(),
        template_id: None,
        vars: serde_json::json!({ "x": 0.123_456_789_012_345_68 }),
        status: Status::Enabled,
        error: String::new(),
        created: 1,
        modified: i64::MAX,
        last_enabled: Some(i64::MIN),
    }
}

pub fn fill(store: &Store) {
    store.tasks().create(&task("a")).unwrap();
    let state = EventState { level: Level::Warning, message: "é".into(), details: "".into(), time: 1, duration: 2 };
    store.topics().put("t", [("e", &state)]).unwrap();
    store.snapshots().save("a", &BTreeMap::from([("n".to_string(), vec![0; 3000])])).unwrap();
    let (topic, id, kind) = ("t".to_string(), "h".to_string(), "log".to_string());
    let options = serde_json::json!({ "path": "/x" });
    store.handlers().create(&Handler { topic, id, kind, options, matches: String::new() }).unwrap();
}

pub fn check_filled(store: &Store) {
    assert_eq!(store.tasks().list(&Page::ALL).unwrap(), [task("a")]);
    assert_eq!(store.topics().get("t").unwrap()["e"].message, "é");
    assert_eq!(store.snapshots().load("a").unwrap()["n"].len(), 3000);
    assert_eq!(store.handlers().all().unwrap().len(), 1);
}
