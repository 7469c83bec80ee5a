//! `/subscriptions`: those at all InfluxDBs, looked after now, and rid of what is left over.

use std::sync::Arc;

use api::subscription::{Prune, SubscriptionList};
use axum::{body::Bytes, extract::State};

use super::{
    Api,
    answer::{Answered, json, nothing},
    description::{Operation, Routes},
};
use crate::definitions::Refused;

pub(super) fn routes() -> Routes {
    Routes::of("subscriptions")
        .add(
            Operation::get("/subscriptions", "List the subscriptions at all InfluxDBs, whoever they belong to.")
                .gives::<SubscriptionList>(200),
            list,
        )
        .add(Operation::post("/subscriptions", "Look after subscriptions now.").gives_nothing(), relink)
        .add(
            Operation::post("/subscriptions/prune", "Drop subscriptions that lead here but belong to no living id.")
                .takes::<Prune>()
                .gives::<SubscriptionList>(200)
                .fails(&[400]),
            prune,
        )
}

async fn list(State(api): State<Arc<Api>>) -> Answered {
    json(&api.subscribers.watchlist().list().await)
}

/// Look after the subscriptions of all clusters now.
async fn relink(State(api): State<Arc<Api>>) -> Answered {
    api.subscribers.relink();
    Ok(nothing())
}

async fn prune(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let wanted: Prune = match &body[..] {
        [] => Prune::default(),
        body => serde_json::from_slice(body).map_err(|error| Refused::bad(format!("invalid JSON: {error}")))?,
    };
    json(&api.subscribers.watchlist().prune(&wanted.subscriptions).await)
}
