//! Alerts as incidents of a service that tracks them: PagerDuty, OpsGenie, Alerta and their like. Accepted, kept and
//! shown.

use declare::{DataDefault, DataKey, DataSection, Values};

use super::checks::{enabled_needs, named, required, url};
use super::keys::{
    ENABLED, GLOBAL, INSECURE_SKIP_VERIFY, PASSWORD, SSL_CA, SSL_CERT, SSL_KEY, STATE_CHANGES_ONLY, USERNAME, array,
    duration, flag, int, one, text, texts,
};

pub(super) const SECTIONS: &[DataSection] =
    &[ALERTA, ALERTMANAGER, BIGPANDA, OPSGENIE, OPSGENIE2, PAGERDUTY, PAGERDUTY2, SENSU, SERVICENOW, VICTOROPS, ZENOSS];

const ALERTA: DataSection = one(
    "alerta",
    "Alerts to Alerta.",
    &[
        ENABLED,
        text("url", "", "The address of its server."),
        INSECURE_SKIP_VERIFY,
        text("token", "", "The token to sign in with.").secret(),
        text("token-prefix", "", "The word before the token; empty for Bearer."),
        text("environment", "", "The environment of alerts that name none."),
        text("origin", "", "The origin of alerts that name none."),
        duration("timeout", "0s", "After which time Alerta drops an alert; 0s for its default."),
    ],
    |all| need(all, &["url"], &["url"]),
);

