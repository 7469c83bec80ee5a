//! Secrets of the config are planted everywhere; whatever the daemon says then, it says none of them.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use testkit::{
    daemon::Daemon,
    http::{Answer, Request, Server},
    wait,
};

use super::{TASKS, parsed, run_task, setup};

/// Begins each secret.
const PLANTED: &str = "PLANTED-";

/// A section, its keys that are secret, and what else it needs; URL stands for the address of a server. Where Kapacitor
/// shows a value that is as good as a secret, it is kept in the environment.
const SECTIONS: &[(&str, &[&str], &str)] = &[
    ("[alerta]", &["token"], "url = 'URL'\nenvironment = 'e'"),
    ("[[alertmanager]]", &["password", "token"], "name = 'a'\nurl = 'URL'\nusername = 'u'"),
    ("[bigpanda]", &["token"], "url = 'URL'\napp-key = 'k'"),
    ("[[discord]]", &[], "default = true\nurl = 'env:DISCORD_HOOK'"),
    ("[hipchat]", &["token"], "url = 'URL'\nroom = 'r'"),
    ("[[mqtt]]", &["password"], "name = 'm'\ndefault = true\nurl = 'tcp://localhost:1'\nusername = 'u'"),
    (
        "[[kafka]]",
        &["sasl-password", "sasl-access-token"],
        "id = 'default'\nbrokers = ['localhost:1']\ntimeout = '1s'\nsasl-username = 'u'",
    ),
    ("[[ntfy]]", &["password", "token"], "name = 'n'\nurl = 'URL'\ntopic = 't'"),
    ("[opsgenie]", &["api-key"], "url = 'URL'\nrecovery_url = 'URL'"),
    ("[opsgenie2]", &["api-key"], "url = 'URL'"),
    ("[pagerduty]", &["service-key"], "url = 'URL'"),
    ("[pagerduty2]", &["routing-key"], "url = 'URL'"),
    // Kapacitor shows the key among the options of the service's test, unless it is a reference.
    ("[pushover]", &["token"], "url = 'URL'\nuser-key = 'env:POST_TOKEN'"),
    ("[servicenow]", &["password"], "url = 'URL'\nusername = 'u'"),
    ("[[slack]]", &["token"], "default = true\nurl = 'URL/PLANTED-slack'\nchannel = '#c'"),
    ("[smtp]", &["password"], "host = 'localhost'\nport = 1\nfrom = 'a@b.c'\nto = ['d@e.f']\nusername = 'u'"),
    ("[snmptrap]", &["community"], "addr = 'localhost:1'"),
    ("[talk]", &[], "url = 'URL/PLANTED-talk'"),
    ("[teams]", &[], "channel-url = 'env:TEAMS_HOOK'"),
    ("[telegram]", &["token"], "url = 'URL/bot'\nchat-id = '1'"),
    ("[victorops]", &["api-key"], "url = 'URL'\nrouting-key = 'r'"),
    (
        "[[webhook]]",
        &["password", "token"],
        "name = 'w'\nurl = 'URL/PLANTED-webhook'\nheaders = { X-Key = 'PLANTED-header' }",
    ),
    ("[zenoss]", &["password"], "url = 'URL'\nusername = 'u'"),
];

/// All kinds of handlers that the sections are for.
const HANDLERS: &str = ".alerta().resource('r').event('e').alertmanager().bigPanda().discord().hipChat()\
    .mqtt('t').kafka().kafkaTopic('t').ntfy().opsGenie().opsGenie2().pagerDuty().pagerDuty2().pushover()\
    .post().endpoint('p').serviceNow().slack().email().snmpTrap('1.3.6.1').talk().teams().telegram().victorOps()\
    .webhook().endpoint('w').zenoss()";

/// As many of them log that the service does not take the event; a trap that nobody takes is not noticed.
const FAILING: usize = 24;

fn config(url: &str, file: &str) -> String {
    let mut text = String::new();
    for (heading, secrets, more) in SECTIONS {
        let _ = writeln!(text, "{heading}\nenabled = true\n{}", more.replace("URL", url));
        for key in *secrets {
            let _ = writeln!(text, "{key} = '{PLANTED}{}-{key}'", heading.trim_matches(['[', ']']));
        }
    }
    let _ = writeln!(
        text,
        "[[httppost]]\nendpoint = 'p'\nurl = '{url}/post'\nbasic-auth = {{ username = 'u', password = 'file:{file}' }}\n\
         headers = {{ X-Token = 'env:POST_TOKEN' }}\n\
         [[influxdb]]\nenabled = true\nname = 'i'\nurls = ['{url}']\nusername = 'u'\npassword = '{PLANTED}influxdb'\n\
         disable-subscriptions = true"
    );
    text
}

/// A server that takes nothing, and answers with all that it was sent.
fn parrot() -> Server {
    Server::start(|request: &Request| {
        Answer::new(403, format!("{request:?} {}", String::from_utf8_lossy(&request.body)))
    })
}

fn start(server: &Server) -> Daemon {
    let setup = setup();
    let file = setup.folder().join("password");
    std::fs::write(&file, format!("{PLANTED}file\n")).unwrap();
    setup
        .replace("level = \"INFO\"", "level = \"DEBUG\"")
        .config(&config(&server.url(), &file.display().to_string()))
        .environment("DISCORD_HOOK", &format!("{}/{PLANTED}discord", server.url()))
        .environment("TEAMS_HOOK", &format!("{}/{PLANTED}teams", server.url()))
        .environment("POST_TOKEN", &format!("{PLANTED}post"))
        .start()
}

