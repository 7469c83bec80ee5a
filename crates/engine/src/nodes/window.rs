//! `|window()`: the last points of each group as a batch, again and again, by time or by count.

use declare::{Declaration, Nanos};
use model::{BatchHead, GroupId, KeptRows, Name, Row, Slab, Time, save_fields, truncate};

use crate::{BuildError, Cx, Definition, Dropped, EdgeKind, Node, PerGroup, Place, Plan, Reach, Shed, boxed_per_group};

#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    period: Nanos,
    every: Nanos,
    align: bool,
    fill_period: bool,
    period_count: i64,
    every_count: i64,
}

impl Definition for Window {
    const NAME: &'static str = "window";
    const WANTS: Option<EdgeKind> = Some(EdgeKind::Stream);

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Hold the last points of each group and hand them on as a batch, again and again.")
            .property("period", "How much time a batch covers.", |w| &mut w.period)
            .property("every", "The time from one batch to the next; each point makes a batch if not given.", |w| {
                &mut w.every
            })
            .flag("align", "Let batches end at multiples of `every`.", |w| &mut w.align)
            .flag("fillPeriod", "Wait for the first batch until a whole period has passed.", |w| &mut w.fill_period)
            .property("periodCount", "How many points a batch holds, instead of `period`.", |w| &mut w.period_count)
            .property("everyCount", "How many points there are from one batch to the next.", |w| &mut w.every_count)
            .example("stream |from().measurement('cpu') |window().period(1m).every(10s) |mean('usage_idle')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Batch
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        let wrong = if self.period_count != 0 && self.period.0 != 0 {
            "cannot specify both period and periodCount"
        } else if self.period_count != 0 && self.align {
            "can only align windows based off time, not count"
        } else if self.period_count != 0 && self.every_count <= 0 {
            "everyCount must be greater than zero"
        } else if self.period.0 < 0 || self.every.0 < 0 {
            "period and every must not be negative"
        } else if self.period_count < 0 {
            "periodCount must not be negative"
        } else {
            return Ok(());
        };
        Err(wrong.to_string())
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, _plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        if self.period.0 != 0 {
            return Ok(boxed_per_group(TimeWindow {
                period: self.period.0,
                every: self.every.0,
                align: self.align,
                fill_period: self.fill_period,
                rows: Vec::new(),
            }));
        }
        if self.period_count != 0 {
            let first = if self.fill_period { self.period_count } else { self.every_count };
            return Ok(boxed_per_group(CountWindow {
                period: usize::try_from(self.period_count).unwrap_or(usize::MAX),
                every: self.every_count.max(1) as u64,
                first: first.max(1) as u64,
                rows: Vec::new(),
            }));
        }
        Err(BuildError::new("window node must have either a non zero period or non zero period count"))
    }
}

/// How many rows a window takes at once if each of them may make a batch: all those batches are held together.
const FEW: usize = 16;

/// Windows of a length of time.
struct TimeWindow {
    period: i64,
    /// 0: every point makes a batch.
    every: i64,
    align: bool,
    fill_period: bool,
    /// Rows of the batch being handed on.
    rows: Vec<Row>,
}

#[derive(Default)]
struct TimeGroup {
    /// The measurement and the time of the next batch, once a point or barrier was met.
    started: Option<(Name, Time)>,
    held: KeptRows,
}

save_fields!(TimeGroup { started, held });

impl TimeWindow {
    fn first_emit(&self, time: Time) -> Time {
        if !self.fill_period {
            return self.aligned(time.saturating_add(self.every));
        }
        let filled = time.saturating_add(self.period);
        let next = self.aligned(filled);
        // Aligned, it must still be later than a whole period, so the first points may fall out of it.
        if self.align && next <= filled { next.saturating_add(self.every) } else { next }
    }

    fn aligned(&self, time: Time) -> Time {
        if self.align { truncate(time, self.every) } else { time }
    }

    /// Hand on what is not older than `oldest` as the batch that ends at `tmax`.
    fn emit(&mut self, group: &mut TimeGroup, head: BatchHead, keep: impl Fn(Time) -> bool, cx: &mut Cx<'_>) {
        let gone = group.held.rows().take_while(|row| !keep(row.time)).count();
        group.held.drop_front(cx.schema, gone);
        self.rows.clear();
        group.held.load(cx.schema, cx.frame, 0..group.held.len(), &mut self.rows);
        cx.emit_batch(head, &self.rows);
    }

