//! What runs of an alert: rows and batches come, levels are remembered, events are said.

use std::sync::Arc;

use alert::{EventData, EventState, Inhibitor, Level};
use model::{BatchHead, Damaged, FastMap, GroupId, Name, Row, Save, Saved, Saver, Slab, Time, write_series_lossy};
use serde_json::Value as Json;

use super::{
    augment::{Augment, Said},
    flapping::{Flapping, Thresholds},
    history::{History, Rules, Step, Verdict},
    levels::Levels,
    message::{Happening, Messages, Subject, Texts},
    publish::Publisher,
};
use crate::{Cx, LogLevel, LogRecord, NodeSaved, NodeSaver, PerGroup, Sieve, StatName};

const TRIGGERED: StatName = "alerts_triggered";
const INHIBITED: StatName = "alerts_inhibited";
/// By level.
const TRIGGERED_AT: [StatName; 4] = ["oks_triggered", "infos_triggered", "warns_triggered", "crits_triggered"];

pub(super) struct Watch {
    pub(super) levels: Levels,
    pub(super) rules: Rules,
    pub(super) flapping: Option<Thresholds>,
    /// The lowest level of a batch counts.
    pub(super) all: bool,
    pub(super) messages: Messages,
    pub(super) augment: Augment,
    pub(super) inhibits: Vec<Inhibits>,
    pub(super) category: Arc<str>,
    pub(super) task: Arc<str>,
    pub(super) publisher: Publisher,
    /// The ids of groups of which the topics were told last that they are OK.
    pub(super) recovered: FastMap<GroupId, Arc<str>>,
    /// What few alerts need of a group.
    pub(super) extras: Slab<Extra>,
    /// Flapping of groups of an earlier life, until the task starts.
    pub(super) resumed: FastMap<GroupId, Flapping>,
    /// Groups of an earlier life are not sure of what the topics know.
    pub(super) asks_again: bool,
    /// The texts of the last event could not be written.
    pub(super) is_failing: bool,
}

/// What an alert that is not OK holds back.
pub(super) struct Inhibits {
    pub(super) category: Arc<str>,
    pub(super) tags: Vec<Name>,
}

/// What few alerts need of a group.
pub(super) struct Extra {
    flapping: Option<Flapping>,
    inhibitors: Box<[Inhibitor]>,
}

/// An event on its way.
struct Occasion<'a> {
    subject: Subject<'a>,
    what: Happening<'a>,
    rows: &'a [Row],
}

/// Tell those who read the log of everything.
#[cold]
fn log(state: &EventState, data: &EventData, cx: &Cx<'_>) {
    let fields = [
        ("level", Json::from(state.level.name())),
        ("id", Json::from(&*state.id)),
        ("event_message", Json::from(&*state.message)),
        ("data", Json::from(&*data.series)),
    ];
    let (task, node) = (&*cx.task.id, cx.name);
    cx.host.log(&LogRecord { level: LogLevel::Debug, task, node, message: "alert triggered", fields: &fields });
}

impl Watch {
    /// A group's first row: what its topic knows of it is taken up.
    #[cold]
    fn meet(&mut self, history: &mut History, subject: &Subject<'_>, time: Time, cx: &mut Cx<'_>) {
        let known = self.known(history, subject, time, cx);
        if self.publisher.has_readers() {
            history.meet(known);
        } else {
            history.meet_nobody();
        }
        if self.flapping.is_none() && self.inhibits.is_empty() {
            return;
        }
        let before = self.extras.remove(subject.group).and_then(|extra| extra.flapping);
        let resumed = before.is_some();
        let mut extra = self.extra(subject.group, before, cx);
        if history.level() != Level::Ok {
            if let (Some(flapping), Some(thresholds), false) = (&mut extra.flapping, &self.flapping, resumed) {
                flapping.add(history.level(), thresholds);
            }
            extra.inhibitors.iter().for_each(|inhibitor| inhibitor.set(true));
        }
        self.extras.insert(subject.group, extra);
    }

