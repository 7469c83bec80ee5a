//! `/users`: who may use the daemon. There are none unless `[auth]` is on.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Page, users::User};

use super::{
    Api,
    answer::{Answered, Params, aside, json as pretty, nothing},
    tasks::{fields, listed},
};
use crate::{
    definitions::Refused,
    users::{Changes, Users},
};

const BASE: &str = "/kapacitor/v1/users";
const FIELDS: &[&str] = &["link", "name", "type", "permissions"];

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    name: String,
    password: Option<String>,
    #[serde(rename = "type")]
    user_type: Option<String>,
    permissions: Option<Vec<String>>,
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let users = users(&api)?;
    let params = Params::of(query.as_deref());
    let mut fields = fields(&params, FIELDS, None)?;
    fields.push("name".to_string());
    let (offset, limit) = (params.number("offset", 0)?, params.number("limit", 100)?);
    let pattern = params.get("pattern").to_string();
    let found = aside(move || users.list(&Page { pattern: &pattern, offset, limit })).await?;
    listed("users", found.iter().map(shown).collect(), &fields)
}

pub(super) async fn no_name(State(api): State<Arc<Api>>) -> Answered {
    users(&api)?;
    Err(Refused::bad("must specify username on path"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Answered {
    let users = users(&api)?;
    pretty(&shown(&aside(move || users.get(&name)).await?))
}

pub(super) async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let users = users(&api)?;
    let (name, changes) = given(&body)?;
    pretty(&shown(&aside(move || users.create(&name, &changes)).await?))
}

pub(super) async fn update(State(api): State<Arc<Api>>, Path(name): Path<String>, body: Bytes) -> Answered {
    let users = users(&api)?;
    let (_, changes) = given(&body)?;
    pretty(&shown(&aside(move || users.update(&name, &changes)).await?))
}

pub(super) async fn delete(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Answered {
    let users = users(&api)?;
    aside(move || users.delete(&name)).await?;
    Ok(nothing())
}

fn users(api: &Api) -> Result<Arc<Users>, Refused> {
    api.auth.users().cloned().ok_or_else(|| Refused::missing("Not Found"))
}

fn given(body: &[u8]) -> Result<(String, Changes), Refused> {
    let given: Given = serde_json::from_slice(body).map_err(|error| Refused::bad(format!("invalid JSON: {error}")))?;
    let admin = match given.user_type.as_deref() {
        None | Some("") => None,
        Some("normal") => Some(false),
        Some("admin") => Some(true),
        Some(other) => return Err(Refused::bad(format!("unknown user type {other:?}: normal or admin"))),
    };
    Ok((given.name, Changes { password: given.password, admin, permissions: given.permissions }))
}

fn shown(user: &User) -> Value {
    json!({
        "link": { "rel": "self", "href": format!("{BASE}/{}", user.name) },
        "name": user.name,
        "type": if user.admin { "admin" } else { "normal" },
        "permissions": user.permissions,
    })
}
