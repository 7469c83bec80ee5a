//! The node of a query: it asks on time, one query at a time, and hands on the batches that come back.

use model::{Damaged, Edge, Save, Time};

use super::schedule::Schedule;
use crate::{Answer, Cx, InfluxQuery, LogLevel, Node, NodeSaved, NodeSaver, Reply, StatName};

/// How a query is made for the time at which it is asked.
pub(super) trait Ask: Send {
    fn at(&mut self, tick: Time) -> InfluxQuery;

    /// How long before the time at which it is asked the period ends, in nanoseconds.
    fn offset(&self) -> i64;

    /// The InfluxDB that is asked; empty for the default one.
    fn cluster(&self) -> &str;
}

/// See the module.
pub(super) struct Asking {
    ask: Box<dyn Ask>,
    schedule: Schedule,
    /// When to ask next.
    due: Option<Time>,
    /// A query is out: the time it was asked for.
    asked: Option<Time>,
    /// It was time to ask while a query was out: the first such time. Later ones are left out, as Go's tickers do.
    waiting: Option<Time>,
}

impl Asking {
    pub(super) fn new(ask: impl Ask + 'static, schedule: Schedule) -> Asking {
        Asking { ask: Box::new(ask), schedule, due: None, asked: None, waiting: None }
    }

    fn plan(&mut self, due: Option<Time>, cx: &mut Cx<'_>) {
        self.due = due;
        if let Some(due) = due {
            cx.wake_at(due);
        }
    }

    fn send(&mut self, tick: Time, cx: &mut Cx<'_>) {
        let query = self.ask.at(tick);
        cx.log(LogLevel::Debug, &format!("starting next batch query: {}", query.text));
        self.asked = Some(tick);
        cx.host.query(query, cx.ticket(0));
    }

    /// Times to ask that are left out: one answer stands for all of them.
    fn left_out(count: i64, cx: &mut Cx<'_>) {
        if count > 0 {
            cx.stat("ticks_left_out", count);
        }
    }
}

impl Node for Asking {
    fn start(&mut self, cx: &mut Cx<'_>) {
        if cx.host.replay().is_some() {
            return;
        }
        if let Err(why) = cx.host.check_cluster(self.ask.cluster()) {
            cx.fail(format_args!("failed to get InfluxDB client: {why}"));
            return;
        }
        if self.due.is_none() {
            let first = self.schedule.first(cx.now);
            self.plan(first, cx);
        }
        // Asked before the task stopped, and not answered.
        if let Some(tick) = self.waiting.take() {
            self.send(tick, cx);
        }
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| (self.due, self.asked.or(self.waiting)).save(out));
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let Some((due, waiting)) = saved.own(<(Option<Time>, Option<Time>)>::restore)? else { return Ok(()) };
        (self.due, self.waiting) = (due, waiting);
        Ok(())
    }

    fn receive(&mut self, _input: usize, _edge: &Edge, _cx: &mut Cx<'_>) {}

    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        let Some(due) = self.due.filter(|&due| due <= now) else { return };
        let tick = self.schedule.latest(due, now);
        Asking::left_out(self.schedule.count(due, tick), cx);
        let next = match self.schedule {
            Schedule::Every { .. } => self.schedule.next(tick),
            Schedule::Cron { .. } => self.schedule.next(now),
        };
        self.plan(next, cx);
        if self.asked.is_none() {
            self.send(tick, cx);
        } else if self.waiting.is_none() {
            self.waiting = Some(tick);
        } else {
            Asking::left_out(1, cx);
        }
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        match reply.answer {
            Answer::Batches { batches, .. } => {
                for (head, rows) in batches {
                    cx.counters.collected += 1;
                    cx.stat("batches_queried", 1);
                    cx.stat("points_queried", rows.len() as i64);
                    cx.emit_batch(head, &rows);
                }
            }
            Answer::Failed(why) => cx.row_error(format_args!("error executing query: {why}")),
            _ => {}
        }
        self.asked = None;
        if let Some(tick) = self.waiting.take() {
            self.send(tick, cx);
        }
    }

    fn stats(&self) -> &'static [StatName] {
        &["batches_queried", "points_queried"]
    }

    fn rare_stats(&self) -> &'static [StatName] {
        &["ticks_left_out"]
    }
}