/// What is said, without what must be in it.
fn must_not_tell(place: &str, said: &str) {
    if let Some(at) = said.find(PLANTED) {
        let start = said[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
        panic!("{place} tells a secret: {}", said[start..].chars().take(300).collect::<String>());
    }
}

/// Paths of the API with names that exist in the place of their parameters.
fn targets(daemon: &Daemon) -> Vec<(String, String)> {
    let document = parsed(&daemon.get("/kapacitor/v1/openapi.json"));
    let mut targets = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Streams without an end, profiles that take their time, and a backup, which is for who may restore it.
        if ["/logs", "/debug/pprof", "/storage/backup"].iter().any(|part| path.contains(part)) {
            continue;
        }
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "delete") {
            targets.push((method.to_uppercase(), filled(path)));
        }
    }
    targets
}

/// `/tasks/{id}` becomes `/tasks/a`.
fn filled(path: &str) -> String {
    let mut parts = path.split('{');
    let mut target = parts.next().unwrap_or_default().to_string();
    for part in parts {
        target.push('a');
        target.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    target
}

#[test]
fn the_daemon_tells_no_secret() {
    let server = parrot();
    let daemon = start(&server);
    let script = format!("stream|from().measurement('m')|alert().crit(lambda: TRUE).topic('a'){HANDLERS}");
    run_task(&daemon, "a", &script);
    let handler = json!({ "id": "a", "kind": "post", "options": { "endpoint": "p" } });
    assert_eq!(daemon.request("POST", "/kapacitor/v1/alerts/topics/a/handlers", handler.to_string()).status, 200);
    daemon.write("m v=5 1000000000\n");
    let failed = |log: &str| log.lines().filter(|line| line.contains("handler failed")).count();
    wait::until("all handlers to fail", || (failed(&daemon.log()) >= FAILING).then_some(()));
    assert!(server.take().iter().any(|request| format!("{request:?}").contains("PLANTED-post")), "secrets are sent");

    let mut answered = BTreeSet::new();
    for (method, target) in targets(&daemon) {
        for body in ["", "{}", r#"{"id": "a", "set": {"token": 5}}"#] {
            let reply = daemon.request(&method, &target, body);
            must_not_tell(&format!("{method} {target}"), &format!("{reply:?}"));
            answered.insert((target.clone(), reply.status));
        }
    }
    assert!(answered.iter().filter(|(_, status)| *status == 200).count() > 12, "{answered:?}");
    sections(&daemon);
    services(&daemon);
    must_not_tell("the task", &daemon.get(&format!("{TASKS}/a?script-format=raw")).body);
    must_not_tell("the log", &daemon.log());
}

/// Reads and changes each section of the config.
fn sections(daemon: &Daemon) {
    let all = parsed(&daemon.get("/kapacitor/v1/config"));
    let sections = all["sections"].as_object().unwrap();
    assert!(sections.len() > SECTIONS.len(), "{all}");
    for (name, section) in sections {
        must_not_tell(name, &section.to_string());
        for element in section["elements"].as_array().unwrap() {
            let link = element["link"]["href"].as_str().unwrap();
            must_not_tell(link, &daemon.get(link).body);
            for update in [json!({ "set": { "token": ["PLANTED-no"] } }), json!({ "set": { "url": "ftp:PLANTED-no" } })]
            {
                let reply = daemon.request("POST", link, update.to_string());
                must_not_tell(&format!("{link} {update}"), &reply.body);
            }
        }
    }
    let smtp = daemon.request("POST", "/kapacitor/v1/config/smtp/", r#"{"set": {"password": "PLANTED-over-http"}}"#);
    assert_eq!(smtp.status, 204, "{}", smtp.body);
    let shown = parsed(&daemon.get("/kapacitor/v1/config/httppost/p"));
    assert_eq!(shown["options"]["headers"], json!({ "X-Token": "env:POST_TOKEN" }), "{shown}");
    let missing = json!({ "set": { "channel": "env:NOT_THERE" } });
    let reply = daemon.request("POST", "/kapacitor/v1/config/slack/", missing.to_string());
    assert!(reply.status >= 400 && reply.body.contains("NOT_THERE is not set"), "{reply:?}");
}

/// Tries each service, which fails.
fn services(daemon: &Daemon) {
    let all = parsed(&daemon.get("/kapacitor/v1/service-tests"));
    let names: Vec<&Value> = all["services"].as_array().unwrap().iter().map(|service| &service["name"]).collect();
    assert!(names.contains(&&json!("ntfy")), "{names:?}");
    must_not_tell("the list of services", &all.to_string());
    for name in names {
        let target = format!("/kapacitor/v1/service-tests/{}", name.as_str().unwrap());
        must_not_tell(&target, &daemon.get(&target).body);
        must_not_tell(&target, &daemon.request("POST", &target, "{}").body);
    }
}

#[test]
fn a_reference_to_nothing_hinders_the_start() {
    let output = setup().config("[smtp]\nenabled = true\npassword = 'env:NOT_THERE'\n").fail();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("smtp: password: the environment variable NOT_THERE is not set"), "{said}");
}