    /// What the topics know of a group.
    fn known(&self, history: &History, subject: &Subject<'_>, time: Time, cx: &mut Cx<'_>) -> Option<(Level, Time)> {
        let worth_asking = history.level() != Level::Ok || self.publisher.knows_anything();
        if !self.publisher.has_readers() || !worth_asking {
            return None;
        }
        match self.messages.draft(subject, None, cx.schema).id() {
            Ok(id) => self.publisher.known(&id, time),
            Err(error) => {
                cx.row_error(error);
                None
            }
        }
    }

    fn extra(&self, group: GroupId, flapping: Option<Flapping>, cx: &Cx<'_>) -> Extra {
        let tags = cx.schema.group(group).tags();
        let value = |key: Name| tags.iter().find(|tag| tag.0 == key).map_or("", |tag| cx.schema.text(tag.1));
        let inhibitor = |inhibits: &Inhibits| {
            let tags = inhibits.tags.iter().map(|&key| (cx.schema.text(key).into(), value(key).into())).collect();
            cx.host.topics().inhibitors().add(Arc::clone(&inhibits.category), tags)
        };
        Extra {
            flapping: flapping.or_else(|| self.flapping.as_ref().map(Flapping::new)),
            inhibitors: self.inhibits.iter().map(inhibitor).collect(),
        }
    }

    /// Remember a level of a group and decide what comes of it.
    #[inline]
    fn step(&mut self, history: &mut History, group: GroupId, level: Level, time: Time, batch: bool) -> Verdict {
        if self.flapping.is_none() && self.inhibits.is_empty() {
            return history.add(Step { level, time, flaps: false, batch }, &self.rules);
        }
        let Some(extra) = self.extras.get_mut(group) else { return Verdict::Silent };
        let flaps = match (&mut extra.flapping, &self.flapping) {
            (Some(flapping), Some(thresholds)) => flapping.add(level, thresholds),
            _ => false,
        };
        let verdict = history.add(Step { level, time, flaps, batch }, &self.rules);
        if verdict != Verdict::Silent {
            extra.inhibitors.iter().for_each(|inhibitor| inhibitor.set(level != Level::Ok));
        }
        verdict
    }

    /// Write the texts of an event and publish it. None if that was not possible: the row is lost, the task goes on.
    fn say(&mut self, occasion: &Occasion<'_>, cx: &mut Cx<'_>) -> Option<Said> {
        match self.try_to_say(occasion, cx) {
            Ok(said) => {
                if std::mem::take(&mut self.is_failing) {
                    cx.trouble(None);
                }
                Some(said)
            }
            Err(error) => {
                self.is_failing = true;
                cx.trouble(Some(error.to_string()));
                cx.row_error(error);
                None
            }
        }
    }

    fn try_to_say(&mut self, occasion: &Occasion<'_>, cx: &mut Cx<'_>) -> Result<Said, gotemplate::Error> {
        let Occasion { subject, what, .. } = occasion;
        let inhibitors = cx.host.topics().inhibitors();
        let inhibited = inhibitors.is_active() && inhibitors.is_inhibited(&self.category, &subject.texts(cx.schema));
        // Nobody reads what nobody is told, so it is not written.
        let told = !inhibited && self.publisher.has_readers();
        let logged = !inhibited && cx.host.wants_debug();
        let written = told || logged;
        let tags = if written { subject.texts(cx.schema) } else { Texts::new() };
        let empty: Arc<str> = Arc::default();
        let (mut id, mut message, mut details) = (empty.clone(), empty.clone(), empty);
        if written || self.augment.wants_id() || self.augment.wants_message() {
            let mut draft = self.messages.draft(subject, written.then_some(&tags), cx.schema);
            id = draft.id()?;
            if written || self.augment.wants_message() {
                message = draft.message(&id, what, cx)?;
            }
            if written {
                details = draft.details(&id, &message, what, cx)?;
            }
        }
        let said = Said { id, message, level: what.level, duration: what.duration, told };
        if inhibited {
            cx.stat(INHIBITED, 1);
            return Ok(said);
        }
        cx.stat(TRIGGERED, 1);
        cx.stat(TRIGGERED_AT[what.level as usize], 1);
        if written {
            let state = EventState {
                id: Arc::clone(&said.id),
                message: Arc::clone(&said.message),
                details,
                time: what.time,
                duration: what.duration,
                level: what.level,
            };
            let data = self.data(occasion, tags, cx);
            if logged {
                log(&state, &data, cx);
            }
            if told {
                self.publisher.publish(state, data, cx);
            }
        }
        Ok(said)
    }

