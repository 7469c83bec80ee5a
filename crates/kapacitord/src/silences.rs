//! Silences and acknowledgements as users change them: kept in the store, and what they held back told when they end.

use std::sync::Arc;
use std::time::Duration;

use alert::{Acknowledgement, Recurring, SilenceError, SilenceSpec, SilenceState, SilenceStatus, Topics};
use store::{Store, silences as stored};
use tokio::sync::{Notify, watch};

use crate::definitions::now;

/// So long after its end a silence is still listed.
const REMEMBERED: i64 = 30 * 24 * 3600 * 1_000_000_000;
/// What has ended is looked for at least so often: a clock may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// See the module.
pub struct SilenceKeeper {
    topics: Arc<Topics>,
    store: Store,
    changed: Notify,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum SilenceRefused {
    #[error(transparent)]
    Wrong(#[from] SilenceError),
    #[error("unknown silence: {0:?}")]
    Missing(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl SilenceKeeper {
    /// Takes up what is stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(topics: Arc<Topics>, store: Store) -> Result<SilenceKeeper, store::Error> {
        let silences = topics.silences();
        for silence in store.silences().list()? {
            if silence.end.is_some_and(|end| end.saturating_add(REMEMBERED) < now()) {
                store.silences().delete(&silence.id)?;
                continue;
            }
            let id = silence.id.clone();
            if let Err(why) = silences.put(spec(silence)) {
                tracing::error!(silence = id, "a stored silence does not hold: {why}");
            }
        }
        for kept in store.silences().acknowledgements()? {
            let stored::Acknowledgement { topic, event, author, comment, time } = kept;
            silences.acknowledge(Acknowledgement { topic, event, author, comment, time });
        }
        topics.restore_held();
        Ok(SilenceKeeper { topics, store, changed: Notify::new() })
    }

    /// Looks after what has ended, until the daemon stops.
    pub async fn keep(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        loop {
            let keeper = Arc::clone(&self);
            let looking = tokio::task::spawn_blocking(move || keeper.look()).await;
            let wait = looking.unwrap_or(LONGEST_WAIT);
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stopping.changed() => return,
            }
        }
    }

    /// Tells what is held back no more; how long until there may be more to do.
    fn look(&self) -> Duration {
        for (topic, event) in self.topics.silences().take_recovered() {
            if let Err(why) = self.store.silences().withdraw(&topic, &event) {
                tracing::error!(topic, event, "an acknowledgement is not forgotten: {why}");
            }
        }
        let now = now();
        self.topics.release_held(now);
        let end = self.topics.silences().next_end(now);
        let wait = end.map(|end| Duration::from_nanos(u64::try_from(end.saturating_sub(now)).unwrap_or_default()));
        wait.map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT)).max(Duration::from_millis(1))
    }

    pub fn list(&self) -> Vec<SilenceStatus> {
        self.topics.silences().list(now())
    }

    pub fn get(&self, id: &str) -> Result<SilenceStatus, SilenceRefused> {
        let found = self.list().into_iter().find(|status| status.spec.id == id);
        found.ok_or_else(|| SilenceRefused::Missing(id.to_string()))
    }

    /// Stores a silence and takes it.
    pub fn put(&self, spec: SilenceSpec) -> Result<SilenceStatus, SilenceRefused> {
        alert::Silences::check(&spec)?;
        self.store.silences().put(&to_stored(&spec))?;
        let id = spec.id.clone();
        self.topics.silences().put(spec)?;
        self.changed.notify_one();
        self.get(&id)
    }

    /// Ends a silence now, and keeps it in the list.
    pub fn expire(&self, id: &str) -> Result<SilenceStatus, SilenceRefused> {
        let SilenceStatus { mut spec, state, .. } = self.get(id)?;
        if state != SilenceState::Expired {
            let now = now();
            spec.start = spec.start.min(now - 1);
            spec.end = Some(now);
        }
        self.put(spec)
    }

    /// Ends a silence and forgets it; one that is not there is gone already.
    pub fn delete(&self, id: &str) -> Result<(), SilenceRefused> {
        self.store.silences().delete(id)?;
        self.topics.silences().remove(id);
        self.changed.notify_one();
        Ok(())
    }

    /// Acknowledges an event in a topic, or in all topics in which it is not OK if the name is empty; what was made.
    pub fn acknowledge(&self, wanted: &Acknowledgement) -> Result<Vec<Acknowledgement>, store::Error> {
        let topics = self.topics.topics_not_ok(&wanted.event);
        let mut made = Vec::new();
        for topic in topics.into_iter().filter(|topic| wanted.topic.is_empty() || **topic == *wanted.topic) {
            let one = Acknowledgement { topic: topic.to_string(), time: now(), ..wanted.clone() };
            let Acknowledgement { topic, event, author, comment, time } = one.clone();
            self.store.silences().acknowledge(&stored::Acknowledgement { topic, event, author, comment, time })?;
            self.topics.silences().acknowledge(one.clone());
            made.push(one);
        }
        Ok(made)
    }

    /// Takes acknowledgements of an event back, in all topics if the name is empty; how many.
    pub fn withdraw(&self, topic: &str, event: &str) -> Result<usize, store::Error> {
        let mut count = 0;
        for one in self.topics.silences().acknowledgements() {
            if one.event == event && (topic.is_empty() || one.topic == topic) {
                self.store.silences().withdraw(&one.topic, event)?;
                self.topics.silences().withdraw(&one.topic, event);
                count += 1;
            }
        }
        self.changed.notify_one();
        Ok(count)
    }

    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.topics.silences().acknowledgements()
    }
}

fn spec(silence: stored::Silence) -> SilenceSpec {
    let stored::Silence { id, matchers, start, end, recurring, author, comment } = silence;
    let recurring = recurring.map(|(cron, duration, zone)| Recurring { cron, duration, zone });
    SilenceSpec { id, matchers, start, end, recurring, author, comment }
}

fn to_stored(spec: &SilenceSpec) -> stored::Silence {
    let SilenceSpec { id, matchers, start, end, recurring, author, comment } = spec.clone();
    let recurring = recurring.map(|Recurring { cron, duration, zone }| (cron, duration, zone));
    stored::Silence { id, matchers, start, end, recurring, author, comment }
}
