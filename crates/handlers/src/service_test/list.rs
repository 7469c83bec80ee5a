//! THE LIST of services that can be tried: the options of each, and what is sent for them.

use alert::Level;
use serde_json::{Value as Json, json};

use super::{Given, Test, now};
use crate::{Configs, Section};

/// THE LIST of tests, by name.
pub(super) const TESTS: &[Test] = &[
    Test {
        name: "alerta",
        kind: "alerta",
        defaults: |configs| {
            json!({"resource": "testResource", "event": "testEvent",
                "environment": configured_text(configs, "alerta", "environment"), "severity": "critical",
                "group": "testGroup", "value": "testValue", "message": "test alerta message",
                "origin": configured_text(configs, "alerta", "origin"),
                "service": ["testServiceA", "testServiceB"], "correlate": ["testServiceX", "testServiceY"],
                "attributes": {"testAttributeA": "A", "testAttributeB": true, "testAttributeC": 9001},
                "timeout": "24h0m0s"})
        },
        plan: |given| {
            let keys = [
                "resource",
                "event",
                "environment",
                "group",
                "value",
                "origin",
                "service",
                "correlate",
                "attributes",
                "timeout",
            ];
            let options: Vec<(&str, Json)> = keys.iter().map(|&key| (key, given.json(key))).collect();
            let level = match given.text("severity").to_ascii_lowercase().as_str() {
                "ok" | "normal" | "cleared" => Level::Ok,
                "informational" | "info" | "debug" | "trace" => Level::Info,
                "warning" | "minor" => Level::Warning,
                _ => Level::Critical,
            };
            (filled(&options), Given { level, ..*given }.event(given.text("event"), given.text("message")))
        },
    },
    Test {
        name: "alertmanager",
        kind: "alertmanager",
        defaults: |configs| {
            json!({"server": configured_text(configs, "alertmanager", "name"), "alert-name": "test",
                "labels": {}, "annotations": {}, "id": "testID", "message": "test alertmanager message",
                "level": "CRITICAL"})
        },
        plan: |given| {
            let options = ["server", "alert-name", "labels", "annotations"].map(|key| (key, given.json(key)));
            (filled(&options), given.event(given.text("id"), given.text("message")))
        },
    },
    Test {
        name: "bigpanda",
        kind: "bigpanda",
        defaults: |_| {
            json!({"app_key": "012345", "message": "test bigpanda message", "level": "CRITICAL",
                "event_data": no_data("testBigPanda"), "timestamp": rfc3339_now(), "host": "serverA",
                "primary_property": "", "secondary_property": ""})
        },
        plan: |given| {
            let options = filled(&[
                ("app-key", given.json("app_key")),
                ("primary-property", given.json("primary_property")),
                ("secondary-property", given.json("secondary_property")),
            ]);
            (options, given.event_with_data("", given.text("message")))
        },
    },
    Test {
        name: "discord",
        kind: "discord",
        defaults: |configs| {
            json!({"workspace": configured_text(configs, "discord", "workspace"),
                "message": "test discord message", "level": "INFO", "username": "Kapacitor",
                "avatar-url":
                    "https://influxdata.github.io/branding/img/downloads/influxdata-logo--symbol--pool-alpha.png",
                "embed-title": "Kapacitor Alert", "time-val": "1970-01-01T00:00:01Z"})
        },
        plan: |given| {
            let options = ["workspace", "username", "avatar-url", "embed-title"].map(|key| (key, given.json(key)));
            (filled(&options), given.event("", given.text("message")))
        },
    },
    Test {
        name: "hipchat",
        kind: "hipchat",
        defaults: |configs| {
            json!({"room": configured_text(configs, "hipchat", "room"), "message": "test hipchat message",
                "level": "CRITICAL"})
        },
        plan: |given| (filled(&[("room", given.json("room"))]), given.event("", given.text("message"))),
    },
    Test {
        name: "httppost",
        kind: "post",
        defaults: |_| {
            json!({"endpoint": "example", "url": "http://localhost:3000/", "headers": {"Auth": "secret"},
                "timeout": 0})
        },
        plan: |given| {
            // The address goes before the endpoint's, and that of an unknown endpoint is not needed.
            let options = filled(&[
                ("url", given.json("url")),
                ("headers", given.json("headers")),
                ("timeout", given.json("timeout")),
            ]);
            (options, Given { level: Level::Ok, ..*given }.event("", ""))
        },
    },
    Test {
        name: "kafka",
        kind: "kafka",
        defaults: |_| json!({"cluster": "example", "topic": "test", "key": "key", "message": "test kafka message"}),
        plan: |given| {
            let options = filled(&[
                ("cluster", given.json("cluster")),
                ("topic", given.json("topic")),
                ("template", Json::from("{{ .Message }}")),
            ]);
            (options, given.event(given.text("key"), given.text("message")))
        },
    },
    Test {
        name: "mqtt",
        kind: "mqtt",
        defaults: |configs| {
            json!({"broker-name": configured_text(configs, "mqtt", "name"), "topic": "",
                "message": "test MQTT message", "qos": "at-most-once", "retained": false})
        },
        plan: |given| {
            let options = filled(&[
                ("broker-name", given.json("broker-name")),
                ("topic", given.json("topic")),
                ("qos", given.json("qos")),
                ("retained", given.json("retained")),
            ]);
            (options, given.event("", given.text("message")))
        },
    },
    Test {
        name: "ntfy",
        kind: "ntfy",
        defaults: |configs| {
            json!({"server": configured_text(configs, "ntfy", "name"),
                "topic": configured_text(configs, "ntfy", "topic"), "title": "test", "priority": 0, "tags": [],
                "message": "test ntfy message", "level": "CRITICAL"})
        },
        plan: |given| {
            let topic = given.text("topic");
            let topics = if topic.is_empty() { json!([]) } else { json!([topic]) };
            let options = ["server", "title", "priority", "tags"].map(|key| (key, given.json(key)));
            let mut options = filled(&options);
            options["topic"] = topics;
            (options, given.event("testID", given.text("message")))
        },
    },
    Test {
        name: "opsgenie",
        kind: "opsgenie",
        defaults: |configs| {
            json!({"teams": configured(configs, "opsgenie", "teams"),
                "recipients": configured(configs, "opsgenie", "recipients"), "message-type": "CRITICAL",
                "message": "test opsgenie message", "entity-id": "testEntityID"})
        },
        plan: |given| {
            let options = filled(&[("teams-list", given.list("teams")), ("recipients-list", given.list("recipients"))]);
            (options, given.event(given.text("entity-id"), given.text("message")))
        },
    },
    Test {
        name: "opsgenie2",
        kind: "opsgenie2",
        defaults: |configs| {
            json!({"teams": configured(configs, "opsgenie2", "teams"),
                "recipients": configured(configs, "opsgenie2", "recipients"),
                "recovery_action": configured_text(configs, "opsgenie2", "recovery_action"),
                "message-type": "CRITICAL", "message": "test opsgenie message", "entity-id": "testEntityID"})
        },
        plan: |given| {
            let options = filled(&[
                ("teams-list", given.list("teams")),
                ("recipients-list", given.list("recipients")),
                ("recovery_action", given.json("recovery_action")),
            ]);
            (options, given.event(given.text("entity-id"), given.text("message")))
        },
    },
    Test {
        name: "pagerduty",
        kind: "pagerduty",
        defaults: |_| {
            json!({"incident-key": "testIncidentKey", "description": "test pagerduty message", "details": "",
                "level": "CRITICAL"})
        },
        plan: |given| {
            let mut event = given.event(given.text("incident-key"), given.text("description"));
            event.state.details = given.text("details").into();
            (json!({}), event)
        },
    },
    Test {
        name: "pagerduty2",
        kind: "pagerduty2",
        defaults: |_| {
            json!({"alert_id": "testAlertID", "description": "test pagerduty2 message", "level": "CRITICAL",
                "event_data": no_data("testPagerDuty2"), "timestamp": "2014-11-12T11:45:26.371Z",
                "links": [{"href": "https://example.com/a", "text": "a"}, {"href": "https://example.com/b", "text": "b"}]})
        },
        plan: |given| {
            let event = given.event_with_data(given.text("alert_id"), given.text("description"));
            (json!({"links": given.list("links")}), event)
        },
    },
    Test {
        name: "pushover",
        kind: "pushover",
        defaults: |configs| {
            let user = chosen(configs, "pushover").map(|section| section.shown_though_secret("user-key").clone());
            json!({"user-key": user.unwrap_or_else(|| "".into()), "message": "test pushover message",
                "device": "", "title": "", "url": "", "url-title": "", "sound": "", "level": "CRITICAL"})
        },
        plan: |given| {
            let options =
                ["user-key", "device", "title", "url", "url-title", "sound"].map(|key| (key, given.json(key)));
            (filled(&options), given.event("", given.text("message")))
        },
    },
    Test {
        name: "sensu",
        kind: "sensu",
        defaults: |_| {
            json!({"name": "testName", "source": "Kapacitor",
                "output": "testOutput", "handlers": [], "metadata": {}, "level": "CRITICAL"})
        },
        plan: |given| {
            let options = filled(&[
                ("source", given.json("source")),
                ("handlers", given.json("handlers")),
                ("metadata", given.json("metadata")),
            ]);
            (options, given.event(given.text("name"), given.text("output")))
        },
    },
    Test {
        name: "servicenow",
        kind: "servicenow",
        defaults: |_| {
            json!({"alert_id": "1001", "message": "test servicenow message", "level": "CRITICAL",
                "source": "Kapacitor", "node": "", "type": "", "resource": "", "metric_name": "", "message_key": "",
                "additional_info": {}})
        },
        plan: |given| {
            let options = filled(&[
                ("source", given.json("source")),
                ("Node", given.json("node")),
                ("Type", given.json("type")),
                ("Resource", given.json("resource")),
                ("MetricName", given.json("metric_name")),
                ("MessageKey", given.json("message_key")),
                ("additional_info", given.json("additional_info")),
            ]);
            (options, given.event(given.text("alert_id"), given.text("message")))
        },
    },
    Test {
        name: "slack",
        kind: "slack",
        defaults: |configs| {
            json!({"workspace": configured_text(configs, "slack", "workspace"),
                "channel": configured_text(configs, "slack", "channel"), "message": "test slack message",
                "level": "CRITICAL", "username": "", "icon-emoji": ""})
        },
        plan: |given| {
            let options = ["workspace", "channel", "username", "icon-emoji"].map(|key| (key, given.json(key)));
            (filled(&options), given.event("", given.text("message")))
        },
    },
    Test {
        name: "smtp",
        kind: "smtp",
        defaults: |configs| json!({"to": configured(configs, "smtp", "to"), "subject": "test subject", "body": "test body"}),
        plan: |given| {
            let mut event = given.event("", given.text("subject"));
            event.state.details = given.text("body").into();
            (json!({"to": given.list("to")}), event)
        },
    },
    Test {
        name: "snmptrap",
        kind: "snmptrap",
        defaults: |_| {
            json!({"trap-oid": "1.1.1.1",
                "data-list": [{"oid": "1.1.1.1.2", "type": "s", "value": "test snmptrap message"}]})
        },
        plan: |given| {
            (json!({"trap-oid": given.text("trap-oid"), "data-list": given.list("data-list")}), given.event("", ""))
        },
    },
    Test {
        name: "talk",
        kind: "talk",
        defaults: |_| json!({"title": "testTitle", "text": "test talk text"}),
        plan: |given| (json!({}), given.event(given.text("title"), given.text("text"))),
    },
    Test {
        name: "teams",
        kind: "teams",
        defaults: |configs| {
            json!({"channel_url": configured_text(configs, "teams", "channel-url"),
                "alert_topic": "test kapacitor alert topic", "alert_id": "foo/bar/bat",
                "message": "test teams message", "level": "CRITICAL"})
        },
        plan: |given| {
            let mut event = given.event(given.text("alert_id"), given.text("message"));
            event.topic = given.text("alert_topic").into();
            (filled(&[("channel-url", given.json("channel_url"))]), event)
        },
    },
    Test {
        name: "telegram",
        kind: "telegram",
        defaults: |configs| {
            json!({"chat-id": configured_text(configs, "telegram", "chat-id"),
                "parse-mode": configured_text(configs, "telegram", "parse-mode"),
                "message": "test telegram message",
                "disable-web-page-preview": configured(configs, "telegram", "disable-web-page-preview") == json!(true),
                "disable-notification": configured(configs, "telegram", "disable-notification") == json!(true)})
        },
        plan: |given| {
            let options = ["chat-id", "parse-mode", "disable-web-page-preview", "disable-notification"]
                .map(|key| (key, given.json(key)));
            (filled(&options), given.event("", given.text("message")))
        },
    },
    Test {
        name: "victorops",
        kind: "victorops",
        defaults: |configs| {
            json!({"routingKey": configured_text(configs, "victorops", "routing-key"), "messageType": "CRITICAL",
                "message": "test victorops message", "entityID": "testEntityID"})
        },
        plan: |given| {
            let options = filled(&[("routing-key", given.json("routingKey"))]);
            (options, given.event(given.text("entityID"), given.text("message")))
        },
    },
    Test {
        name: "webhook",
        kind: "webhook",
        defaults: |configs| {
            json!({"endpoint": configured_text(configs, "webhook", "name"), "url": "", "method": "", "headers": {},
                "body": "", "id": "testID", "message": "test webhook message", "level": "CRITICAL"})
        },
        plan: |given| {
            let url = given.text("url");
            let options = ["endpoint", "method", "headers", "body"].map(|key| (key, given.json(key)));
            let mut options = filled(&options);
            options["url"] = if url.is_empty() { json!([]) } else { json!([url]) };
            (options, given.event(given.text("id"), given.text("message")))
        },
    },
    Test {
        name: "zenoss",
        kind: "zenoss",
        defaults: |configs| {
            json!({"alert_id": "1001", "level": "CRITICAL", "message": "test zenoss message",
                "action": configured_text(configs, "zenoss", "action"),
                "method": configured_text(configs, "zenoss", "method"),
                "type": configured_text(configs, "zenoss", "type"),
                "tid": configured(configs, "zenoss", "tid").as_i64().unwrap_or(1), "summary": "", "device": "",
                "component": "", "eventclasskey": "", "eventclass": "",
                "collector": configured_text(configs, "zenoss", "collector"), "custom_fields": {}})
        },
        plan: |given| {
            let options = filled(&[
                ("action", given.json("action")),
                ("method", given.json("method")),
                ("type", given.json("type")),
                ("tid", given.json("tid")),
                ("Summary", given.json("summary")),
                ("Device", given.json("device")),
                ("Component", given.json("component")),
                ("EventClassKey", given.json("eventclasskey")),
                ("EventClass", given.json("eventclass")),
                ("Collector", given.json("collector")),
                ("customField", given.json("custom_fields")),
            ]);
            (options, given.event(given.text("alert_id"), given.text("message")))
        },
    },
];