    fn data(&self, occasion: &Occasion<'_>, tags: Texts, cx: &Cx<'_>) -> Arc<EventData> {
        let Occasion { subject, what, rows } = occasion;
        let (schema, frame) = (cx.schema, &*cx.frame);
        let fields = schema.shape(what.row.shape).sorted().map(|(index, name, field_type)| {
            (schema.text(name).into(), frame.value(frame.word(what.row, index), field_type))
        });
        let mut series = String::with_capacity(128 + rows.len() * 48);
        write_series_lossy(schema, frame, subject.name, subject.tags, rows, &mut series);
        Arc::new(EventData {
            name: schema.text(subject.name).into(),
            task_name: Arc::clone(&self.task),
            category: Arc::clone(&self.category),
            group: schema.group_text(subject.group).into(),
            tags,
            fields: fields.collect(),
            recoverable: !self.rules.no_recoveries,
            series: series.into(),
        })
    }

    /// An event was said: what the topics know of its group is remembered.
    fn note(&mut self, history: &mut History, group: GroupId, said: &Said) {
        if !said.told {
            return;
        }
        history.tell(said.level);
        if said.level == Level::Ok {
            self.recovered.insert(group, Arc::clone(&said.id));
        } else {
            self.recovered.remove(&group);
        }
    }

    /// The level of a batch, and the row that decides.
    fn of_batch<'r>(&mut self, rows: &'r [Row], current: Level, cx: &mut Cx<'_>) -> Option<(Level, &'r Row)> {
        let mut highest: Option<(Level, &Row)> = None;
        let mut lowest = Level::Critical;
        for row in rows {
            let level = self.levels.of(row, current, cx);
            lowest = lowest.min(level);
            if highest.is_none_or(|(known, _)| level > known) {
                highest = Some((level, row));
            }
        }
        highest.map(|(level, row)| (if self.all { lowest } else { level }, row))
    }
}

impl PerGroup for Watch {
    type Group = History;

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> History {
        History::default()
    }

    #[inline]
    fn point(&mut self, history: &mut History, row: Row, cx: &mut Cx<'_>) {
        if !history.is_met() {
            let series = cx.schema.series(row.series);
            self.meet(history, &Subject { name: series.name(), group: row.group, tags: series.tags() }, row.time, cx);
        }
        let level = self.levels.of(&row, history.level(), cx);
        let Verdict::Event { duration } = self.step(history, row.group, level, row.time, false) else { return };
        let series = cx.schema.series(row.series);
        let subject = Subject { name: series.name(), group: row.group, tags: series.tags() };
        let what = Happening { level, time: row.time, duration, row: &row };
        if let Some(said) = self.say(&Occasion { subject, what, rows: &[row] }, cx) {
            self.note(history, row.group, &said);
            let row = self.augment.point(row, &said, cx);
            cx.emit(row);
        }
    }

    fn batch(&mut self, history: &mut History, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        let subject = Subject { name: head.name, group: head.group, tags: cx.schema.group(head.group).tags() };
        if !history.is_met() {
            self.meet(history, &subject, rows.first().map_or(head.tmax, |row| row.time), cx);
        }
        let Some((level, row)) = self.of_batch(rows, history.level(), cx) else { return };
        let time = if self.all || level == Level::Ok { head.tmax } else { row.time };
        let Verdict::Event { duration } = self.step(history, head.group, level, time, true) else { return };
        let what = Happening { level, time, duration, row };
        let Some(said) = self.say(&Occasion { subject, what, rows }, cx) else { return };
        self.note(history, head.group, &said);
        if self.augment.is_nothing() {
            cx.emit_batch(head, rows);
        } else {
            let (head, rows) = self.augment.batch(head, rows, &said, cx);
            cx.emit_batch(head, &rows);
        }
    }

