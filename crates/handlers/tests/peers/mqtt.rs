//! `mqtt` and mosquitto.

use alert::{Level, Outcome};
use serde_json::json;
use testkit::certificates::Certificates;
use testkit::mosquitto::{Mosquitto, Rules};

use crate::{World, event, must_give_up, must_retry};

#[test]
fn messages_get_to_their_topic_as_surely_as_asked_for() {
    let rules = Rules::default();
    let mut broker = Mosquitto::start(&rules);
    broker.listen(&rules);
    let url = format!("tcp://127.0.0.1:{}", broker.port());
    let world = World::new(&[(
        "mqtt",
        json!([
            {"enabled": true, "name": "elsewhere", "url": "tcp://127.0.0.1:1"},
            {"enabled": true, "default": true, "name": "here", "url": url},
            {"enabled": true, "name": "named", "url": url, "client-id": "kapacitor-1"},
        ]),
    )]);
    let options = [
        json!({"topic": "alerts/{{ index .Tags \"host\" }}"}),
        json!({"topic": "alerts/sure", "qos": "at-least-once"}),
        json!({"topic": "alerts/once", "qos": "exactly-once", "retained": true, "broker-name": "named"}),
    ];
    for options in options {
        assert_eq!(world.send_one("mqtt", options, &event("cpü", Level::Critical)), Outcome::Done);
    }
    assert_eq!(world.test("mqtt", &json!({"topic": "test", "message": "hello"})), Ok(()));
    let mut heard = broker.heard(4);
    heard.sort();
    assert_eq!(
        heard,
        [
            "alerts/once 2 0 cpü is CRITICAL",
            "alerts/sure 1 0 cpü is CRITICAL",
            "alerts/web-1 0 0 cpü is CRITICAL",
            "test 0 0 hello",
        ]
    );
    // From, quality, retained.
    broker.says("Received PUBLISH from here (d0, q0, r0, m0, 'alerts/web-1'");
    broker.says("Received PUBLISH from here (d0, q1, r0, m1, 'alerts/sure'");
    broker.says("Received PUBLISH from kapacitor-1 (d0, q2, r1, m1, 'alerts/once'");
    let large = {
        let mut event = event("large", Level::Info);
        event.state.message = "x".repeat(100_000).into();
        event
    };
    assert_eq!(world.send_one("mqtt", json!({"topic": "large", "qos": "at-least-once"}), &large), Outcome::Done);
    broker.says("'large', ... (100000 bytes)");
}

#[test]
fn a_broker_that_comes_back_gets_messages_again() {
    let rules = Rules::default();
    let broker = Mosquitto::start(&rules);
    let port = broker.port();
    let world =
        World::new(&[("mqtt", json!({"enabled": true, "name": "here", "url": format!("mqtt://localhost:{port}")}))]);
    let mut handler = world.open("mqtt", json!({"topic": "t", "qos": "at-least-once"}));
    assert_eq!(world.send(&mut handler, &event("a", Level::Critical)), Outcome::Done);
    drop(broker);
    must_retry(world.send(&mut handler, &event("b", Level::Critical)));
    must_retry(world.send(&mut handler, &event("b", Level::Critical)));
    let mut broker = Mosquitto::start_at(port, &rules);
    assert_eq!(world.send(&mut handler, &event("b", Level::Critical)), Outcome::Done);
    broker.says("Received PUBLISH from here (d0, q1, r0, m1, 't', ... (13 bytes))");
}

#[test]
fn brokers_with_passwords_and_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let rules = Rules { login: Some(("bob", "pass word")), tls: Some(&certificates), client_certificates: true };
    let mut broker = Mosquitto::start(&rules);
    broker.listen(&rules);
    let section = |more: serde_json::Value| {
        let mut section = json!({"enabled": true, "name": "here", "url": format!("ssl://localhost:{}", broker.port()),
            "username": "bob", "password": "pass word", "ssl-ca": certificates.certificate("ca"),
            "ssl-cert": certificates.certificate("client"), "ssl-key": certificates.key("client")});
        section.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        World::new(&[("mqtt", section)])
    };
    let send = |world: &World| world.send_one("mqtt", json!({"topic": "t"}), &event("a", Level::Info));
    assert_eq!(send(&section(json!({}))), Outcome::Done);
    assert_eq!(send(&section(json!({"ssl-ca": "", "insecure-skip-verify": true}))), Outcome::Done);
    let why = must_give_up(send(&section(json!({"password": "wrong one"}))));
    assert!(why.contains("NotAuthorized") && !why.contains("wrong one"), "{why}");
    let why = must_retry(send(&section(json!({"ssl-ca": ""}))));
    assert!(why.contains("UnknownIssuer"), "{why}");
    must_retry(send(&section(json!({"ssl-cert": "", "ssl-key": ""}))));
    let why = must_give_up(send(&section(json!({"ssl-ca": "/no/such/file"}))));
    assert!(why.contains("/no/such/file"), "{why}");
    assert_eq!(broker.heard(2), ["t 0 0 a is INFO", "t 0 0 a is INFO"]);
}