const ALERTMANAGER: DataSection = array(
    "alertmanager",
    0,
    "Alerts to Prometheus' Alertmanager.",
    &[
        ENABLED,
        text("name", "", "The name by which alerts ask for it."),
        flag("default", false, "Whether alerts that name no server go here."),
        text("url", "", "The address of the server, such as http://localhost:9093."),
        USERNAME,
        PASSWORD,
        text("token", "", "The token to sign in with, in place of user and password.").secret(),
        GLOBAL,
        STATE_CHANGES_ONLY,
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| named(all, &["url"], &["url"]),
);

const BIGPANDA: DataSection = one(
    "bigpanda",
    "Alerts to BigPanda.",
    &[
        ENABLED,
        GLOBAL,
        text("app-key", "", "The key of the application."),
        text("token", "", "The token to sign in with.").secret(),
        STATE_CHANGES_ONLY,
        INSECURE_SKIP_VERIFY,
        text("url", "https://api.bigpanda.io/data/v2/alerts", "The address of the service."),
        text("auto-attributes", "tags,fields", "What of the data becomes attributes: tags, fields, or both."),
    ],
    |all| need(all, &["url", "app-key", "token"], &["url"]),
);

const OPSGENIE: DataSection = one(
    "opsgenie",
    "Alerts to OpsGenie over the first version of its API.",
    &[
        ENABLED,
        text("api-key", "", "The key to sign in with.").secret(),
        texts("teams", "The teams of alerts that name none."),
        texts("recipients", "The recipients of alerts that name none."),
        text("url", "https://api.opsgenie.com/v1/json/alert", "The address for alerts."),
        text("recovery_url", "https://api.opsgenie.com/v1/json/alert/note", "The address for recoveries."),
        GLOBAL,
    ],
    |all| {
        always(all, &["url", "recovery_url"], &["url", "recovery_url"])?;
        need(all, &["api-key"], &[])
    },
);

const OPSGENIE2: DataSection = one(
    "opsgenie2",
    "Alerts to OpsGenie over the second version of its API.",
    &[
        ENABLED,
        text("api-key", "", "The key to sign in with.").secret(),
        texts("teams", "The teams of alerts that name none."),
        texts("recipients", "The recipients of alerts that name none."),
        text("url", "https://api.opsgenie.com/v2/alerts", "The address of the service."),
        text("recovery_action", "notes", "What a recovery does.").choices(&["notes", "close"]),
        GLOBAL,
        flag("details", false, "Whether alerts carry the data as details."),
    ],
    |all| {
        always(all, &["url", "recovery_action"], &["url"])?;
        need(all, &["api-key"], &[])
    },
);

const PAGERDUTY: DataSection = one(
    "pagerduty",
    "Alerts to PagerDuty over the first version of its API.",
    &[
        ENABLED,
        text("url", "https://events.pagerduty.com/generic/2010-04-15/create_event.json", "The address of the service."),
        text("service-key", "", "The service's key.").secret(),
        GLOBAL,
    ],
    |all| always(all, &["url"], &["url"]),
);

const PAGERDUTY2: DataSection = one(
    "pagerduty2",
    "Alerts to PagerDuty over the second version of its API.",
    &[
        ENABLED,
        text("url", "https://events.pagerduty.com/v2/enqueue", "The address of the service."),
        text("routing-key", "", "The integration's key.").secret(),
        GLOBAL,
    ],
    |all| always(all, &["url"], &["url"]),
);

const SENSU: DataSection = one(
    "sensu",
    "Results to a Sensu client.",
    &[
        ENABLED,
        text("addr", "", "Host and port of the client's socket."),
        text("source", "Kapacitor", "The source of alerts that name none."),
        texts("handlers", "Sensu's handlers of alerts that name none."),
    ],
    |all| need(all, &["addr"], &[]),
);

const SERVICENOW: DataSection = one(
    "servicenow",
    "Events to ServiceNow.",
    &[
        ENABLED,
        text("url", "https://instance.service-now.com/api/global/em/jsonv2", "The address of the instance."),
        text("source", "", "The source of alerts that name none."),
        USERNAME,
        PASSWORD,
        GLOBAL,
        STATE_CHANGES_ONLY,
    ],
    |all| need(all, &["url"], &["url"]),
);

const VICTOROPS: DataSection = one(
    "victorops",
    "Alerts to VictorOps.",
    &[
        ENABLED,
        text("api-key", "", "The key to sign in with.").secret(),
        text("routing-key", "", "The route of alerts that name none."),
        text("url", "https://alert.victorops.com/integrations/generic/20131114/alert", "The address of the service."),
        GLOBAL,
        flag("json-data", false, "Whether the data is sent as JSON instead of a text of JSON."),
    ],
    |all| always(all, &["url"], &["url"]),
);

const ZENOSS: DataSection = one(
    "zenoss",
    "Events to Zenoss.",
    &[
        ENABLED,
        text("url", "https://tenant.zenoss.io:8080/zport/dmd/evconsole_router", "The address of the event router."),
        USERNAME,
        PASSWORD,
        text("action", "EventsRouter", "The router's name."),
        text("method", "add_event", "The router's method."),
        text("type", "rpc", "The kind of request."),
        int("tid", 1, "The number of the request."),
        text("collector", "Kapacitor", "The collector of alerts that name none."),
        severity("severity-map.OK", "Clear"),
        severity("severity-map.Info", "Info"),
        severity("severity-map.Warning", "Warning"),
        severity("severity-map.Critical", "Critical"),
        GLOBAL,
        STATE_CHANGES_ONLY,
    ],
    |all| {
        always(all, &["url"], &["url"])?;
        let levels = ["severity-map.OK", "severity-map.Info", "severity-map.Warning", "severity-map.Critical"];
        match levels.iter().find(|level| all.iter().any(|values| values.json(level).is_null())) {
            Some(level) => Err(format!("must specify {level}")),
            None => Ok(()),
        }
    },
);

const fn severity(name: &'static str, default: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Any(default), "The severity of events of this level, a word or a number.").fixed()
}

fn need(all: &[Values], keys: &[&str], urls: &[&str]) -> Result<(), String> {
    all.iter().try_for_each(|values| enabled_needs(values, keys, urls))
}

/// What is asked of a section even if it is not in use.
fn always(all: &[Values], keys: &[&str], urls: &[&str]) -> Result<(), String> {
    for values in all {
        keys.iter().try_for_each(|key| required(values, key))?;
        urls.iter().try_for_each(|key| url(key, values.text(key)))?;
    }
    Ok(())
}