    fn delete(&mut self, _history: Option<History>, id: GroupId, cx: &mut Cx<'_>) {
        self.extras.remove(id);
        if let Some(event) = self.recovered.remove(&id) {
            self.publisher.forget_ok(&event);
        }
        cx.emit_delete_group(id);
    }

    fn save_group(&self, id: GroupId, history: &History, out: &mut Saver<'_>) {
        history.save(out);
        let flapping = self.extras.get(id).and_then(|extra| extra.flapping.as_ref());
        flapping.is_some().save(out);
        if let Some(flapping) = flapping {
            flapping.save(out);
        }
    }

    fn restore_group(&mut self, id: GroupId, from: &mut Saved<'_>, _cx: &mut Cx<'_>) -> Result<History, Damaged> {
        let history = History::restore(from)?;
        if bool::restore(from)? {
            let thresholds = self.flapping.as_ref().ok_or(Damaged("it is of an alert that may flap"))?;
            self.resumed.insert(id, Flapping::restore(thresholds, from)?);
        }
        Ok(history)
    }

    fn save_own(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| self.levels.save(out));
    }

    fn restore_own(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        saved.own(|from| self.levels.restore(from))?;
        self.asks_again = !saved.is_last() || !cx.host.topics().keeps_states();
        Ok(())
    }

    fn memory(&self) -> usize {
        let extras = self.extras.iter().map(|(_, extra)| extra);
        let owned = |extra: &Extra| {
            size_of::<Extra>()
                + extra.flapping.as_ref().map_or(0, Flapping::memory)
                + extra.inhibitors.len() * size_of::<Inhibitor>()
        };
        // The topics have the texts of ids.
        let recovered = self.recovered.capacity() * (size_of::<(GroupId, Arc<str>)>() + 1);
        extras.map(owned).sum::<usize>() + recovered
    }

    fn start(&mut self, groups: &mut Slab<History>, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.asks_again) {
            groups.iter_mut().for_each(|(_, history)| history.forget_met());
        }
        let mut resumed = std::mem::take(&mut self.resumed);
        if self.flapping.is_some() || !self.inhibits.is_empty() {
            for (id, history) in groups.iter() {
                let extra = self.extra(id, resumed.remove(&id), cx);
                extra.inhibitors.iter().for_each(|inhibitor| inhibitor.set(history.level() != Level::Ok));
                self.extras.insert(id, extra);
            }
        }
        if let Some(error) = self.messages.hopeless() {
            cx.log(LogLevel::Warn, &format!("no event will be told, since its details cannot be written: {error}"));
        }
        self.publisher.start();
    }

    fn finish(&mut self, _groups: &mut Slab<History>, _cx: &mut Cx<'_>) {
        self.publisher.close();
        self.recovered = FastMap::default();
        self.extras = Slab::default();
    }

    fn sieve(&self) -> Option<Sieve> {
        let is_simple = self.flapping.is_none() && self.inhibits.is_empty();
        if is_simple { self.levels.thresholds().map(Sieve::Alert) } else { None }
    }

    fn is_quiet(&self, history: &History) -> bool {
        history.is_met() && history.level() == Level::Ok
    }

    fn begins_quiet(&self) -> bool {
        !self.publisher.has_readers() || !self.publisher.knows_anything()
    }

    fn quiet_group(&self) -> Option<History> {
        let mut history = History::default();
        history.meet(None);
        Some(history)
    }

    /// What it inhibits may be an alert of the same task.
    fn one_by_one(&self) -> bool {
        !self.inhibits.is_empty()
    }

    fn stats(&self) -> &'static [StatName] {
        const ALL: [StatName; 6] =
            [TRIGGERED, INHIBITED, TRIGGERED_AT[0], TRIGGERED_AT[1], TRIGGERED_AT[2], TRIGGERED_AT[3]];
        &ALL
    }
}
