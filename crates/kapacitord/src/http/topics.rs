//! `/alerts/topics`: topics, their events, and the handlers that users attach to them.

use std::collections::HashMap;
use std::sync::Arc;

use alert::{EventState, HeldStatus, Level, Reason, TopicStatus};
use api::{
    link::Link,
    silence::HeldBack,
    time::Time,
    topic::{self as shown, HandlerOptions},
};
use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{Method, Uri},
    routing::any,
};
use serde_json::{Value, json as value};
use store::{handlers::Handler, pattern::Pattern};

use super::{
    Api,
    answer::{Answered, Params, aside, json, nothing, percent_decoded},
    description::{Operation, PATTERN, Parameter, Routes},
    json_body::json_body,
    json_patch,
};
use crate::{alert_topics::Rejected, definitions::Refused};

const MIN_LEVEL: Parameter =
    Parameter::new("min-level", "Those of this level or a worse one.").words(&["OK", "INFO", "WARNING", "CRITICAL"]);

pub(super) fn routes() -> Routes {
    Routes::of("topics")
        .add(
            Operation::get("/alerts/topics", "List topics.")
                .query(&[PATTERN, MIN_LEVEL])
                .gives::<shown::TopicList>(200)
                .fails(&[400]),
            list,
        )
        .silent("/alerts/topics/", any(below))
        .silent("/alerts/topics/{*below}", any(below))
        .describe(Operation::get("/alerts/topics/{topic}", "Show a topic.").gives::<shown::Topic>(200).fails(&[404]))
        .describe(Operation::delete("/alerts/topics/{topic}", "Forget a topic's events.").gives_nothing().fails(&[404]))
        .describe(
            Operation::get("/alerts/topics/{topic}/events", "List the events of a topic, the last state of each.")
                .query(&[MIN_LEVEL])
                .gives::<shown::EventList>(200)
                .fails(&[400, 500]),
        )
        .describe(
            Operation::get("/alerts/topics/{topic}/events/{event}", "Show the last state of an event.")
                .gives::<shown::Event>(200)
                .fails(&[404]),
        )
        .and(handler_routes())
}

fn handler_routes() -> Routes {
    let one = "/alerts/topics/{topic}/handlers/{id}";
    Routes::of("topics")
        .describe(
            Operation::get("/alerts/topics/{topic}/handlers", "List the handlers of a topic.")
                .query(&[PATTERN])
                .gives::<shown::HandlerList>(200)
                .fails(&[400]),
        )
        .describe(
            Operation::post("/alerts/topics/{topic}/handlers", "Attach a handler to a topic.")
                .takes::<HandlerOptions>()
                .gives::<shown::Handler>(200)
                .fails(&[400, 500]),
        )
        .describe(Operation::get(one, "Show a handler.").gives::<shown::Handler>(200).fails(&[404]))
        .describe(
            Operation::patch(one, "Change a handler by a JSON patch (RFC 6902) or merge patch (RFC 7386).")
                .takes::<Value>()
                .gives::<shown::Handler>(200)
                .fails(&[400, 404, 500]),
        )
        .describe(
            Operation::put(one, "Put another handler in its place.")
                .takes::<HandlerOptions>()
                .gives::<shown::Handler>(200)
                .fails(&[400, 404, 500]),
        )
        .describe(Operation::delete(one, "Take a handler off its topic.").gives_nothing().fails(&[404]))
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let (pattern, min_level) = (pattern(&params)?, min_level(&params)?);
    let open = api.topics.topics().list(min_level);
    let topics = open.iter().filter(|topic| pattern.matches(&topic.id)).map(topic).collect();
    json(&shown::TopicList { link: link_with(shown::PATH, query.as_deref()), topics })
}

/// What a path below the list names.
enum Place {
    Topic,
    Events,
    Event(String),
    Handlers,
    Handler(String),
    /// No place of ours; Kapacitor shows the topic.
    Other,
}

