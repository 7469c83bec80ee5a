//! The loop over the nodes: parents first, each taking all that its parents gave in this sweep.

use std::{cmp::Reverse, sync::Arc};

use model::{Row, Time};

use super::{End, Letter, Place, Taken, Task, Write, pace::selected};
use crate::{Cx, Node, Selection};

impl Task {
    /// Take one letter, and do all that follows from it. A task that has failed does nothing more; one with a full node
    /// lets data wait.
    pub fn step(&mut self, letter: Letter) {
        self.take(letter, None);
    }

    pub(super) fn act(&mut self, letter: Letter) {
        self.fail_with_others();
        if self.failure.is_some() && !matches!(letter, Letter::Show { .. }) {
            return;
        }
        self.now = self.host.now();
        let moves = !matches!(letter, Letter::Start | Letter::Show { .. } | Letter::Suspend);
        match letter {
            Letter::Start => self.each_node(|node, cx| node.start(cx)),
            Letter::Write(write, selection) => self.write(&write, &selection),
            Letter::Wake(now) => self.wake(now),
            Letter::Reply { node, reply } => self.reply(node, reply),
            Letter::Show { node, answer } => {
                let schema = Arc::clone(&self.schema);
                let place = self.places.iter_mut().find(|place| place.name == node);
                answer(place.and_then(|place| place.node.show(&schema)));
            }
            Letter::Snapshot { extent, delivered, answer } => {
                let snapshot = self.snapshot(extent);
                return answer(snapshot, self.cover(delivered));
            }
            Letter::Measure => return self.measure(),
            Letter::Shed(how) => self.shed(how),
            Letter::Fail(why) => self.failure = Some(why),
            Letter::Suspend => {
                self.suspends = true;
                self.finish();
            }
            Letter::Finish => self.finish(),
        }
        if let End::At(node) = self.end
            && !self.places[node].node.is_ending()
        {
            self.finish_from(node + 1);
        }
        self.footprint.touch(moves);
        self.places.iter_mut().for_each(Place::publish);
        self.full = self.places.iter().rposition(|place| place.node.is_full());
    }

    /// All that waits goes on its way, full or not: it is there already.
    fn finish(&mut self) {
        while let Some((letter, _held)) = self.waiting.next(None) {
            self.act(letter);
        }
        self.finish_from(0);
    }

    /// Tell nodes of the end, up to one that has still to wait for something.
    fn finish_from(&mut self, first: usize) {
        for node in first..self.places.len() {
            let suspends = self.suspends;
            self.call(node, |node, cx| if suspends { node.suspend(cx) } else { node.finish(cx) });
            self.sweep(node + 1);
            if self.places[node].node.is_ending() {
                self.end = End::At(node);
                return;
            }
        }
        self.end = End::Done;
    }

    fn write(&mut self, write: &Write, selection: &Selection) {
        if write.number != 0 {
            if write.number <= self.covered {
                return;
            }
            self.covered = write.number;
        }
        self.frame.reset(Arc::clone(&write.words));
        self.origin = Arc::clone(&write.origin);
        let own = self.shard.as_mut().map(|shard| shard.take_own(&self.schema, write, selection));
        match (&own, selection) {
            (Some(own), _) => self.rows(write, Some(own)),
            (None, Selection::All) => self.rows(write, None),
            (None, Selection::Some(indexes)) => self.rows(write, Some(indexes)),
        }
        if let Some((shard, own)) = self.shard.as_mut().zip(own) {
            shard.give_back(own);
        }
    }

    /// Take these rows, or all of the write.
    fn rows(&mut self, write: &Write, indexes: Option<&[u32]>) {
        let all = indexes.map_or(write.rows.len(), <[u32]>::len);
        let mut done = 0;
        while done < all {
            let most = self.chunk.min(all - done);
            let run = self.pace.run(&self.schema, most, selected(write, indexes, done));
            self.source_rows(selected(write, indexes, done).take(run), run);
            done += run;
        }
        // The words of the write are let go with its letter.
        self.frame.reset(Arc::default());
    }

    /// Put rows on the source's edge and sweep.
    fn source_rows<'a>(&mut self, rows: impl Iterator<Item = &'a Row>, count: usize) {
        let Some(source) = self.places.first_mut() else { return };
        source.touched = true;
        source.counters.collected += count as u64;
        rows.for_each(|row| source.edge.point(*row));
        self.sweep(1);
    }

    fn wake(&mut self, now: Time) {
        while let Some(&Reverse((time, node))) = self.wakes.peek() {
            if time > now {
                break;
            }
            self.wakes.pop();
            self.call(node, |node, cx| node.wake(now, cx));
            self.sweep(node + 1);
        }
    }

    fn reply(&mut self, node: usize, reply: crate::Reply) {
        if node >= self.places.len() {
            return;
        }
        match &reply.answer {
            crate::Answer::Batches { words, .. } => self.frame.reset(Arc::clone(words)),
            crate::Answer::Udf(crate::UdfNews::Data { origin, words, .. }) => {
                self.frame.reset(Arc::clone(words));
                self.origin = Arc::clone(origin);
            }
            _ => {}
        }
        self.call(node, |node, cx| node.reply(reply, cx));
        self.sweep(node + 1);
        self.frame.reset(Arc::default());
    }

    fn each_node(&mut self, mut act: impl FnMut(&mut Box<dyn Node>, &mut Cx<'_>)) {
        for node in 0..self.places.len() {
            self.call(node, &mut act);
            self.sweep(node + 1);
        }
    }

    /// Let every node from `first` on take what its parents gave; then all edges are empty again.
    pub(super) fn sweep(&mut self, first: usize) {
        for child in first..self.places.len() {
            for turn in 0..self.places[child].turns.len() {
                let input = self.places[child].turns[turn];
                let parent = self.places[child].parents[input];
                if self.places[parent].edge.is_empty() {
                    continue;
                }
                let edge = std::mem::replace(&mut self.places[parent].edge, std::mem::take(&mut self.spare));
                if !self.places[child].node.watches() {
                    self.places[child].counters.collected += edge.message_count();
                }
                if let Some(tracer) = &mut self.tracer {
                    let (parent, child) = (&self.places[parent].name, &self.places[child].name);
                    tracer(&Taken { parent, child, edge: &edge, schema: &self.schema, frame: &self.frame });
                }
                self.call(child, |node, cx| node.receive(input, &edge, cx));
                self.spare = std::mem::replace(&mut self.places[parent].edge, edge);
            }
        }
        for Place { edge, counters, .. } in &mut self.places {
            if !edge.is_empty() {
                counters.emitted += edge.message_count();
                edge.clear();
            }
        }
        self.frame.clear_scratch();
    }

    pub(super) fn call<R>(&mut self, index: usize, act: impl FnOnce(&mut Box<dyn Node>, &mut Cx<'_>) -> R) -> R {
        let place = &mut self.places[index];
        place.touched = true;
        let mut cx = Cx {
            schema: &self.schema,
            frame: &mut self.frame,
            out: &mut place.edge,
            origin: if place.gets_made { &self.nowhere } else { &self.origin },
            now: self.now,
            host: &self.host,
            zone: self.host.zone(),
            task: &self.info,
            name: &place.name,
            node: index,
            counters: &mut place.counters,
            wakes: &mut self.wakes,
            failure: &mut self.failure,
            stats: &self.stats,
        };
        act(&mut place.node, &mut cx)
    }

    /// The earliest time that any node waits for, at or before `now`.
    pub fn is_due(&self, now: Time) -> bool {
        self.next_wake().is_some_and(|time| time <= now)
    }
}
