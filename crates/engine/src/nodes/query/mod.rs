//! What asks an InfluxDB again and again: `|query` in InfluxQL, `|queryFlux` in Flux, `|querySQL` in SQL.
//!
//! Each is a definition of its own; `asking.rs` is the node that they become, `schedule.rs` says when it asks.

mod asking;
mod flux;
mod influxql;
mod schedule;
mod sql;

use std::any::Any;

use lambda::Zone;
use model::Time;

pub use flux::QueryFlux;
pub use influxql::Query;
pub use sql::QuerySql;

use crate::{BuildError, InfluxQuery};
use asking::Ask;
use schedule::Schedule;

/// Queries one after the other.
pub type Queries = Box<dyn Iterator<Item = InfluxQuery> + Send>;

/// A definition that asks: recordings ask what it would have asked.
pub trait Asks {
    /// The queries that it would have asked, in order.
    ///
    /// # Errors
    /// What is wrong with the query.
    fn queries(&self, span: &Span<'_>) -> Result<Queries, BuildError>;

    /// The databases and retention policies that it reads, as far as it says; none if it cannot be understood.
    fn reads(&self) -> Vec<(String, String)>;
}

/// What queries are wanted for a recording.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The times at which they would have been asked: after `start`, up to `stop`.
    pub start: Time,
    pub stop: Time,
    /// Those whose period ends later are left out.
    pub now: Time,
    pub zone: Zone,
    /// What the task may read.
    pub dbrps: &'a [(String, String)],
}

/// The definition of a node of a pipeline, if it is one that asks.
pub fn asks(definition: &dyn Any) -> Option<&dyn Asks> {
    if let Some(query) = definition.downcast_ref::<Query>() {
        return Some(query);
    }
    if let Some(query) = definition.downcast_ref::<QueryFlux>() {
        return Some(query);
    }
    definition.downcast_ref::<QuerySql>().map(|query| query as &dyn Asks)
}

/// All queries of a schedule within a span.
fn within(span: &Span<'_>, schedule: Schedule, mut ask: impl Ask + 'static) -> Queries {
    let Span { start: mut tick, stop, now, .. } = *span;
    Box::new(std::iter::from_fn(move || {
        tick = schedule.next(tick).filter(|&next| next <= stop && next > tick)?;
        (tick.saturating_sub(ask.offset()) <= now).then(|| ask.at(tick))
    }))
}