/// A topic and what is named below it. Parts are decoded one by one, so that a coded slash is part of an id.
fn place(uri: &Uri) -> (String, Place) {
    let path = uri.path();
    let below = path.find("/alerts/topics/").map_or("", |at| &path[at + "/alerts/topics/".len()..]);
    let parts: Vec<String> = below.split('/').map(percent_decoded).collect();
    let rest: Vec<&str> = parts[1..].iter().map(String::as_str).collect();
    let place = match rest.as_slice() {
        [] | [""] => Place::Topic,
        ["events"] => Place::Events,
        ["events", event @ ..] => Place::Event(event.join("/")),
        ["handlers"] => Place::Handlers,
        ["handlers", handler] => Place::Handler((*handler).to_string()),
        _ => Place::Other,
    };
    (parts[0].clone(), place)
}

/// All that is below the list.
pub(super) async fn below(
    State(api): State<Arc<Api>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answered {
    let (topic, place) = place(&uri);
    match method {
        Method::GET | Method::HEAD => get(&api, topic, place, query.as_deref()).await,
        Method::POST => post(api, topic, body).await,
        Method::PUT | Method::PATCH => {
            let id = if let Place::Handler(id) = place { id } else { String::new() };
            if method == Method::PUT { put(api, topic, id, body).await } else { patch(api, topic, id, body).await }
        }
        Method::DELETE => delete(api, topic, place).await,
        _ => Err(Refused::missing("Not Found")),
    }
}

async fn get(api: &Arc<Api>, id: String, place: Place, query: Option<&str>) -> Answered {
    match place {
        Place::Events => events(api, &id, query),
        Place::Event(event) => match api.topics.topics().event_state(&id, &event) {
            Some(state) => json(&self::event(&id, &state, &api.topics.topics().held(&id))),
            // As Kapacitor does, which knows no such path.
            None if event.contains('/') => one(api, &id),
            None => Err(Refused::missing(format!("unknown event {event:?} in topic {id:?}"))),
        },
        Place::Handlers => {
            let pattern = Params::of(query).get("pattern").to_string();
            let api = Arc::clone(api);
            let link = link_with(&shown::handlers_path(&id), query);
            let (topic, handlers) = aside(move || {
                Pattern::new(&pattern).map_err(|error| Refused::bad(format!("invalid pattern: {error}")))?;
                let handlers = api.topics.handlers(&id, &pattern)?;
                Ok((id, handlers))
            })
            .await?;
            json(&shown::HandlerList { link, topic, handlers: handlers.iter().map(handler).collect() })
        }
        Place::Handler(name) => {
            let api = Arc::clone(api);
            let found = aside(move || api.topics.handler(&id, &name)?.ok_or_else(|| unknown_handler(&name))).await?;
            json(&handler(&found))
        }
        Place::Topic | Place::Other => one(api, &id),
    }
}

fn one(api: &Api, id: &str) -> Answered {
    match api.topics.topics().topic(id) {
        Some(status) => json(&topic(&status)),
        None => Err(Refused::missing(format!("unknown topic: {id:?}"))),
    }
}

fn events(api: &Api, id: &str, query: Option<&str>) -> Answered {
    let min_level = min_level(&Params::of(query))?;
    let states = api
        .topics
        .topics()
        .events(id, min_level)
        .ok_or_else(|| Refused::failed(format!("failed to get topic events: unknown topic {id:?}")))?;
    let held = api.topics.topics().held(id);
    json(&shown::EventList {
        link: Link::to_self(shown::events_path(id)),
        topic: id.to_string(),
        events: states.iter().map(|state| event(id, state, &held)).collect(),
    })
}

async fn post(api: Arc<Api>, topic: String, body: Bytes) -> Answered {
    let new = parse(topic, &body).map_err(|why| Refused::bad(format!("invalid handler json: {why}")))?;
    let created = aside(move || {
        api.topics.create(&new).map_err(|error| error.refused("create handler"))?;
        Ok(new)
    });
    json(&handler(&created.await?))
}

async fn put(api: Arc<Api>, topic: String, id: String, body: Bytes) -> Answered {
    let replaced = aside(move || {
        api.topics.handler(&topic, &id)?.ok_or_else(|| unknown_handler(&id))?;
        let new =
            parse(topic.clone(), &body).map_err(|why| Refused::bad(format!("failed to unmarshal JSON: {why}")))?;
        api.topics.replace(&topic, &id, &new).map_err(|error| error.refused("update handler"))?;
        Ok(new)
    });
    json(&handler(&replaced.await?))
}

async fn patch(api: Arc<Api>, topic: String, id: String, body: Bytes) -> Answered {
    let patched = aside(move || {
        let before = api.topics.handler(&topic, &id)?.ok_or_else(|| unknown_handler(&id))?;
        let before = value!({
            "id": before.id,
            "topic": before.topic,
            "kind": before.kind,
            "options": before.options,
            "match": before.matches,
        });
        let after = json_patch::apply(before, &body).map_err(|error| Refused::bad(error.to_string()))?;
        let mut options: HandlerOptions = serde_json::from_value(after)
            .map_err(|error| Refused::failed(format!("failed to unmarshal patched json: {error}")))?;
        let place = if options.topic.is_empty() { topic.clone() } else { std::mem::take(&mut options.topic) };
        let new = stored(place, options);
        api.topics.replace(&topic, &id, &new).map_err(|error| error.refused("update handler"))?;
        Ok(new)
    });
    json(&handler(&patched.await?))
}

async fn delete(api: Arc<Api>, topic: String, place: Place) -> Answered {
    aside(move || {
        match place {
            Place::Topic => api.topics.forget(&topic),
            Place::Handler(id) => api.topics.delete(&topic, &id)?,
            _ => return Err(Refused::missing("Not Found")),
        }
        Ok(())
    })
    .await?;
    Ok(nothing())
}

fn unknown_handler(id: &str) -> Refused {
    Rejected::Missing(id.to_string()).refused("find handler")
}

fn parse(topic: String, body: &[u8]) -> Result<Handler, String> {
    Ok(stored(topic, json_body(body)?))
}

fn stored(topic: String, options: HandlerOptions) -> Handler {
    let HandlerOptions { id, kind, options, matches, .. } = options;
    Handler { topic, id, kind, options: options.map_or(Value::Null, Value::Object), matches }
}

fn pattern(params: &Params) -> Result<Pattern, Refused> {
    Pattern::new(params.get("pattern")).map_err(|error| Refused::bad(format!("invalid pattern: {error}")))
}

fn min_level(params: &Params) -> Result<Level, Refused> {
    params.get("min-level").parse().map_err(|error: alert::UnknownLevel| Refused::bad(error.to_string()))
}

/// Lists link to themselves with the query they were asked for with.
fn link_with(path: &str, query: Option<&str>) -> Link {
    Link::to_self(query.map_or_else(|| path.to_string(), |query| format!("{path}?{query}")))
}

fn topic(status: &TopicStatus) -> shown::Topic {
    let id = &*status.id;
    let link = |rel: &str, href: String| Link { rel: rel.to_string(), href };
    shown::Topic {
        link: Link::to_self(shown::path(id)),
        id: id.to_string(),
        level: status.level.name().to_string(),
        collected: i64::try_from(status.collected).unwrap_or(i64::MAX),
        events_link: link("events", shown::events_path(id)),
        handlers_link: link("handlers", shown::handlers_path(id)),
    }
}

fn event(topic: &str, state: &EventState, held: &HashMap<Arc<str>, HeldStatus>) -> shown::Event {
    shown::Event {
        link: Link::to_self(format!("{}/{}", shown::events_path(topic), state.id).trim_end_matches('/').to_string()),
        id: state.id.to_string(),
        state: shown::EventState {
            message: state.message.to_string(),
            details: state.details.to_string(),
            time: Time::At(state.time),
            duration: api::duration::to_go(state.duration),
            level: state.level.name().to_string(),
        },
        held_back: held.get(&state.id).map(held_back),
    }
}

/// Why an event was not told.
fn held_back(held: &HeldStatus) -> HeldBack {
    let (by, id, author, comment) = match &held.reason {
        Reason::Silence { id, author, comment } => ("silence", &**id, author, comment),
        Reason::Acknowledged { author, comment } => ("acknowledgement", "", author, comment),
    };
    HeldBack {
        by: by.to_string(),
        id: id.to_string(),
        author: author.to_string(),
        comment: comment.to_string(),
        told_level: held.told.name().to_string(),
    }
}

fn handler(handler: &Handler) -> shown::Handler {
    shown::Handler {
        link: Link::to_self(shown::handler_path(&handler.topic, &handler.id)),
        id: handler.id.clone(),
        kind: handler.kind.clone(),
        options: handler.options.as_object().cloned(),
        matches: handler.matches.clone(),
    }
}
