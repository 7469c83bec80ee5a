//! Alerts: what an event says, the topics that events go through, and how handlers get them.
//!
//! - `level.rs`, `event.rs`: how bad it is, and what is told about it; `wire.rs` is its JSON, `template.rs` what
//!   templates of handlers see of it.
//! - `topics.rs` is where alert nodes publish and handlers subscribe; `topic.rs` one topic's events, `inhibit.rs` what
//!   one alert silences of others, `store.rs` what is kept over a restart.
//! - `handler.rs` is what sends an event away, `queue.rs` and `retry.rs` stand around it, `match_.rs` chooses its
//!   events, `kind.rs` makes it from what a user wrote, `subscribe.rs` attaches it to a topic. `testing.rs` collects
//!   events without any of that.
#![forbid(unsafe_code)]

mod event;
mod handler;
mod inhibit;
mod kind;
mod level;
mod match_;
mod queue;
mod retry;
mod store;
mod subscribe;
mod template;
pub mod testing;
mod topic;
mod topics;
mod wire;

pub use event::{Event, EventData, EventState};
pub use handler::{BoxFuture, Handler, Outcome};
pub use inhibit::{Inhibitor, Inhibitors};
pub use kind::{Global, HandlerOptions, Kind, KindBuilder, Kinds, OpenError, Place};
pub use level::{Level, UnknownLevel};
pub use match_::{MatchError, Matcher};
pub use queue::{Counts, QueueOptions};
pub use retry::RetryPolicy;
pub use store::{MemoryStore, NoStore, StoreError, TopicStore};
pub use subscribe::{HandlerSpec, Prepared, SpecError, TopicHandlers};
pub use topics::{Delivery, HandlerId, HandlerStatus, Subscription, TopicError, TopicStatus, Topics};
