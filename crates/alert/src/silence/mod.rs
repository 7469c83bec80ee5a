//! What users hold back for a while: silences, maintenance windows, and alerts that somebody has taken care of.
//!
//! `matcher.rs` says which events are meant, `window.rs` when; this file keeps them all and judges events.

mod matcher;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{Event, Level};
use matcher::EventMatcher;
use window::Window;

/// What a user wants to hold back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SilenceSpec {
    /// Names it.
    pub id: String,
    /// All must fit an event: `topic=cpu`, `tag.host=~^web`, `level!=CRITICAL`.
    pub matchers: Vec<String>,
    /// Nanoseconds since 1970, as all times here.
    pub start: i64,
    /// `None`: it has no end.
    pub end: Option<i64>,
    /// It holds back within windows only.
    pub recurring: Option<Recurring>,
    pub author: String,
    pub comment: String,
}

/// Windows that come again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recurring {
    /// When a window begins: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// Nanoseconds that it lasts.
    pub duration: i64,
    /// `Europe/Berlin`; empty for UTC.
    pub zone: String,
}

/// What is wrong with a silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    #[error("a silence needs a matcher, such as topic=cpu or tag.host=~^web; to hold back all, use topic=~.")]
    NoMatcher,
    #[error("matcher {text:?}: {why}")]
    Matcher { text: String, why: String },
    #[error("cron {text:?}: {why}")]
    Cron { text: String, why: String },
    #[error("unknown time zone {0:?}: expected a name such as Europe/Berlin")]
    Zone(String),
    #[error("a silence must end after it starts")]
    Backwards,
    #[error("a window needs a duration of more than 0")]
    NoDuration,
}

/// A silence, ready to judge events.
#[derive(Debug)]
struct Silence {
    spec: SilenceSpec,
    matchers: Vec<EventMatcher>,
    window: Window,
    held: AtomicU64,
}

/// Whether a silence holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceState {
    /// Not yet, or not until its next window.
    Pending,
    Active,
    /// Never again.
    Expired,
}

impl SilenceState {
    pub fn name(self) -> &'static str {
        match self {
            SilenceState::Pending => "pending",
            SilenceState::Active => "active",
            SilenceState::Expired => "expired",
        }
    }
}

/// Why an event is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Silence { id: Arc<str>, author: Arc<str>, comment: Arc<str> },
    Acknowledged { author: Arc<str>, comment: Arc<str> },
}

impl Reason {
    /// The reason is over, and the event not told yet.
    pub(crate) fn over() -> Reason {
        Reason::Silence { id: Arc::default(), author: Arc::default(), comment: "it has ended".into() }
    }
}

/// Somebody takes care of an alert: it is not told again until it has recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub topic: String,
    /// The id of the event.
    pub event: String,
    pub author: String,
    pub comment: String,
    /// When it was made, nanoseconds since 1970.
    pub time: i64,
}

/// All silences and acknowledgements.
#[derive(Debug, Default)]
pub struct Silences {
    /// Most daemons have none, so most events ask no more.
    any: AtomicBool,
    all: RwLock<All>,
    /// Acknowledged alerts that have recovered, to be forgotten by the store, too.
    recovered: RwLock<Vec<(String, String)>>,
}

#[derive(Debug, Default)]
struct All {
    silences: BTreeMap<String, Silence>,
    acknowledged: HashMap<(String, String), Acknowledgement>,
}

impl Silence {
    fn new(spec: SilenceSpec) -> Result<Silence, SilenceError> {
        if spec.matchers.is_empty() {
            return Err(SilenceError::NoMatcher);
        }
        let matchers = spec.matchers.iter().map(|text| EventMatcher::parse(text)).collect::<Result<_, _>>()?;
        let window = Window::new(&spec)?;
        Ok(Silence { spec, matchers, window, held: AtomicU64::new(0) })
    }

    fn fits(&self, event: &Event) -> bool {
        self.matchers.iter().all(|matcher| matcher.fits(event))
    }
}

/// A silence as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceStatus {
    pub spec: SilenceSpec,
    pub state: SilenceState,
    /// Events that it has held back since the daemon started.
    pub held: u64,
}

