//! Handlers that post, and services that answer badly or not at all.

use std::time::Duration;

use alert::{Level, Outcome};
use serde_json::{Value as Json, json};
use testkit::http::{Answer, Server};

use crate::{World, event, must_give_up, must_retry};

/// Each kind that posts: its section, and options. URL stands for the address of a server.
fn posting() -> Vec<(&'static str, &'static str, Json, Json)> {
    let url = json!({"enabled": true, "default": true, "name": "n", "url": "URL"});
    let with = |more: Json| {
        let mut section = url.clone();
        section.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        section
    };
    vec![
        ("alerta", "alerta", with(json!({"token": "t", "environment": "e"})), json!({"resource": "r", "event": "e"})),
        ("alertmanager", "alertmanager", with(json!({})), json!({})),
        ("bigpanda", "bigpanda", with(json!({"app-key": "k", "token": "t"})), json!({})),
        ("discord", "discord", with(json!({})), json!({})),
        ("hipchat", "hipchat", with(json!({"room": "r", "token": "t"})), json!({})),
        ("ntfy", "ntfy", with(json!({"topic": "t"})), json!({})),
        ("opsgenie", "opsgenie", with(json!({"recovery_url": "URL"})), json!({})),
        ("opsgenie2", "opsgenie2", with(json!({})), json!({})),
        ("pagerduty", "pagerduty", with(json!({})), json!({})),
        ("pagerduty2", "pagerduty2", with(json!({})), json!({})),
        ("post", "httppost", json!({"endpoint": "e", "url": "URL"}), json!({"endpoint": "e"})),
        ("pushover", "pushover", with(json!({})), json!({})),
        ("servicenow", "servicenow", with(json!({})), json!({})),
        ("slack", "slack", with(json!({})), json!({})),
        ("talk", "talk", with(json!({})), json!({})),
        ("teams", "teams", json!({"enabled": true, "channel-url": "URL"}), json!({})),
        ("telegram", "telegram", with(json!({"url": "URL/bot", "chat-id": "1", "token": "t"})), json!({})),
        ("victorops", "victorops", with(json!({"api-key": "k", "routing-key": "r"})), json!({})),
        ("webhook", "webhook", with(json!({})), json!({})),
        ("zenoss", "zenoss", with(json!({"severity-map.Critical": "5"})), json!({})),
    ]
}

fn at(section: &Json, url: &str) -> Json {
    serde_json::from_str(&section.to_string().replace("URL", url)).expect("JSON stays JSON")
}

fn each(server: &Server, judge: impl Fn(&str, Outcome)) {
    for (kind, section, values, options) in posting() {
        let world = World::new(&[(section, at(&values, &server.url()))]);
        judge(kind, world.send_one(kind, options, &event("cpu", Level::Critical)));
        assert_eq!(server.wait_for(1).len(), 1, "{kind}");
    }
}

#[test]
fn what_may_mend_is_tried_again() {
    for status in [500, 503] {
        let server = Server::start(move |_| Answer::new(status, "broken"));
        each(&server, |kind, outcome| {
            let why = must_retry(outcome);
            assert!(why.contains(&status.to_string()), "{kind}: {why}");
        });
    }
    let mut busy = Answer::new(429, "slow down");
    busy.headers.push(("Retry-After".to_string(), "7".to_string()));
    let server = Server::start(move |_| busy.clone());
    each(&server, |kind, outcome| {
        let later = Some(Duration::from_secs(7));
        assert!(matches!(&outcome, Outcome::Retry { after, .. } if *after == later), "{kind}: {outcome:?}");
    });
}

#[test]
fn what_is_refused_is_given_up() {
    for status in [400, 401, 404, 422] {
        let server = Server::start(move |_| Answer::new(status, "no"));
        each(&server, |kind, outcome| {
            let why = must_give_up(outcome);
            assert!(why.contains(&status.to_string()), "{kind}: {why}");
        });
    }
}

#[test]
fn connections_that_break_are_tried_again() {
    let server = Server::start(|_| {
        let mut answer = Answer::new(500, "half of an ans");
        answer.cut = true;
        answer
    });
    each(&server, |_, outcome| drop(must_retry(outcome)));
    let gone = {
        let server = Server::start(|_| Answer::new(200, ""));
        server.url()
    };
    for (kind, section, values, options) in posting() {
        let world = World::new(&[(section, at(&values, &gone))]);
        must_retry(world.send_one(kind, options, &event("cpu", Level::Critical)));
    }
}

/// Who hangs is given up on after the handler's own time; `post` and `webhook` let users choose it.
#[test]
fn servers_that_hang_do_not_hold_the_handler() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let world = World::new(&[]);
    for (kind, options) in
        [("post", json!({"url": url, "timeout": "100ms"})), ("webhook", json!({"url": [url], "timeout": "100ms"}))]
    {
        must_retry(world.send_one(kind, options, &event("cpu", Level::Critical)));
    }
    drop(listener);
}
