//! `alertmanager`: alerts of Prometheus' Alertmanager, by version 2 of its API.

use std::sync::Arc;

use alert::{Event, Kind, Level};
use declare::{Declaration, Declared};
use serde_json::{Map, Value as Json, json};

use crate::http::{Posting, Request};
use crate::pairs::Pairs;
use crate::render::{check_template, check_templates, filled_in, with_path};
use crate::tls::Tls;
use crate::{AlertHost, Configs};

const NAME: &str = "alertmanager";
/// Alertmanager forgets an alert after minutes unless it is told an end; ours lasts until we say that it is over.
const NO_END: i64 = 10 * 365 * 24 * 3600 * 1_000_000_000;

/// The kind `alertmanager`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let url = host.url.clone();
        Ok(Posting::boxed(&host, move |configs, event| request(&options, &url, configs, event)))
    })
    .method("alertmanager")
    .ready(Options::ready)
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    server: String,
    alert_name: String,
    labels: Pairs,
    annotations: Pairs,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Raise and end alerts of Prometheus' Alertmanager. An alert has the event's tags as labels, and alert_id \
             and severity; when the level changes, the alert of the level before ends.",
        )
        .property("server", "The [[alertmanager]] section of the config to use.", |d| &mut d.server)
        .default_text("the default section")
        .property("alertName", "The label alertname, a template.", |d| &mut d.alert_name)
        .key("alert-name")
        .default_text("{{ .TaskName }}, or without a task {{ .ID }}")
        .method_json(
            "label",
            "k string, v string",
            "One more label; the value is a template. It must be the same whatever the level is.",
            |d, arguments| d.labels.add(arguments),
            |d| d.labels.calls(),
            |d| d.labels.json(),
            |d, json| d.labels.load_texts(json),
        )
        .key("labels")
        .method_json(
            "annotation",
            "k string, v string",
            "One more annotation, beside summary (the message) and description (the details); the value is a template.",
            |d, arguments| d.annotations.add(arguments),
            |d| d.annotations.calls(),
            |d| d.annotations.json(),
            |d, json| d.annotations.load_texts(json),
        )
        .key("annotations")
        .example(
            "stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: \"used\" > 90.0)\
             .alertmanager().label('team', 'infra').annotation('runbook', 'https://example.com/{{ .Name }}')",
        )
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        check_template("alertName", &self.alert_name)?;
        let pairs = self.labels.texts().chain(self.annotations.texts());
        pairs.into_iter().try_for_each(|(name, text)| check_templates([(name, &text.to_string())]))
    }
}

fn request(options: &Options, url: &str, configs: &Configs, event: &Event) -> Result<Request, String> {
    let config = configs.chosen(NAME, "name", &options.server)?;
    let (state, previous) = (&event.state, event.previous);
    let labels = labels(options, event)?;
    let annotations = annotations(options, event)?;
    let generator = format!("{url}/tasks/{}", event.data.task_name);
    let alert = |severity: Level, end: i64| {
        let mut labels = labels.clone();
        labels.insert("severity".to_string(), Json::from(severity.name().to_ascii_lowercase()));
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": rfc3339(state.time.saturating_sub(state.duration)),
            "endsAt": rfc3339(end),
            "generatorURL": generator,
        })
    };
    let mut alerts = Vec::new();
    if previous != Level::Ok && previous != state.level {
        alerts.push(alert(previous, state.time));
    }
    if state.level != Level::Ok {
        alerts.push(alert(state.level, state.time.saturating_add(NO_END)));
    }
    if alerts.is_empty() {
        // Nobody knows which one it was: it may have been any.
        alerts.extend([Level::Info, Level::Warning, Level::Critical].map(|level| alert(level, state.time)));
    }
    let url = with_path(config.text("url"), &["api", "v2", "alerts"])?;
    let request = Request::json(url, Json::from(alerts), &[200]).tls(Tls::of(config));
    Ok(match config.text("token") {
        "" => request.basic_auth(config.text("username"), config.text("password")),
        token => request.header("Authorization", format!("Bearer {token}")),
    })
}

