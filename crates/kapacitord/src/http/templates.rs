//! `/templates`: create, read, list, change and delete templates.

use std::sync::Arc;

use api::template::{self as shown, TemplateOptions};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    routing::any,
};
use store::Page;

use super::{
    Api,
    answer::{Answered, Params, aside, json, nothing},
    description::{FIELDS, LIMIT, OFFSET, Operation, PATTERN, Routes},
    json_body::json_body,
    tasks::{SCRIPT_FORMAT, fields, listed, script_format},
};
use crate::definitions::Refused;

pub(super) fn routes() -> Routes {
    Routes::of("templates")
        .add(
            Operation::get("/templates", "List templates.")
                .query(&[PATTERN, FIELDS.words(shown::FIELDS), OFFSET, LIMIT, SCRIPT_FORMAT])
                .gives::<shown::TemplateList>(200)
                .fails(&[400]),
            list,
        )
        .add(
            Operation::post("/templates", "Define a template.")
                .takes::<TemplateOptions>()
                .gives::<shown::Template>(200)
                .fails(&[400]),
            create,
        )
        .silent("/templates/", any(no_id))
        .add(
            Operation::get("/templates/{id}", "Show a template.")
                .query(&[SCRIPT_FORMAT])
                .gives::<shown::Template>(200)
                .fails(&[400, 404]),
            show,
        )
        .add(
            Operation::patch("/templates/{id}", "Change a template and all tasks made of it, or nothing.")
                .takes::<TemplateOptions>()
                .gives::<shown::Template>(200)
                .fails(&[400, 404, 500]),
            update,
        )
        .add(Operation::delete("/templates/{id}", "Delete a template; its tasks stay.").gives_nothing(), delete)
}

pub(super) async fn list(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let params = Params::of(query.as_deref());
    let fields = fields(&params, shown::FIELDS, Some("vars"))?;
    let format = script_format(&params)?;
    let (offset, limit) = params.page()?;
    let pattern = params.get("pattern").to_string();
    let templates =
        aside(move || api.definitions.templates(&Page { pattern: &pattern, offset, limit }, format)).await?;
    let items = templates.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    listed("templates", items.map_err(|error| Refused::failed(error.to_string()))?, &fields)
}

pub(super) async fn no_id() -> Answered {
    Err(Refused::bad("must specify template id on path"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answered {
    // That the template is not there is told first.
    let format = script_format(&Params::of(query.as_deref()));
    let shown_as = format.as_ref().copied().unwrap_or_default();
    let template = aside(move || api.definitions.template(&id, shown_as)).await?;
    format?;
    json(&template)
}

pub(super) async fn create(State(api): State<Arc<Api>>, body: Bytes) -> Answered {
    let options = options(&body)?;
    json(&aside(move || api.definitions.create_template(&options)).await?)
}

pub(super) async fn update(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Answered {
    let options = options(&body)?;
    json(&aside(move || api.definitions.update_template(&id, &options)).await?)
}

pub(super) async fn delete(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answered {
    aside(move || api.definitions.delete_template(&id)).await?;
    Ok(nothing())
}

fn options(body: &[u8]) -> Result<TemplateOptions, Refused> {
    json_body(body).map_err(|error| Refused::bad(format!("invalid JSON: {error}")))
}
