//! Alerts: what an event says, the topics that events go through, and how handlers get them.
//!
//! - `level.rs`, `event.rs`: how bad it is, and what is told about it; `wire.rs` is its JSON, `template.rs` what
//!   templates of handlers see of it.
//! - `topics.rs` is where alert nodes publish and handlers subscribe; `topic.rs` one topic's events, `inhibit.rs` what
//!   one alert silences of others, `store.rs` what is kept over a restart.
//! - `outbox/` keeps events until they are sent, and those that were given up.
//! - `silence/` is what users hold back.
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
mod outbox;
mod packed;
mod queue;
mod retry;
mod silence;
mod store;
mod subscribe;
mod template;
pub mod testing;
mod topic;
mod topics;
mod wire;

pub use event::{Event, EventData, EventState};
pub use handler::{BoxFuture, Handler, Opener, Outcome};
pub use inhibit::{Inhibitor, Inhibitors};
pub use kind::{Global, HandlerOptions, Kind, KindBuilder, Kinds, OpenError, Place};
pub use level::{Level, UnknownLevel};
pub use match_::{MatchError, Matcher};
pub use outbox::{DeadLetter, Death, Known, Letters, Outbox, OutboxCounts, OutboxOpened, OutboxOptions, Stepper};
pub use queue::{Counts, QueueOptions};
pub use retry::RetryPolicy;
pub use silence::{
    Acknowledgement, Reason, Recurring, SilenceError, SilenceSpec, SilenceState, SilenceStatus, Silences,
};
pub use store::{MemoryStore, NoStore, StoreError, TopicStore};
pub use subscribe::{HandlerSpec, Prepared, SpecError, TopicHandlers};
pub use topics::{
    Attachment, Clock, Delivery, DeliveryStatus, HandlerId, HandlerStatus, HeldStatus, Subscription, TopicError,
    TopicStatus, Topics,
};

/// In the outbox, the handler of events that are held back.
pub(crate) const HELD: &str = "\0held";