    /// Time has come to `now` in a window that ends at multiples of `every`: `[next - period, next)`.
    fn advance(&mut self, group: &mut TimeGroup, id: GroupId, now: Time, cx: &mut Cx<'_>) {
        let Some((name, next)) = group.started else { return };
        if now < next {
            return;
        }
        let oldest = next.saturating_sub(self.period);
        self.emit(group, BatchHead { name, group: id, tmax: next }, |time| time >= oldest, cx);
        // From the time at hand, not from the batch before: a gap skips batches.
        group.started = Some((name, self.aligned(now.saturating_add(self.every))));
    }

    /// Time has come to `now` in a window that ends at each point: `(now - period, now]`.
    fn slide(&mut self, group: &mut TimeGroup, id: GroupId, now: Time, cx: &mut Cx<'_>) {
        let Some((name, next)) = group.started else { return };
        if now < next {
            return;
        }
        let oldest = now.saturating_sub(self.period);
        self.emit(group, BatchHead { name, group: id, tmax: now }, |time| time > oldest, cx);
        group.started = Some((name, now));
    }
}

impl PerGroup for TimeWindow {
    type Group = TimeGroup;

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> TimeGroup {
        TimeGroup::default()
    }

    fn point(&mut self, group: &mut TimeGroup, row: Row, cx: &mut Cx<'_>) {
        let name = cx.schema.series(row.series).name();
        match &mut group.started {
            Some((known, _)) if !known.is_empty() => {}
            // A barrier came before the first point.
            Some((unknown, _)) => *unknown = name,
            None => group.started = Some((name, self.first_emit(row.time))),
        }
        if self.every == 0 {
            group.held.push(cx.schema, cx.frame, &row);
            self.slide(group, row.group, row.time, cx);
        } else {
            self.advance(group, row.group, row.time, cx);
            group.held.push(cx.schema, cx.frame, &row);
        }
    }

    fn batch(&mut self, _group: &mut TimeGroup, _head: BatchHead, _rows: &[Row], _cx: &mut Cx<'_>) {}

    fn longest_chunk(&self) -> usize {
        if self.every == 0 { FEW } else { usize::MAX }
    }

    fn shed(&mut self, groups: &mut Slab<TimeGroup>, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        drop_oldest(groups.iter_mut().map(|(_, group)| &mut group.held), how, cx)
    }

    // A barrier is the end of a window like a point, and goes no further.
    fn barrier(&mut self, group: &mut TimeGroup, id: GroupId, time: Time, cx: &mut Cx<'_>) {
        if group.started.is_none() {
            group.started = Some((Name::EMPTY, self.first_emit(time)));
        }
        if self.every == 0 {
            self.slide(group, id, time, cx);
        } else {
            self.advance(group, id, time, cx);
        }
    }
}

/// Let go of a share of the points of all these windows.
fn drop_oldest<'a>(windows: impl Iterator<Item = &'a mut KeptRows>, how: Shed, cx: &mut Cx<'_>) -> Dropped {
    let Shed::Points(hundredths) = how else { return Dropped::default() };
    let mut points = 0;
    for held in windows {
        let gone = (held.len() * usize::from(hundredths)).div_ceil(100);
        held.drop_front(cx.schema, gone);
        held.shrink();
        points += gone as u64;
    }
    Dropped { points, ..Dropped::default() }
}

/// Windows of a number of points.
struct CountWindow {
    period: usize,
    every: u64,
    /// How many points make the first batch.
    first: u64,
    rows: Vec<Row>,
}

struct CountGroup {
    name: Name,
    /// How many points are still to come before the next batch.
    missing: u64,
    held: KeptRows,
}

save_fields!(CountGroup { name, missing, held });

impl PerGroup for CountWindow {
    type Group = CountGroup;

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> CountGroup {
        CountGroup { name: Name::EMPTY, missing: self.first, held: KeptRows::default() }
    }

    fn point(&mut self, group: &mut CountGroup, row: Row, cx: &mut Cx<'_>) {
        if group.name.is_empty() {
            group.name = cx.schema.series(row.series).name();
        }
        if group.held.len() == self.period {
            group.held.drop_front(cx.schema, 1);
        }
        group.held.push(cx.schema, cx.frame, &row);
        group.missing -= 1;
        if group.missing == 0 {
            group.missing = self.every;
            self.rows.clear();
            group.held.load(cx.schema, cx.frame, 0..group.held.len(), &mut self.rows);
            cx.emit_batch(BatchHead { name: group.name, group: row.group, tmax: row.time }, &self.rows);
        }
    }

    fn shed(&mut self, groups: &mut Slab<CountGroup>, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        drop_oldest(groups.iter_mut().map(|(_, group)| &mut group.held), how, cx)
    }

    fn longest_chunk(&self) -> usize {
        if self.every < FEW as u64 { FEW } else { usize::MAX }
    }

    fn batch(&mut self, _group: &mut CountGroup, _head: BatchHead, _rows: &[Row], _cx: &mut Cx<'_>) {}
}