impl Silences {
    /// Checks a silence without taking it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(spec: &SilenceSpec) -> Result<(), SilenceError> {
        Silence::new(spec.clone()).map(drop)
    }

    /// Takes a silence, in place of the one of its id.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn put(&self, spec: SilenceSpec) -> Result<(), SilenceError> {
        let silence = Silence::new(spec)?;
        let mut all = self.write();
        if let Some(before) = all.silences.get(&silence.spec.id) {
            silence.held.store(before.held.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        all.silences.insert(silence.spec.id.clone(), silence);
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// Forgets a silence; whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut all = self.write();
        let removed = all.silences.remove(id).is_some();
        self.any.store(!all.is_empty(), Ordering::Release);
        removed
    }

    /// All silences by id.
    pub fn list(&self, now: i64) -> Vec<SilenceStatus> {
        let status = |silence: &Silence| SilenceStatus {
            spec: silence.spec.clone(),
            state: silence.window.state(now),
            held: silence.held.load(Ordering::Relaxed),
        };
        self.read().silences.values().map(status).collect()
    }

    pub fn acknowledge(&self, acknowledgement: Acknowledgement) {
        let key = (acknowledgement.topic.clone(), acknowledgement.event.clone());
        self.write().acknowledged.insert(key, acknowledgement);
        self.any.store(true, Ordering::Release);
    }

    /// Takes an acknowledgement back; whether there was one.
    pub fn withdraw(&self, topic: &str, event: &str) -> bool {
        let mut all = self.write();
        let removed = all.acknowledged.remove(&(topic.to_string(), event.to_string())).is_some();
        self.any.store(!all.is_empty(), Ordering::Release);
        removed
    }

    /// All acknowledgements, by topic and event.
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        let mut all: Vec<_> = self.read().acknowledged.values().cloned().collect();
        all.sort_by(|a, b| (&a.topic, &a.event).cmp(&(&b.topic, &b.event)));
        all
    }

    /// Acknowledged alerts (topic and event) that have recovered since this was last asked.
    pub fn take_recovered(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.recovered.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// When a silence that holds back now does so no more, at the earliest.
    pub fn next_end(&self, now: i64) -> Option<i64> {
        self.read().silences.values().filter_map(|silence| silence.window.end_of_current(now)).min()
    }

    /// Whether anything may be held back.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Why an event is held back, if it is. One that tells that all is well again ends its acknowledgement.
    pub(crate) fn judge(&self, event: &Event, now: i64) -> Option<Reason> {
        if self.is_empty() {
            return None;
        }
        let all = self.read();
        let held_by = all.silences.values().find(|silence| silence.window.holds(now) && silence.fits(event));
        let key = || (event.topic.to_string(), event.state.id.to_string());
        let acknowledged = if all.acknowledged.is_empty() { None } else { all.acknowledged.get(&key()) };
        if event.state.level == Level::Ok && acknowledged.is_some() {
            let reason = held_by.map(Silence::reason);
            drop(all);
            let (topic, id) = key();
            self.withdraw(&topic, &id);
            self.recovered.write().unwrap_or_else(PoisonError::into_inner).push((topic, id));
            return reason;
        }
        match (held_by, acknowledged) {
            (Some(silence), _) => Some(silence.reason()),
            (None, Some(Acknowledgement { author, comment, .. })) => {
                Some(Reason::Acknowledged { author: author.as_str().into(), comment: comment.as_str().into() })
            }
            (None, None) => None,
        }
    }

    /// An event was held back.
    pub(crate) fn count(&self, reason: &Reason) {
        if let Reason::Silence { id, .. } = reason
            && let Some(silence) = self.read().silences.get(&**id)
        {
            silence.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, All> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Silence {
    fn reason(&self) -> Reason {
        let SilenceSpec { id, author, comment, .. } = &self.spec;
        Reason::Silence { id: id.as_str().into(), author: author.as_str().into(), comment: comment.as_str().into() }
    }
}

impl All {
    fn is_empty(&self) -> bool {
        self.silences.is_empty() && self.acknowledged.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn spec(id: &str, matchers: &[&str], start: i64, end: i64) -> SilenceSpec {
        let matchers = matchers.iter().map(ToString::to_string).collect();
        SilenceSpec { id: id.into(), matchers, start, end: Some(end), ..SilenceSpec::default() }
    }

    #[test]
    fn a_silence_holds_back_what_fits_while_it_lasts() {
        let silences = Silences::default();
        let warning = event("t", "a", Level::Warning);
        assert!(silences.is_empty() && silences.judge(&warning, 15).is_none());
        silences.put(spec("s", &["topic=t", "level!=CRITICAL"], 10, 20)).unwrap();
        let judged = |event: &Event, now| silences.judge(event, now).is_some();
        assert!(!judged(&warning, 9) && judged(&warning, 10) && !judged(&warning, 20));
        assert!(!judged(&event("t", "a", Level::Critical), 15) && !judged(&event("u", "a", Level::Warning), 15));
        let states: Vec<_> = [5, 15, 25].iter().map(|now| silences.list(*now)[0].state.name()).collect();
        assert_eq!(states, ["pending", "active", "expired"]);
        assert_eq!((silences.next_end(5), silences.next_end(15), silences.next_end(25)), (None, Some(20), None));
        assert!(silences.remove("s") && silences.is_empty());
    }

    #[test]
    fn an_acknowledgement_lasts_until_the_alert_has_recovered() {
        let silences = Silences::default();
        let acknowledgement = Acknowledgement {
            topic: "t".into(),
            event: "a".into(),
            author: "me".into(),
            comment: String::new(),
            time: 0,
        };
        silences.acknowledge(acknowledgement);
        for level in [Level::Warning, Level::Critical] {
            let reason = silences.judge(&event("t", "a", level), 0);
            assert!(matches!(reason, Some(Reason::Acknowledged { author, .. }) if &*author == "me"));
        }
        assert_eq!(silences.judge(&event("t", "b", Level::Critical), 0), None);
        assert_eq!(silences.judge(&event("t", "a", Level::Ok), 0), None);
        assert_eq!(silences.take_recovered(), [("t".to_string(), "a".to_string())]);
        assert_eq!(silences.judge(&event("t", "a", Level::Critical), 0), None);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (wrong, want) in [
            (spec("s", &[], 0, 1), "a silence needs a matcher"),
            (spec("s", &["host=a"], 0, 1), "there is no \"host\""),
            (spec("s", &["topic"], 0, 1), "NAME=VALUE"),
            (spec("s", &["topic=~("], 0, 1), "matcher \"topic=~(\": "),
            (spec("s", &["level=bad"], 0, 1), "unknown alert level"),
            (spec("s", &["id=a"], 1, 1), "must end after"),
        ] {
            let error = Silences::check(&wrong).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
