//! What sends an event away.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::Event;

/// Makes another handler of the same options.
pub type Opener = Arc<dyn Fn() -> Result<Box<dyn Handler>, crate::OpenError> + Send + Sync>;

/// A future that a trait's method returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends events to one place. A queue stands before it, so it gets one event at a time and may take its time; retry
/// stands around it, so it tries once and says how it went.
pub trait Handler: Send {
    /// Sends an event.
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome>;

    /// How many events of different ids may be on their way at the same time, each by a handler of its own that is made
    /// of the same options. More than one is used only if the other side is slow or many events wait.
    fn at_once(&self) -> usize {
        1
    }

    /// How many events `handle_all` takes at once, if so many wait.
    fn most_at_once(&self) -> usize {
        1
    }

    /// How long an event may wait for others to go with it, unless `most_at_once` are there.
    fn gathers(&self) -> Duration {
        Duration::ZERO
    }

    /// Sends several events, oldest first: for handlers that are quicker with many at once. What goes wrong goes wrong
    /// for all of them, so a retry sends all of them again.
    fn handle_all<'a>(&'a mut self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            for event in events {
                let outcome = self.handle(event).await;
                if outcome != Outcome::Done {
                    return outcome;
                }
            }
            Outcome::Done
        })
    }

    /// When `flush` wants to be called, for handlers that collect events before they send them.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Sends what was collected: called when it is due, and once at the end.
    fn flush(&mut self) -> BoxFuture<'_, Outcome> {
        Box::pin(std::future::ready(Outcome::Done))
    }
}

/// How an attempt to send went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It may work later; not before `after`, if the other side said so.
    Retry {
        why: String,
        after: Option<Duration>,
    },
    /// It will not work later either.
    GiveUp(String),
}

impl Outcome {
    /// It may work later.
    pub fn retry(why: impl Into<String>) -> Self {
        Outcome::Retry { why: why.into(), after: None }
    }

    /// It will not work later either.
    pub fn give_up(why: impl Into<String>) -> Self {
        Outcome::GiveUp(why.into())
    }
}
