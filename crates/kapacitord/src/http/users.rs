//! `/users`: who may use the daemon. There are none unless `[auth]` is on.

use std::sync::Arc;

use api::{
    link::Link,
    user::{self as shape, UserOptions, UserType},
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    routing::any,
};
use store::{Page, users::User};

use super::{
    Api,
    answer::values,
    answer::{Answered, Params, aside, json as pretty, nothing},
    description::{FIELDS, LIMIT, OFFSET, Operation, PATTERN, Routes},
    json_body::json_body,
    tasks::{fields, listed},
};
use crate::{
    definitions::Refused,
    users::{Changes, Users},
};

pub(super) fn routes() -> Routes {
    Routes::of("users")
        .add(
            Operation::get("/users", "List users. Users are there if `[auth]` is on.")
                .query(&[PATTERN, FIELDS.words(shape::FIELDS), OFFSET, LIMIT])
                .gives::<shape::UserList>(200)
                .fails(&[400, 404]),
            list,
        )
        .add(
            Operation::post("/users", "Make a user.")
                .takes::<UserOptions>()
                .gives::<shape::User>(200)
                .fails(&[400, 404]),
            create,
        )
        .silent("/users/", any(no_name))
        .add(Operation::get("/users/{name}", "Show a user.").gives::<shape::User>(200).fails(&[404]), show)
        .add(
            Operation::patch("/users/{name}", "Change what is named of a user.")
                .takes::<UserOptions>()
                .gives::<shape::User>(200)
                .fails(&[400, 404, 500]),
            update,
        )
        .add(Operation::delete("/users/{name}", "Delete a user.").gives_nothing().fails(&[404]), delete)
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let users = users(&api)?;
    let params = Params::of(query.as_deref());
    let mut fields = fields(&params, shape::FIELDS, None)?;
    fields.push("name".to_string());
    let (offset, limit) = (params.number("offset", 0)?, params.number("limit", 100)?);
    let pattern = params.get("pattern").to_string();
    let found = aside(move || users.list(&Page { pattern: &pattern, offset, limit })).await?;
    listed("users", values(found.iter().map(shown))?, &fields)
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
    let given: UserOptions = json_body(body).map_err(|error| Refused::bad(format!("invalid JSON: {error}")))?;
    let admin = match given.user_type.as_deref() {
        None | Some("") => None,
        Some("normal") => Some(false),
        Some("admin") => Some(true),
        Some(other) => return Err(Refused::bad(format!("unknown user type {other:?}: normal or admin"))),
    };
    Ok((given.name, Changes { password: given.password, admin, permissions: given.permissions }))
}

fn shown(user: &User) -> shape::User {
    shape::User {
        link: Link::to_self(format!("{}/{}", shape::PATH, user.name)),
        name: user.name.clone(),
        user_type: if user.admin { UserType::Admin } else { UserType::Normal },
        permissions: user.permissions.clone(),
    }
}