fn rfc3339_now() -> String {
    let mut text = String::new();
    model::write_rfc3339(now(), &mut text);
    text
}

/// What the config says, of the element that is used if none is named; null if nobody may be shown that.
fn configured(configs: &Configs, section: &str, key: &str) -> Json {
    chosen(configs, section).map(|element| element.shown(key).clone()).unwrap_or_default()
}

/// The element of a section that is used if none is named.
fn chosen<'a>(configs: &'a Configs, section: &str) -> Option<&'a Section> {
    let all = configs.all(section);
    all.iter().rfind(|element| element.bool("default")).or(all.first())
}

fn configured_text(configs: &Configs, section: &str, key: &str) -> String {
    configured(configs, section, key).as_str().unwrap_or_default().to_string()
}

/// The options by these keys, those left out that are empty texts.
fn filled(pairs: &[(&str, Json)]) -> Json {
    let set = pairs.iter().filter(|(_, value)| !value.is_null() && value.as_str() != Some(""));
    Json::Object(set.map(|(key, value)| ((*key).to_string(), value.clone())).collect())
}

fn no_data(name: &str) -> Json {
    json!({"Name": name, "TaskName": "", "Category": "", "Group": "", "Tags": {}, "Fields": {}, "Recoverable": false,
           "Result": {"series": null}})
}
