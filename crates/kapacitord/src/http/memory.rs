//! `/memory`: what holds how much, and the limits.

use std::sync::Arc;

use api::memory::Memory;
use axum::extract::{RawQuery, State};

use super::{
    Api,
    answer::{Answered, Params, aside, json},
    description::{Operation, Parameter, Routes},
};
use crate::definitions::Refused;

pub(super) fn routes() -> Routes {
    Routes::of("system").add(
        Operation::get("/memory", "What holds how much memory, and the limits.")
            .query(&[Parameter::new("task", "Only this task of the tasks.")])
            .gives::<Memory>(200)
            .fails(&[404]),
        memory,
    )
}

async fn memory(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Answered {
    let task = Params::of(query.as_deref()).get("task").to_string();
    let connections = api.connections.shown();
    let mut memory = aside(move || Ok(api.budgets.shown())).await?;
    memory.connections = connections;
    if !task.is_empty() {
        memory.tasks.retain(|found| found.id == task);
        if memory.tasks.is_empty() {
            return Err(Refused::missing(format!("no task {task} runs")));
        }
    }
    json(&memory)
}
