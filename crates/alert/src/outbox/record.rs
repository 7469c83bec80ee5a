//! What the outbox writes to its journal, as bytes: events, and what became of them.

use std::sync::Arc;

use model::Value;

use super::Death;
use crate::{Event, EventData, EventState, Level};

/// Raised with any change that an older reader would stumble over.
const VERSION: u8 = 1;

/// One record of the journal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    /// An event, with the handlers that have not got it yet. A later one of the same number replaces it.
    Event { number: u64, raised: i64, to: Vec<(Arc<str>, Option<Death>)>, event: Arc<Event> },
    /// The state of an event that no handler waits for.
    State { number: u64, topic: Arc<str>, state: EventState },
    /// A handler has got it, or never will.
    Done { number: u64, to: Arc<str> },
    /// A handler was given up.
    Dead { number: u64, to: Arc<str>, death: Death },
    /// A dead letter is to be sent once more.
    Again { number: u64, to: Arc<str> },
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is of a newer version")]
    Newer,
    #[error("it is not complete")]
    Short,
    #[error("it makes no sense")]
    Senseless,
}

impl Record {
    /// That of the event.
    pub(super) fn number(&self) -> u64 {
        let (Record::Event { number, .. }
        | Record::State { number, .. }
        | Record::Done { number, .. }
        | Record::Dead { number, .. }
        | Record::Again { number, .. }) = self;
        *number
    }

