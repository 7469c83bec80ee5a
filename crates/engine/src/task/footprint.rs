//! How much a task holds, for those who look after the daemon's memory; and how it makes room.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::Task;
use crate::{Dropped, Shed};

/// See the module. Nothing is measured until it is asked for with [`super::Letter::Measure`].
#[derive(Debug, Default)]
pub struct Footprint {
    /// Something has happened since it was measured.
    stale: AtomicBool,
    /// Something has happened since the last snapshot.
    moved: AtomicBool,
    /// How long measuring took, in nanoseconds.
    cost: AtomicI64,
    /// What was let go of to make room.
    groups_dropped: AtomicU64,
    points_dropped: AtomicU64,
}

impl Footprint {
    /// Whether it is worth measuring again.
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Whether it has done anything since the last snapshot, or the start, or lets data wait; being suspended does not
    /// count, nor do rows that were only counted for it.
    pub fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// How long measuring took the last time, in nanoseconds.
    pub fn cost(&self) -> u64 {
        self.cost.load(Ordering::Relaxed).max(0).unsigned_abs()
    }

    /// What was let go of to make room since the task started.
    pub fn dropped(&self) -> Dropped {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Dropped { groups: read(&self.groups_dropped), points: read(&self.points_dropped) }
    }

    /// That of all shards together.
    pub(crate) fn sum<'a>(shards: impl Iterator<Item = &'a Footprint>) -> Footprint {
        let all = Footprint::default();
        for one in shards {
            let dropped = one.dropped();
            all.stale.fetch_or(one.is_stale(), Ordering::Relaxed);
            all.moved.fetch_or(one.has_moved(), Ordering::Relaxed);
            all.cost.fetch_add(one.cost.load(Ordering::Relaxed), Ordering::Relaxed);
            all.groups_dropped.fetch_add(dropped.groups, Ordering::Relaxed);
            all.points_dropped.fetch_add(dropped.points, Ordering::Relaxed);
        }
        all
    }

    /// Something has happened; a task that `moves` may remember something else now.
    pub(super) fn touch(&self, moves: bool) {
        self.stale.store(true, Ordering::Relaxed);
        if moves {
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    /// A snapshot was taken, and nothing waits.
    pub(super) fn rest(&self) {
        self.moved.store(false, Ordering::Relaxed);
    }
}

impl Task {
    pub(super) fn measure(&mut self) {
        let begun = self.host.now();
        for place in &self.places {
            place.stats.memory.store(place.node.memory() as u64, Ordering::Relaxed);
        }
        self.footprint.cost.store(self.host.now().saturating_sub(begun), Ordering::Relaxed);
        self.footprint.stale.store(false, Ordering::Relaxed);
    }

    pub(super) fn shed(&mut self, how: Shed) {
        for node in 0..self.places.len() {
            let dropped = self.call(node, |node, cx| node.shed(how, cx));
            self.footprint.groups_dropped.fetch_add(dropped.groups, Ordering::Relaxed);
            self.footprint.points_dropped.fetch_add(dropped.points, Ordering::Relaxed);
            self.sweep(node + 1);
        }
        self.measure();
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::{Letter, SavedTask, Shed, define::Surface, testing::Bench};

    fn bench(script: &str) -> Bench {
        let mut surface = Surface::new(alert::Kinds::default());
        surface.track_groups();
        Bench::on(&surface, script, &SavedTask::default()).unwrap().0
    }

    fn memory(bench: &Bench) -> u64 {
        let stats = bench.task.stats().iter();
        stats.map(|node| node.memory.load(std::sync::atomic::Ordering::Relaxed)).sum()
    }

    #[test]
    fn the_groups_seen_longest_ago_make_room() {
        let mut bench = bench("stream |from().groupBy('h') |window().period(1h).every(1h) |sum('v') |httpOut('x')");
        for host in ["a", "b", "c", "d", "a", "b"] {
            bench.advance_to(bench.now() + 1_000_000_000);
            bench.write(&format!("m,h={host} v=1 1"), Precision::Seconds);
        }
        assert_eq!(bench.stat("window2", "working_cardinality"), 4);
        bench.task.step(Letter::Shed(Shed::Groups(2)));
        assert_eq!(bench.stat("window2", "working_cardinality"), 2);
        assert_eq!(bench.task.footprint().dropped().groups, 2);
        bench.write("m,h=a v=1 7200\nm,h=b v=1 7200\nm,h=c v=1 7200", Precision::Seconds);
        // a and b were kept, so their windows end; c begins anew.
        assert_eq!(bench.stat("sum3", "collected"), 2);
    }

    #[test]
    fn windows_let_go_of_their_oldest_points() {
        let mut bench = bench("stream |from() |window().period(24h).every(24h) |sum('v') |httpOut('x')");
        let lines: String = (0..10_000).map(|second| format!("m v=1 {second}\n")).collect();
        bench.write(&lines, Precision::Seconds);
        bench.task.step(Letter::Measure);
        assert!(!bench.task.footprint().is_stale());
        let before = memory(&bench);
        bench.task.step(Letter::Shed(Shed::Points(25)));
        assert_eq!(bench.task.footprint().dropped().points, 2500);
        assert!(memory(&bench) < before * 9 / 10, "{} of {before}", memory(&bench));
        assert!(bench.task.failure().is_none());
    }

    #[test]
    fn a_task_can_be_stopped_with_a_reason() {
        let mut bench = bench("stream |from() |httpOut('x')");
        bench.task.step(Letter::Fail("it holds too much".to_string()));
        assert_eq!(bench.task.failure(), Some("it holds too much"));
    }
}