/// All that makes the alert what it is, but its severity.
fn labels(options: &Options, event: &Event) -> Result<Map<String, Json>, String> {
    let data = &event.data;
    let mut labels: Map<String, Json> =
        data.tags.iter().map(|(name, value)| (label_name(name), Json::from(&**value))).collect();
    let name = match options.alert_name.as_str() {
        "" if data.task_name.is_empty() => event.state.id.to_string(),
        "" => data.task_name.to_string(),
        template => filled_in("alertName", template, event)?,
    };
    labels.insert("alertname".to_string(), name.into());
    labels.insert("alert_id".to_string(), Json::from(&*event.state.id));
    for (name, template) in options.labels.texts() {
        labels.insert(label_name(name), filled_in(name, template, event)?.into());
    }
    // A label without a value is none.
    labels.retain(|_, value| value.as_str() != Some(""));
    Ok(labels)
}

fn annotations(options: &Options, event: &Event) -> Result<Map<String, Json>, String> {
    let mut annotations = Map::new();
    annotations.insert("summary".to_string(), Json::from(&*event.state.message));
    annotations.insert("description".to_string(), Json::from(&*event.state.details));
    for (name, template) in options.annotations.texts() {
        annotations.insert(label_name(name), filled_in(name, template, event)?.into());
    }
    Ok(annotations)
}

/// A name that Prometheus takes.
fn label_name(name: &str) -> String {
    let digit = name.starts_with(|c: char| c.is_ascii_digit()).then_some('_');
    let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    digit.into_iter().chain(letters).collect()
}

fn rfc3339(time: model::Time) -> String {
    let mut out = String::new();
    model::write_rfc3339(time, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use alert::Outcome;

    use super::*;
    use crate::testing::{Answer, HttpSink, event, host, open, run, send};

    #[test]
    fn alerts_begin_change_and_end() {
        let sink = HttpSink::start(vec![Answer::code(200)]);
        let section = json!({"enabled": true, "default": true, "name": "main", "url": sink.url("/am"),
            "token": "t0"});
        let host = host(&[("alertmanager", section)]);
        let options = json!({"labels": {"team-name": "{{ index .Tags \"dc\" }}-ops"}, "annotations": {"runbook": "r"}});
        let mut handler = open(&crate::kinds(&host), "alertmanager", options).unwrap();
        for (previous, level) in [
            (Level::Ok, Level::Warning),
            (Level::Warning, Level::Critical),
            (Level::Critical, Level::Ok),
            (Level::Ok, Level::Ok),
        ] {
            let event = Event { previous, ..event(level) };
            assert_eq!(run(handler.handle(&event)), Outcome::Done);
        }
        let got = sink.requests();
        assert_eq!((got[0].path.as_str(), got[0].header("authorization")), ("/am/api/v2/alerts", Some("Bearer t0")));
        assert_eq!(
            got[0].json(),
            json!([{"labels": {"dc": "fra", "host": "web-1", "alertname": "hnd", "alert_id": "svc/web-1",
                    "team_name": "fra-ops", "severity": "warning"},
                "annotations": {"summary": "svc/web-1 is WARNING", "description": "<b>details</b>", "runbook": "r"},
                "startsAt": "2021-01-01T12:00:10.5Z", "endsAt": "2030-12-30T12:00:30.5Z",
                "generatorURL": "http://localhost:9092/kapacitor/v1/tasks/hnd"}])
        );
        let severities = |n: usize| -> Vec<(String, bool)> {
            let alerts = got[n].json();
            let ends = |alert: &Json| alert["endsAt"] == "2021-01-01T12:00:30.5Z";
            let alerts = alerts.as_array().unwrap().iter();
            alerts.map(|alert| (alert["labels"]["severity"].as_str().unwrap().to_string(), ends(alert))).collect()
        };
        assert_eq!(severities(1), [("warning".into(), true), ("critical".into(), false)]);
        assert_eq!(severities(2), [("critical".into(), true)]);
        assert_eq!(severities(3).len(), 3);
    }

    #[test]
    fn names_fit_prometheus() {
        assert_eq!(label_name("host.name"), "host_name");
        assert_eq!(label_name("5min"), "_5min");
        let outcome = send(&host(&[]), "alertmanager", json!({}), Level::Info);
        assert!(matches!(outcome, Outcome::GiveUp(_)));
        let wrong = json!({"labels": {"a": "{{ .ID"}});
        assert!(open(&crate::kinds(&host(&[])), "alertmanager", wrong).is_err());
    }
}
