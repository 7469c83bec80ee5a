//! `/service-tests`: which services can be tried, with which options, and trying one.

use std::{sync::Arc, time::Duration};

use api::service_test::{ServiceTest, ServiceTestList, ServiceTestResult};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
};
use handlers::{TestError, service_names, service_options, test_service};
use serde_json::{Map, Value, json};
use store::pattern::Pattern;

use super::{
    Api,
    answer::{Answered, Params, json as pretty},
    description::{Operation, PATTERN, Routes},
};
use crate::definitions::Refused;

pub(super) fn routes() -> Routes {
    Routes::of("service tests")
        .add(
            Operation::get("/service-tests", "List the services that can be tried, with their options.")
                .query(&[PATTERN])
                .gives::<ServiceTestList>(200)
                .fails(&[400]),
            list,
        )
        .silent("/service-tests/", axum::routing::get(no_name).post(no_name))
        .add(
            Operation::get("/service-tests/{name}", "Show the options of a service's test.")
                .gives::<ServiceTest>(200)
                .fails(&[404]),
            show,
        )
        .add(
            Operation::post("/service-tests/{name}", "Try a service with these options.")
                .takes::<Map<String, Value>>()
                .gives::<ServiceTestResult>(200)
                .fails(&[400, 404]),
            run,
        )
}

const BASE: &str = "/kapacitor/v1/service-tests";
/// No test takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Services that no alert is sent to, with the option that names the element of their section.
const OTHERS: &[(&str, &str)] = &[
    ("azure", "id"),
    ("consul", "id"),
    ("dns", "id"),
    ("ec2", "id"),
    ("file-discovery", "id"),
    ("gce", "id"),
    (INFLUXDB, "cluster"),
    ("kubernetes", "id"),
    ("marathon", "id"),
    ("nerve", "id"),
    ("scraper", "name"),
    ("serverset", "id"),
    ("static-discovery", "id"),
    ("swarm", "id"),
    ("triton", "id"),
];
const INFLUXDB: &str = "influxdb";

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let pattern =
        Pattern::new(params.get("pattern")).map_err(|_| Refused::bad("bad pattern: syntax error in pattern"))?;
    let mut names: Vec<&str> = service_names(&api.alert_host).chain(OTHERS.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    let shown: Vec<Value> =
        names.into_iter().filter(|name| pattern.matches(name)).filter_map(|name| shown(&api, name)).collect();
    let services = if shown.is_empty() { Value::Null } else { Value::Array(shown) };
    pretty(&json!({ "link": { "rel": "self", "href": BASE }, "services": services }))
}

pub(super) async fn no_name() -> Answered {
    Err(Refused::bad("must provide service name"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Answered {
    pretty(&shown(&api, &name).ok_or_else(|| unknown(&name))?)
}

pub(super) async fn run(State(api): State<Arc<Api>>, Path(name): Path<String>, body: Bytes) -> Answered {
    let is_other = OTHERS.iter().any(|(other, _)| *other == name);
    if !is_other && service_options(&api.alert_host, &name).is_none() {
        return Err(unknown(&name));
    }
    let decode = |why: String| Refused::bad(format!("failed to decode JSON body: {why}"));
    let options: Map<String, Value> = serde_json::from_slice(&body).map_err(|error| decode(error.to_string()))?;
    let trying = async {
        match name.as_str() {
            INFLUXDB => {
                Ok(try_influxdb(&api, options.get("cluster").and_then(Value::as_str).unwrap_or_default()).await)
            }
            _ if is_other => Ok(Err("service is not enabled: this daemon cannot discover or scrape".to_string())),
            name => test_service(&api.alert_host, name, &options).await,
        }
    };
    let tried = tokio::time::timeout(LIMIT, trying).await;
    let outcome =
        tried.unwrap_or_else(|_| Ok(Err(format!("no answer within {LIMIT:?}")))).map_err(|error| match error {
            TestError::Unknown(name) => unknown(&name),
            other => decode(other.to_string()),
        })?;
    let (success, message) = match outcome {
        Ok(()) => (true, String::new()),
        Err(why) => (false, why),
    };
    pretty(&json!({ "success": success, "message": message }))
}

async fn try_influxdb(api: &Api, name: &str) -> Result<(), String> {
    let cluster = api
        .host
        .clusters()
        .get(name)
        .map_err(|why| format!("cluster {name:?} is not enabled or does not exist: {why}"))?;
    cluster.ping().await.map(drop).map_err(|why| why.to_string())
}

fn unknown(name: &str) -> Refused {
    Refused::missing(format!("service {name:?} not found"))
}

fn shown(api: &Api, name: &str) -> Option<Value> {
    let options = match OTHERS.iter().find(|(other, _)| *other == name) {
        Some((_, option)) => [((*option).to_string(), Value::from(""))].into_iter().collect(),
        None => service_options(&api.alert_host, name)?,
    };
    Some(json!({ "link": { "rel": "self", "href": format!("{BASE}/{name}") }, "name": name, "options": options }))
}
