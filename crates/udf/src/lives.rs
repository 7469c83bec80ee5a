//! One life of a function after the other: started again with what it remembered, ever later, as long as there is hope.

use std::{any::Any, sync::Arc, time::Duration};

use model::LiveSchema;
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};

use crate::{
    Function, Link, Output, Target, Terms,
    life::{Ending, Learnt, Life, Surroundings, UNREAD},
    link::Outbox,
    peer::open,
};

/// What there is to know of a function that was started.
pub enum News {
    /// Points and batches that it gave. Nothing more than a few MiB is read from it before the second is dropped.
    Data(Output, Box<dyn Any + Send>),
    /// The link was full and has room again.
    Room,
    /// It works.
    Up,
    /// It died, and is started again after this time.
    Down { why: String, again_in: Duration },
    /// What it remembers.
    Snapshot(Vec<u8>),
    /// It is not started again. The last news.
    Failed(String),
    /// It came to its end, as it was asked to. The last news.
    Closed,
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    Warn,
    Error,
}

/// Who hears of a function. Neither call may wait.
pub trait Listener: Send + Sync + 'static {
    fn news(&self, news: News);
    /// A line for the log.
    fn log(&self, level: Level, line: &str);
}

/// A function that died is started again after this time, and each time twice as long up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// One that lived for so long was well: the next pause is the first one again.
const WELL: Duration = Duration::from_secs(30);
/// Through longer pauses data do not wait: what does not fit is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a socket may take to be there at all.
pub(crate) const DIALLING: Duration = Duration::from_secs(300);

/// Start a function for a node; it ends with its link.
pub fn start(
    runtime: &Handle,
    function: Arc<Function>,
    terms: Terms,
    schema: impl Into<LiveSchema>,
    listener: Arc<dyn Listener>,
) -> Link {
    let outbox = Arc::new(Outbox::default());
    let (link, schema) = (Link::new(Arc::clone(&outbox)), schema.into());
    runtime.spawn(async move {
        let unread = Arc::new(Semaphore::new(UNREAD));
        let around = Surroundings {
            function: &function,
            terms: &terms,
            outbox: &outbox,
            listener: &listener,
            schema: &schema,
            unread: &unread,
        };
        let lives = Lives {
            known: Learnt { snapshot: terms.snapshot.clone(), ..Learnt::default() },
            began: Instant::now(),
            pause: FIRST_PAUSE,
            around,
        };
        listener.news(lives.live().await);
    });
    link
}

struct Lives<'a> {
    around: Surroundings<'a>,
    /// Of all lives so far.
    known: Learnt,
    began: Instant,
    pause: Duration,
}

/// What follows the end of a life.
enum Then {
    Last(News),
    Again(String),
}

impl Lives<'_> {
    /// All lives; the last news.
    async fn live(mut self) -> News {
        loop {
            let began = Instant::now();
            let then = match open(self.around.function, self.around.listener).await {
                Ok(peer) => {
                    let mut life = Life::new(&self.around, peer, self.known.snapshot.take());
                    let ending = life.live().await;
                    let learnt = std::mem::take(&mut life.learnt);
                    drop(life);
                    self.learn(learnt);
                    self.then(ending)
                }
                Err(why) => self.not_opened(why),
            };
            let why = match then {
                Then::Last(news) => return news,
                Then::Again(why) => why,
            };
            if began.elapsed() > WELL {
                self.pause = FIRST_PAUSE;
            }
            let pause = self.pause;
            self.pause = (pause * 2).min(LONGEST_PAUSE);
            self.around.listener.log(Level::Error, &format!("{why}; it is started again in {pause:?}"));
            self.around.listener.news(News::Down { why, again_in: pause });
            if self.rest(pause).await {
                return News::Closed;
            }
        }
    }

    fn learn(&mut self, learnt: Learnt) {
        self.known.worked |= learnt.worked;
        self.known.keeps_alive |= learnt.keeps_alive;
        self.known.snapshot = learnt.snapshot;
    }

    fn then(&mut self, ending: Ending) -> Then {
        let worked = self.known.worked;
        if self.around.outbox.is_closed() {
            // It was to end anyway.
            if let Some(why) = ending.why() {
                self.around.listener.log(Level::Warn, &format!("{why}, while it was ending"));
            }
            return Then::Last(News::Closed);
        }
        let (why, hope) = match ending {
            Ending::Finished | Ending::Aborted => return Then::Last(News::Closed),
            Ending::Died(why) => (why, worked),
            // What never answers was not made to, or is stuck from its beginning.
            Ending::Silent(why) => (why, worked && self.known.keeps_alive),
            Ending::Refused(why) => (why, worked),
            Ending::Unrestored(why) => {
                if worked {
                    self.known.snapshot = None;
                    self.around.listener.log(Level::Error, "its snapshot is given up: it starts with nothing");
                }
                (why, worked)
            }
            Ending::Failed(why) => (why, worked && self.around.function.restart_after_errors),
        };
        if hope { Then::Again(why) } else { Then::Last(News::Failed(why)) }
    }

    /// A socket may be there later. A program that cannot be started is wrong, unless it once was there.
    fn not_opened(&self, why: String) -> Then {
        let may_come = matches!(self.around.function.target, Target::Socket(_)) && self.began.elapsed() < DIALLING;
        if self.known.worked || may_come { Then::Again(why) } else { Then::Last(News::Failed(why)) }
    }

    /// Wait between two lives; true if there is no need for another. Data wait as well, but not through a long pause.
    async fn rest(&self, pause: Duration) -> bool {
        let outbox = self.around.outbox;
        if pause > PATIENCE && outbox.drop_more() {
            self.around.listener.news(News::Room);
        }
        let until = Instant::now() + pause;
        while !outbox.is_aborted() && !outbox.is_closed() {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return false,
                () = outbox.changed() => {}
            }
        }
        true
    }
}
