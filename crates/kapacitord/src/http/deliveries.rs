//! `/alerts/deliveries` and `/alerts/dead-letters`: what became of events on their way to handlers.

use std::sync::Arc;

use alert::{DeadLetter, DeliveryStatus, Letters, Outbox};
use api::{
    delivery::{self as shown, Selection},
    link::Link,
    time::Time,
};
use axum::{
    body::Bytes,
    extract::{RawQuery, State},
};

use super::{
    Api,
    answer::{Answered, Params, aside, json},
    description::{LIMIT, OFFSET, Operation, Parameter, Routes},
};
use crate::definitions::{Refused, now};

pub(super) fn routes() -> Routes {
    const OF_TOPIC: Parameter = Parameter::new("topic", "Those of this topic.");
    const OF_HANDLER: Parameter = Parameter::new("handler", "Those of this handler.");
    let letters = "/alerts/dead-letters";
    Routes::of("alerts")
        .add(
            Operation::get("/alerts/deliveries", "Show what became of the events of each handler.")
                .gives::<shown::Deliveries>(200),
            list,
        )
        .add(
            Operation::get(letters, "List events that handlers did not get, oldest first.")
                .query(&[OF_TOPIC, OF_HANDLER, OFFSET, LIMIT])
                .gives::<shown::DeadLetterList>(200)
                .fails(&[400, 404]),
            dead_letters,
        )
        .add(
            Operation::post("/alerts/dead-letters/retry", "Send dead letters once more.")
                .takes::<Selection>()
                .gives::<shown::Outcome>(200)
                .fails(&[400, 404]),
            retry,
        )
        .add(
            Operation::post("/alerts/dead-letters/drop", "Forget dead letters.")
                .takes::<Selection>()
                .gives::<shown::Outcome>(200)
                .fails(&[400, 404]),
            discard,
        )
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Answered {
    let topics = api.topics.topics();
    let outbox = topics.outbox().map(|outbox| {
        let alert::OutboxCounts { events, bytes, written, discarded, not_kept } = outbox.counts();
        shown::Outbox { events, bytes, written, discarded, not_kept }
    });
    let now = now();
    let deliveries = topics.deliveries().iter().map(|status| delivery(status, now)).collect();
    json(&shown::Deliveries { link: Link::to_self(shown::PATH.to_string()), deliveries, outbox })
}

/// A handler with its counters.
pub(super) fn delivery(status: &DeliveryStatus, now: i64) -> shown::Delivery {
    let DeliveryStatus { topic, handler, kept } = status;
    let counts = handler.counts;
    shown::Delivery {
        topic: topic.to_string(),
        handler: handler.name.to_string(),
        kind: handler.kind.to_string(),
        kept: *kept,
        queued: counts.queued,
        sent: counts.sent,
        retried: counts.retried,
        failed: counts.failed,
        dropped: counts.dropped,
        oldest_seconds: counts.oldest.map_or(0.0, |raised| now.saturating_sub(raised).max(0) as f64 / 1e9),
    }
}

pub(super) async fn dead_letters(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let (offset, limit) = params.page()?;
    let which = Letters {
        topic: params.get("topic").to_string(),
        handler: params.get("handler").to_string(),
        ..Letters::default()
    };
    let (letters, total) = aside(move || Ok(outbox(&api)?.dead_letters(&which, offset, limit))).await?;
    json(&shown::DeadLetterList {
        link: Link::to_self(shown::DEAD_LETTERS_PATH.to_string()),
        dead_letters: letters.iter().map(letter).collect(),
        total: total as u64,
    })
}

pub(super) async fn retry(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let which = selection(&body)?;
    let (count, left) = aside(move || {
        outbox(&api)?;
        Ok(api.topics.topics().retry_dead_letters(&which))
    })
    .await?;
    let left = left.iter().map(|letter| shown::Left {
        id: letter.number,
        topic: letter.event.topic.to_string(),
        handler: letter.handler.to_string(),
        why: "its handler is not there, or its queue is full".to_string(),
    });
    json(&shown::Outcome { count: count as u64, left: left.collect() })
}

pub(super) async fn discard(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let which = selection(&body)?;
    let count = aside(move || Ok(outbox(&api)?.drop_dead_letters(&which))).await?;
    json(&shown::Outcome { count: count as u64, left: Vec::new() })
}

fn outbox(api: &Api) -> Result<&Arc<Outbox>, Refused> {
    let none = || Refused::missing("there is no outbox: set outbox = true in [alert] of the config");
    api.topics.topics().outbox().ok_or_else(none)
}

fn selection(body: &[u8]) -> Result<Letters, Refused> {
    let Selection { ids, topic, handler, all } = serde_json::from_slice(body)
        .map_err(|why| Refused::bad(format!("invalid selection of dead letters: {why}")))?;
    if !all && ids.is_empty() && topic.is_empty() && handler.is_empty() {
        return Err(Refused::bad("which dead letters? Give ids, topic or handler, or \"all\": true"));
    }
    Ok(Letters { numbers: ids, topic, handler })
}

fn letter(letter: &DeadLetter) -> shown::DeadLetter {
    let DeadLetter { number, handler, death, raised, event } = letter;
    let gone = "its handler is not there: its task is disabled, or it could not be opened";
    shown::DeadLetter {
        id: *number,
        topic: event.topic.to_string(),
        handler: handler.to_string(),
        event: event.state.id.to_string(),
        event_id: event.uid(),
        level: event.state.level.name().to_string(),
        message: event.state.message.to_string(),
        raised: Time::At(*raised),
        why: death.as_ref().map_or_else(|| gone.to_string(), |death| death.why.to_string()),
        attempts: death.as_ref().map_or(0, |death| death.attempts),
        given_up: death.as_ref().map_or(Time::Never, |death| Time::At(death.time)),
    }
}
