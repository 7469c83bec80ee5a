//! What users of Kapacitor may write for handlers is all here: `data/surface.json` lists it.

use std::sync::Arc;

use alert::{Delivery, HandlerOptions, Kind, NoStore, Topics};
use declare::Argument;
use handlers::{AlertHost, Configs, kinds};
use serde_json::{Value as Json, json};

fn surface() -> Vec<Json> {
    serde_json::from_str(include_str!("data/surface.json")).expect("the list is JSON")
}

fn all() -> alert::Kinds {
    let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
    kinds(&AlertHost::new(Configs::default(), &topics, "http://localhost:9092/kapacitor/v1"))
}

fn argument(kind: &str) -> Argument {
    match kind {
        "string" => "x".into(),
        "int" => Argument::Int(1),
        "duration" => Argument::Duration(1_000_000_000),
        "bool" => Argument::Bool(true),
        "any" => Argument::Float(1.5),
        other => panic!("unknown type {other}"),
    }
}

fn option(kind: &str, name: &str) -> Json {
    match kind {
        _ if name == "qos" => json!("at-least-once"),
        "string" => json!("x"),
        "int" | "duration" => json!(1_000_000_000),
        "bool" => json!(true),
        "list<string>" => json!(["a", "b"]),
        "list<table>" => json!([{"href": "a", "text": "b", "oid": "1.1", "type": "s", "value": "v"}]),
        "map<string,string>" => json!({"a": "b"}),
        "map<string,any>" => json!({"a": 1.5, "b": "c"}),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn each_kind_has_its_method() {
    let kinds = all();
    let surface = surface();
    for item in &surface {
        let kind = kinds.by_name(item["kind"].as_str().unwrap()).unwrap();
        assert_eq!(kind.method, item["method"].as_str(), "{}", kind.name);
        if let Some(method) = kind.method {
            assert_eq!(kinds.by_method(method).unwrap().name, kind.name);
        }
    }
    // Those that Kapacitor does not have.
    let beyond = ["alertmanager", "ntfy", "webhook"];
    let known: Vec<_> = kinds.iter().filter(|kind| !beyond.contains(&kind.name)).collect();
    assert_eq!(known.len(), surface.len());
    assert_eq!(known.iter().filter(|kind| kind.method.is_some()).count(), 25);
    for name in beyond {
        assert_eq!(kinds.by_method(name).map(|kind| kind.name), Some(name));
    }
}

#[test]
fn each_property_is_taken_by_scripts() {
    let kinds = all();
    for item in surface() {
        let kind = kinds.by_name(item["kind"].as_str().unwrap()).unwrap();
        let Some(method) = kind.method else { continue };
        let mut options = HandlerOptions::new(kind.clone());
        let arguments = item["arguments"].as_array().unwrap().iter();
        let arguments: Vec<_> = arguments.map(|argument_of| argument(argument_of[1].as_str().unwrap())).collect();
        options.construct(method, &arguments).unwrap();
        for (name, property) in item["properties"].as_object().unwrap() {
            let arguments = property["arguments"].as_array().unwrap();
            let mut given: Vec<_> = arguments.iter().map(|a| argument(a[0].as_str().unwrap())).collect();
            options.set(name, &given).unwrap_or_else(|error| panic!("{method}.{name}: {error}"));
            if arguments.last().is_some_and(|last| last[1] == true) {
                given.push("y".into());
                options.set(name, &given).unwrap_or_else(|error| panic!("{method}.{name}: {error}"));
            }
        }
    }
}

#[test]
fn each_option_is_taken_by_topic_handlers() {
    let kinds = all();
    for item in surface() {
        let kind = kinds.by_name(item["kind"].as_str().unwrap()).unwrap();
        let options = item["options"].as_object().unwrap().iter();
        let options = options.map(|(name, of)| (name.clone(), option(of.as_str().unwrap(), name))).collect();
        HandlerOptions::from_json(kind.clone(), &options).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// What a script says is what is written back.
#[test]
fn calls_that_are_shown_make_the_same() {
    let kinds = all();
    for item in surface() {
        let kind = kinds.by_name(item["kind"].as_str().unwrap()).unwrap();
        let mut first = HandlerOptions::new(kind.clone());
        for (name, property) in item["properties"].as_object().unwrap() {
            let arguments = property["arguments"].as_array().unwrap().iter();
            let given: Vec<_> = arguments.map(|a| argument(a[0].as_str().unwrap())).collect();
            first.set(name, &given).unwrap();
        }
        let mut second = HandlerOptions::new(kind.clone());
        for shown in first.values().iter().filter(|shown| !shown.is_default) {
            let is_property = |shown: &declare::Shown| kind.options.find(&shown.name).is_some_and(|i| !i.is_argument());
            for call in shown.calls.iter().filter(|_| is_property(shown)) {
                second.set(&shown.name, call).unwrap();
            }
        }
        assert_eq!(differences(kind, &first), differences(kind, &second), "{}", kind.name);
    }
}

fn differences(kind: &Kind, options: &HandlerOptions) -> Vec<(String, Json)> {
    let properties = kind.options.properties().map(|item| item.name.to_string()).collect::<Vec<_>>();
    let shown = options.values().into_iter().filter(|shown| !shown.is_default && properties.contains(&shown.name));
    shown.map(|shown| (shown.name, shown.json)).collect()
}

#[test]
fn tables_are_whole() {
    for kind in all().iter() {
        let problems = declare::check_table(&kind.options);
        assert!(problems.is_empty(), "{}: {problems:?}", kind.name);
    }
}
