//! `smtp` and a mail server.

use alert::{Level, Outcome};
use serde_json::{Value as Json, json};
use testkit::certificates::Certificates;
use testkit::mail::{MailServer, Rules};

use crate::{World, event, must_give_up, must_retry};

fn world(server: &MailServer, more: &Json) -> World {
    let mut section = json!({"enabled": true, "host": "localhost", "port": server.port(), "from": "kapa@example.test",
        "to": ["ops@example.test"]});
    section.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    World::new(&[("smtp", section)])
}

fn send(world: &World) -> Outcome {
    world.send_one("smtp", json!({}), &event("Überlast", Level::Critical))
}

fn mail(server: &mut MailServer, count: usize) -> Json {
    let mails = server.mails(count);
    assert_eq!(mails.len(), count);
    serde_json::from_str(&mails[count - 1]).expect("a mail as JSON")
}

#[test]
fn mails_go_out_in_the_clear_if_the_server_has_nothing_better() {
    let mut server = MailServer::start(&Rules::default());
    let world = world(&server, &json!({}));
    assert_eq!(send(&world), Outcome::Done);
    let got = mail(&mut server, 1);
    assert_eq!((&got["from"], &got["encrypted"]), (&json!("kapa@example.test"), &json!(false)));
    assert_eq!(got["to"], json!(["ops@example.test"]));
    let text = got["text"].as_str().expect("a text");
    // "Überlast is CRITICAL"
    assert!(text.contains("Subject: =?utf-8?b?w5xiZXJsYXN0?= is CRITICAL\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n<b>in detail</b>\r\n") || text.ends_with("\r\n\r\n<b>in detail</b>"), "{text}");
    let options = json!({"to": ["a@x.test", "b@x.test"], "subject": "s", "body": "b"});
    assert_eq!(world.test("smtp", &options), Ok(()));
    assert_eq!(mail(&mut server, 2)["to"], json!(["a@x.test", "b@x.test"]));
}

#[test]
fn passwords_are_given() {
    let mut server = MailServer::start(&Rules { login: Some(("bob", "pass word")), ..Rules::default() });
    assert_eq!(send(&world(&server, &json!({"username": "bob", "password": "pass word"}))), Outcome::Done);
    assert_eq!(mail(&mut server, 1)["user"], "bob");
    let why = must_give_up(send(&world(&server, &json!({"username": "bob", "password": "wrong one"}))));
    assert!(why.contains("535") && !why.contains("wrong one"), "{why}");
    must_give_up(send(&world(&server, &json!({}))));
}

#[test]
fn tls_is_spoken_where_the_server_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let mut server =
        MailServer::start(&Rules { login: Some(("bob", "pass word")), tls: Some(&certificates), ..Rules::default() });
    let login = |no_verify: bool| json!({"username": "bob", "password": "pass word", "no-verify": no_verify});
    assert_eq!(send(&world(&server, &login(true))), Outcome::Done);
    let got = mail(&mut server, 1);
    assert_eq!((&got["encrypted"], &got["user"]), (&json!(true), &json!("bob")));
    let why = must_retry(send(&world(&server, &login(false))));
    assert!(why.contains("UnknownIssuer"), "{why}");
}

#[test]
fn tls_is_spoken_from_the_first_byte_on_where_the_config_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let rules = Rules { login: Some(("bob", "pass word")), tls: Some(&certificates), implicit: true };
    let mut server = MailServer::start(&rules);
    let section = |no_verify: bool| json!({"username": "bob", "password": "pass word", "no-verify": no_verify, "implicit-tls": true});
    assert_eq!(send(&world(&server, &section(true))), Outcome::Done);
    let got = mail(&mut server, 1);
    assert_eq!((&got["encrypted"], &got["user"]), (&json!(true), &json!("bob")));
    let why = must_retry(send(&world(&server, &section(false))));
    assert!(why.contains("UnknownIssuer"), "{why}");
}