    /// Whose way with an event it tells; `None` for the event itself.
    pub(super) fn handler(&self) -> Option<&Arc<str>> {
        match self {
            Record::Event { .. } | Record::State { .. } => None,
            Record::Done { to, .. } | Record::Dead { to, .. } | Record::Again { to, .. } => Some(to),
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Writer(out);
        out.byte(VERSION);
        match self {
            Record::Event { number, raised, to, event } => {
                out.byte(0);
                out.u64(*number);
                out.i64(*raised);
                out.count(to.len());
                for (name, death) in to {
                    out.text(name);
                    out.byte(u8::from(death.is_some()));
                    if let Some(death) = death {
                        out.death(death);
                    }
                }
                out.event(event);
            }
            Record::Done { number, to } => out.about(1, *number, to),
            Record::Dead { number, to, death } => {
                out.about(2, *number, to);
                out.death(death);
            }
            Record::Again { number, to } => out.about(3, *number, to),
            Record::State { number, topic, state } => {
                out.about(4, *number, topic);
                out.state(state);
                out.byte(state.level as u8);
            }
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Record, Unreadable> {
        let mut from = Reader(bytes);
        if from.byte()? != VERSION {
            return Err(Unreadable::Newer);
        }
        let kind = from.byte()?;
        let number = from.u64()?;
        Ok(match kind {
            0 => {
                let raised = from.i64()?;
                let to = from.list(|from| {
                    let name = from.text()?;
                    let dead = from.byte()? != 0;
                    Ok((name, dead.then(|| from.death()).transpose()?))
                })?;
                Record::Event { number, raised, to, event: Arc::new(from.event()?) }
            }
            1 => Record::Done { number, to: from.text()? },
            2 => Record::Dead { number, to: from.text()?, death: from.death()? },
            3 => Record::Again { number, to: from.text()? },
            4 => {
                let topic = from.text()?;
                let state = from.state()?;
                Record::State { number, topic, state: EventState { level: from.level()?, ..state } }
            }
            _ => return Err(Unreadable::Senseless),
        })
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn about(&mut self, kind: u8, number: u64, to: &str) {
        self.byte(kind);
        self.u64(number);
        self.text(to);
    }

    fn death(&mut self, death: &Death) {
        self.text(&death.why);
        self.i64(death.time);
        self.u64(u64::from(death.attempts));
    }

    /// All but the level.
    fn state(&mut self, state: &EventState) {
        for text in [&state.id, &state.message, &state.details] {
            self.text(text);
        }
        self.i64(state.time);
        self.i64(state.duration);
    }

    fn event(&mut self, event: &Event) {
        let Event { topic, state, data, previous, no_external, hops } = event;
        self.text(topic);
        self.state(state);
        for byte in [state.level as u8, *previous as u8, u8::from(*no_external), *hops, u8::from(data.recoverable)] {
            self.byte(byte);
        }
        for text in [&data.name, &data.task_name, &data.category, &data.group, &data.series] {
            self.text(text);
        }
        self.count(data.tags.len());
        for (key, value) in &data.tags {
            self.text(key);
            self.text(value);
        }
        self.count(data.fields.len());
        for (name, value) in &data.fields {
            self.text(name);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Float(value) => {
                self.byte(0);
                self.u64(value.to_bits());
            }
            Value::Int(value) => {
                self.byte(1);
                self.i64(*value);
            }
            Value::String(text) => {
                self.byte(2);
                self.text(text);
            }
            Value::Bool(value) => {
                self.byte(3);
                self.byte(u8::from(*value));
            }
            Value::Duration(nanos) => {
                self.byte(4);
                self.i64(*nanos);
            }
            Value::Time(nanos) => {
                self.byte(5);
                self.i64(*nanos);
            }
            Value::Null => self.byte(6),
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable::Short)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.array::<1>()?[0])
    }

    fn u64(&mut self) -> Result<u64, Unreadable> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, Unreadable> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, Unreadable> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn text(&mut self) -> Result<Arc<str>, Unreadable> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map(Arc::from).map_err(|_| Unreadable::Senseless)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, Unreadable>) -> Result<Vec<T>, Unreadable> {
        let count = self.count()?;
        // Each item takes a byte at least, so a senseless count ends early.
        (0..count).map(|_| item(self)).collect()
    }

    fn level(&mut self) -> Result<Level, Unreadable> {
        let byte = self.byte()?;
        Level::ALL.get(usize::from(byte)).copied().ok_or(Unreadable::Senseless)
    }

    fn death(&mut self) -> Result<Death, Unreadable> {
        let (why, time, attempts) = (self.text()?, self.i64()?, self.u64()?);
        Ok(Death { why, time, attempts: u32::try_from(attempts).unwrap_or(u32::MAX) })
    }

    /// All but the level.
    fn state(&mut self) -> Result<EventState, Unreadable> {
        let (id, message, details) = (self.text()?, self.text()?, self.text()?);
        let (time, duration) = (self.i64()?, self.i64()?);
        Ok(EventState { id, message, details, time, duration, level: Level::Ok })
    }

    fn event(&mut self) -> Result<Event, Unreadable> {
        let topic = self.text()?;
        let state = self.state()?;
        let (level, previous) = (self.level()?, self.level()?);
        let (no_external, hops, recoverable) = (self.byte()? != 0, self.byte()?, self.byte()? != 0);
        let (name, task_name, category) = (self.text()?, self.text()?, self.text()?);
        let (group, series) = (self.text()?, self.text()?);
        let tags = self.list(|from| Ok((from.text()?, from.text()?)))?;
        let fields = self.list(|from| Ok((from.text()?, from.value()?)))?;
        let state = EventState { level, ..state };
        let data = EventData { name, task_name, category, group, tags, fields, recoverable, series };
        Ok(Event { previous, no_external, hops, ..Event::new(topic, state, data) })
    }

    fn value(&mut self) -> Result<Value, Unreadable> {
        Ok(match self.byte()? {
            0 => Value::Float(f64::from_bits(self.u64()?)),
            1 => Value::Int(self.i64()?),
            2 => Value::String(self.text()?),
            3 => Value::Bool(self.byte()? != 0),
            4 => Value::Duration(self.i64()?),
            5 => Value::Time(self.i64()?),
            6 => Value::Null,
            _ => return Err(Unreadable::Senseless),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn example() -> Vec<Record> {
        let mut event = event("t", "web/1", Level::Critical);
        event.state.message = "ü\n".into();
        event.previous = Level::Info;
        event.hops = 3;
        event.data = EventData {
            name: "cpu".into(),
            tags: vec![("host".into(), "a".into())],
            fields: vec![
                ("f".into(), Value::Float(-0.0)),
                ("i".into(), Value::Int(i64::MIN)),
                ("s".into(), Value::String("".into())),
                ("b".into(), Value::Bool(true)),
                ("d".into(), Value::Duration(-1)),
                ("t".into(), Value::Time(7)),
                ("n".into(), Value::Null),
            ],
            recoverable: true,
            series: "{}".into(),
            ..EventData::default()
        }
        .into();
        let death = Death { why: "no".into(), time: 5, attempts: 2 };
        let to = vec![("a".into(), None), ("b".into(), Some(death.clone()))];
        let state = EventState { level: Level::Warning, ..event.state.clone() };
        vec![
            Record::State { number: 8, topic: "t".into(), state },
            Record::Event { number: 9, raised: -1, to, event: Arc::new(event) },
            Record::Done { number: 9, to: "a".into() },
            Record::Dead { number: u64::MAX, to: "".into(), death },
            Record::Again { number: 0, to: "x".into() },
        ]
    }

    #[test]
    fn records_come_back_and_pieces_of_them_do_not() {
        for record in example() {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            assert_eq!(Record::decode(&bytes), Ok(record));
            for length in 0..bytes.len() {
                assert!(Record::decode(&bytes[..length]).is_err(), "{length}");
            }
            for at in 0..bytes.len() {
                // Whatever stands there: an answer, no panic.
                let mut bytes = bytes.clone();
                bytes[at] ^= 0xff;
                let _ = Record::decode(&bytes);
            }
        }
    }
}
