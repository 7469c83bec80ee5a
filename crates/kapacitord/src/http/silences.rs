//! `/alerts/silences` and `/alerts/acknowledgements`: what users hold back.

use std::sync::Arc;

use alert::{Acknowledgement, Recurring, SilenceSpec, SilenceStatus};
use api::{
    link::Link,
    silence::{self as shown, SilenceOptions},
    time::Time,
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
};

use super::{
    Api,
    answer::{Answered, Params, aside, json, nothing},
    description::{Operation, Parameter, Routes},
};
use crate::{
    definitions::{Refused, new_id, now},
    silences::SilenceRefused,
};

pub(super) fn routes() -> Routes {
    let (all, one) = ("/alerts/silences", "/alerts/silences/{id}");
    Routes::of("alerts")
        .add(Operation::get(all, "List silences.").gives::<shown::SilenceList>(200), list)
        .add(
            Operation::post(all, "Hold back events of alerts for a while, or in windows that come again.")
                .takes::<SilenceOptions>()
                .gives::<shown::Silence>(200)
                .fails(&[400]),
            create,
        )
        .add(Operation::get(one, "Show a silence.").gives::<shown::Silence>(200).fails(&[404]), show)
        .add(Operation::delete(one, "End a silence and forget it.").gives_nothing(), delete)
        .add(
            Operation::post("/alerts/silences/{id}/expire", "End a silence now, and keep it in the list.")
                .gives::<shown::Silence>(200)
                .fails(&[404]),
            expire,
        )
        .and(acknowledgement_routes())
}

fn acknowledgement_routes() -> Routes {
    const TOPIC: Parameter = Parameter::new("topic", "In this topic only.");
    const EVENT: Parameter = Parameter::new("event", "The event's id.");
    let all = "/alerts/acknowledgements";
    Routes::of("alerts")
        .add(
            Operation::get(all, "List acknowledged alerts.").gives::<shown::AcknowledgementList>(200),
            acknowledgements,
        )
        .add(
            Operation::post(all, "Acknowledge an alert: it is not told again until it has recovered.")
                .takes::<shown::Acknowledgement>()
                .gives::<shown::AcknowledgementList>(200)
                .fails(&[400, 404]),
            acknowledge,
        )
        .add(
            Operation::delete(all, "Take acknowledgements back.")
                .query(&[TOPIC, EVENT])
                .gives_nothing()
                .fails(&[400, 404]),
            withdraw,
        )
}

impl From<SilenceRefused> for Refused {
    fn from(why: SilenceRefused) -> Refused {
        match why {
            SilenceRefused::Wrong(_) => Refused::bad(why.to_string()),
            SilenceRefused::Missing(_) => Refused::missing(why.to_string()),
            SilenceRefused::Store(why) => why.into(),
        }
    }
}

async fn list(State(api): State<Arc<Api>>) -> Answered {
    let silences = api.silences.list().iter().map(silence).collect();
    json(&shown::SilenceList { link: Link::to_self(shown::PATH.to_string()), silences })
}

async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    json(&silence(&api.silences.get(&id).map_err(Refused::from)?))
}

async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let options: SilenceOptions =
        serde_json::from_slice(&body).map_err(|why| Refused::bad(format!("invalid silence: {why}")))?;
    let spec = spec(options)?;
    let created = aside(move || Ok(api.silences.put(spec)?)).await?;
    json(&silence(&created))
}

async fn expire(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    let expired = aside(move || Ok(api.silences.expire(&id)?)).await?;
    json(&silence(&expired))
}

async fn delete(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    aside(move || Ok(api.silences.delete(&id)?)).await?;
    Ok(nothing())
}

async fn acknowledgements(State(api): State<Arc<Api>>) -> Answered {
    acknowledged(&api.silences.acknowledgements())
}

async fn acknowledge(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let given: shown::Acknowledgement =
        serde_json::from_slice(&body).map_err(|why| Refused::bad(format!("invalid acknowledgement: {why}")))?;
    let shown::Acknowledgement { topic, event, author, comment, .. } = given;
    if event.is_empty() {
        return Err(Refused::bad("which event? Give its id in \"event\""));
    }
    let wanted = Acknowledgement { topic, event, author, comment, time: 0 };
    let made = aside(move || {
        let made = api.silences.acknowledge(&wanted)?;
        if made.is_empty() {
            let place =
                if wanted.topic.is_empty() { "any topic".to_string() } else { format!("topic {:?}", wanted.topic) };
            return Err(Refused::missing(format!("no event {:?} that is not OK in {place}", wanted.event)));
        }
        Ok(made)
    });
    acknowledged(&made.await?)
}

async fn withdraw(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let (topic, event) = (params.get("topic").to_string(), params.get("event").to_string());
    if event.is_empty() {
        return Err(Refused::bad("which event? Give its id in \"event\""));
    }
    let count = aside({
        let event = event.clone();
        move || Ok(api.silences.withdraw(&topic, &event)?)
    });
    if count.await? == 0 {
        Err(Refused::missing(format!("event {event:?} is not acknowledged")))
    } else {
        Ok(nothing())
    }
}

fn acknowledged(all: &[Acknowledgement]) -> Answered {
    let one = |one: &Acknowledgement| shown::Acknowledgement {
        topic: one.topic.clone(),
        event: one.event.clone(),
        author: one.author.clone(),
        comment: one.comment.clone(),
        time: Time::At(one.time),
    };
    let link = Link::to_self(shown::ACKNOWLEDGEMENTS_PATH.to_string());
    json(&shown::AcknowledgementList { link, acknowledgements: all.iter().map(one).collect() })
}

fn spec(options: SilenceOptions) -> Result<SilenceSpec, Refused> {
    let SilenceOptions { id, matchers, start, end, duration, cron, time_zone, author, comment } = options;
    let duration = match duration.as_str() {
        "" => None,
        text => Some(api::duration::parse(text).map_err(|why| Refused::bad(format!("duration: {why}")))?),
    };
    let start = start.nanos().unwrap_or_else(now);
    let (mut end, mut recurring) = (end.nanos(), None);
    if !cron.is_empty() {
        recurring = Some(Recurring { cron, duration: duration.unwrap_or(0), zone: time_zone });
    } else if !time_zone.is_empty() {
        return Err(Refused::bad("time-zone is for windows that come again: give cron, too"));
    } else if let Some(duration) = duration {
        if end.is_some() {
            return Err(Refused::bad("give either end or duration, not both"));
        }
        end = Some(start.saturating_add(duration));
    }
    let id = if id.is_empty() { new_id() } else { id };
    if id.contains('/') {
        return Err(Refused::bad(format!("the id of a silence must not have a slash: {id:?}")));
    }
    Ok(SilenceSpec { id, matchers, start, end, recurring, author, comment })
}

fn silence(status: &SilenceStatus) -> shown::Silence {
    let SilenceSpec { id, matchers, start, end, recurring, author, comment } = &status.spec;
    let Recurring { cron, duration, zone } = recurring.clone().unwrap_or_default();
    shown::Silence {
        link: Link::to_self(shown::path(id)),
        id: id.clone(),
        state: status.state.name().to_string(),
        matchers: matchers.clone(),
        start: Time::At(*start),
        end: Time::from(*end),
        duration: if cron.is_empty() { String::new() } else { api::duration::to_go(duration) },
        time_zone: if zone.is_empty() && !cron.is_empty() { "UTC".to_string() } else { zone },
        cron,
        author: author.clone(),
        comment: comment.clone(),
        held_back: status.held,
    }
}
