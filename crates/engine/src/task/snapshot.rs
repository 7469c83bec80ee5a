//! A task's state: taken down between two letters, and taken up before the first one.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use super::{Shard, Task};
use crate::saving::{Extent, Header, NodeSaved, NodeSaver, NodeSnapshot, SavedTask, Snapshot};

/// A node that could not go on where it was: it begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginsAnew {
    pub node: String,
    pub why: String,
    /// Something is wrong with what was saved, as opposed to a definition that is another now.
    pub damaged: bool,
}

impl Task {
    /// What the nodes remember. Nothing if only changes are wanted, and the task has done nothing since the snapshot
    /// before.
    pub fn snapshot(&mut self, extent: Extent) -> Option<Snapshot> {
        let whole = extent.is_whole();
        if !extent.is_last() && self.waiting.is_empty() {
            self.footprint.rest();
        }
        self.told = true;
        let mut wakes: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for Reverse((time, node)) in self.wakes.iter() {
            wakes.entry(*node).or_default().push(*time);
        }
        let shard = self.shard.as_ref().map_or(0, Shard::number);
        let mut nodes = Vec::new();
        for (index, place) in self.places.iter_mut().enumerate() {
            if !std::mem::take(&mut place.touched) && !whole {
                continue;
            }
            let counters = &place.counters;
            let mut wakes = wakes.remove(&index).unwrap_or_default();
            wakes.sort_unstable();
            wakes.dedup();
            let header = Header {
                fingerprint: place.fingerprint,
                counters: (counters.collected, counters.emitted, counters.errors),
                extra: counters.extra.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
                wakes,
            };
            let mut saver = NodeSaver::new(&self.schema, whole);
            saver.header(&header);
            place.node.save(&mut saver);
            nodes.push(NodeSnapshot::new(&place.name, shard, saver));
        }
        (whole || extent.is_last() || !nodes.is_empty())
            .then(|| Snapshot { extent, shards: vec![(Arc::clone(&self.schema), nodes)] })
    }

    /// Take up what was saved of a task like this one; to be called before [`super::Letter::Start`]. Nodes that cannot
    /// are told, and begin anew.
    pub fn restore(&mut self, saved: &SavedTask) -> Vec<BeginsAnew> {
        self.now = self.host.now();
        let schema = Arc::clone(&self.schema);
        let mut anew = Vec::new();
        let mut known = BTreeMap::new();
        for (name, mut node) in saved.nodes(&schema) {
            let header = node.header(self.shard.as_ref());
            if let Some(shard) = &self.shard {
                node.keep_own(shard);
            }
            match header {
                Ok(header) => drop(known.insert(name, (header, node))),
                Err(damaged) => {
                    anew.push(BeginsAnew { node: name, why: damaged.to_string(), damaged: true });
                }
            }
        }
        let pairs = self.pairs(&known);
        for (index, name) in pairs {
            let Some((header, node)) = known.remove(&name) else { continue };
            let outcome = self.call(index, |place, cx| place.restore(&node, cx));
            self.places[index].edge.clear();
            match outcome {
                Ok(()) => self.take_up(index, header),
                Err(damaged) => {
                    let node = self.places[index].name.clone();
                    anew.push(BeginsAnew { node, why: damaged.to_string(), damaged: true });
                }
            }
        }
        let why = "its definition has changed, or that of how its points are grouped";
        anew.extend(known.into_keys().map(|node| BeginsAnew { node, why: why.to_string(), damaged: false }));
        anew
    }

    /// What is shown of the task begins anew, as it does in Kapacitor: counters, and what HTTP clients see of nodes.
    pub fn show_anew(&mut self) {
        for place in &mut self.places {
            let counters = &mut place.counters;
            (counters.collected, counters.emitted, counters.errors) = (0, 0, 0);
            counters.extra.clear();
            place.node.show_anew();
        }
    }

    /// Bytes that the state of a node takes; 0 for one that is not there.
    pub fn memory_of(&self, name: &str) -> usize {
        self.places.iter().find(|place| place.name == name).map_or(0, |place| place.node.memory())
    }

    /// Which node goes on with the state of which: that of the same name, or the only one with the same definition,
    /// since names have numbers, and a node that is put in moves them.
    fn pairs(&self, known: &BTreeMap<String, (Header, NodeSaved<'_>)>) -> Vec<(usize, String)> {
        let mut pairs = Vec::new();
        let mut left: Vec<&String> = Vec::new();
        for (name, (header, _)) in known {
            let same = |place: &super::Place| place.name == *name && place.fingerprint == header.fingerprint;
            match self.places.iter().position(same) {
                Some(index) => pairs.push((index, name.clone())),
                None => left.push(name),
            }
        }
        for name in &left {
            let fingerprint = known[*name].0.fingerprint;
            let alike = left.iter().filter(|other| known[**other].0.fingerprint == fingerprint).count();
            let taken = |index: &usize| pairs.iter().any(|pair| pair.0 == *index);
            let free: Vec<usize> = (0..self.places.len())
                .filter(|index| self.places[*index].fingerprint == fingerprint && !taken(index))
                .collect();
            if let ([index], 1) = (free.as_slice(), alike) {
                pairs.push((*index, (*name).clone()));
            }
        }
        pairs
    }

    fn take_up(&mut self, index: usize, header: Header) {
        let place = &mut self.places[index];
        let counters = &mut place.counters;
        (counters.collected, counters.emitted, counters.errors) = header.counters;
        counters.extra = place
            .node
            .stats()
            .iter()
            .filter_map(|&stat| Some((stat, header.extra.iter().find(|(name, _)| name == stat)?.1)))
            .collect();
        self.wakes.extend(header.wakes.into_iter().map(|time| Reverse((time, index))));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use alert::Kinds;
    use model::Precision;

    use crate::{SavedTask, testing::Bench};

    const WINDOW: &str = "|window().periodCount(3).everyCount(3) |sum('v') |httpPost('http://x')";

    fn script(from: &str, between: &str) -> String {
        format!("stream |from().measurement('m'){from} {between} {WINDOW}")
    }

    /// What was posted in two lives of a task, the second one of another script, and the nodes that began anew.
    fn lives(first: &str, second: &str, spoil: impl Fn(&mut Vec<u8>)) -> (usize, Vec<(String, bool)>) {
        let mut bench = Bench::new(first).unwrap();
        bench.write("m,h=a v=1 1\nm,h=a v=2 2", Precision::Seconds);
        let saved = bench.saved();
        let pairs = saved.pairs().map(|(key, value)| {
            let mut value = value.to_vec();
            spoil(&mut value);
            (key.to_vec(), value)
        });
        let saved: SavedTask = pairs.collect();
        let (mut bench, anew) = Bench::resumed(second, Kinds::default(), &saved).unwrap();
        bench.write("m,h=a v=3 3", Precision::Seconds);
        let posts = bench.host.seen().posts.len();
        (posts, anew.into_iter().map(|anew| (anew.node, anew.damaged)).collect())
    }

    #[test]
    fn nodes_whose_definition_is_the_same_go_on() {
        let old = script(".groupBy('h')", "");
        assert_eq!(lives(&old, &old, |_| {}), (1, Vec::new()));
        // A node that is put in moves the numbers in the names of all that follow.
        let longer = script(".groupBy('h')", "|shift(1s)");
        assert_eq!(lives(&old, &longer, |_| {}), (1, Vec::new()));
        let (posts, anew) = lives(&old, &old.replace("periodCount(3)", "periodCount(4)"), |_| {});
        assert_eq!((posts, anew), (0, vec![("window2".to_string(), false)]));
    }

    #[test]
    fn writes_that_the_state_has_are_passed_over() {
        let mut bench = Bench::new(&script("", "")).unwrap();
        bench.task.set_covered(4);
        for (number, value) in [(3, 10), (4, 20), (5, 1), (5, 40), (7, 2), (8, 3)] {
            bench.write_numbered(&format!("m v={value} {number}"), Precision::Seconds, number);
        }
        assert_eq!((bench.task.covered(), bench.host.seen().posts.len()), (8, 1));
        assert_eq!(bench.task.cover(12), 12);
        // What is in no log has no number, and is always taken.
        bench.write("m v=1 9\nm v=1 10\nm v=1 11", Precision::Seconds);
        assert_eq!((bench.task.covered(), bench.host.seen().posts.len()), (12, 2));
    }

    /// A large state is taken down in pieces.
    #[test]
    fn thousands_of_groups_go_on() {
        let hosts = |second: u32| (0..3000).map(|host| format!("m,h=host-{host} v=1 {second}\n")).collect::<String>();
        let script = script(".groupBy('h')", "");
        let mut bench = Bench::new(&script).unwrap();
        bench.write(&hosts(1), Precision::Seconds);
        bench.write(&hosts(2), Precision::Seconds);
        let (mut bench, anew) = Bench::resumed(&script, Kinds::default(), &bench.saved()).unwrap();
        assert_eq!(anew, Vec::new());
        bench.write(&hosts(3), Precision::Seconds);
        assert_eq!(bench.host.seen().posts.len(), 3000);
    }

    #[test]
    fn what_is_shown_begins_anew() {
        let script = "stream |from().measurement('m') |cumulativeSum('v') |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m v=1 1\nm v=2 2", Precision::Seconds);
        let (mut bench, _) = Bench::resumed(script, Kinds::default(), &bench.saved()).unwrap();
        bench.task.show_anew();
        bench.write("m v=3 3", Precision::Seconds);
        let shown = bench.task.stats().iter().map(|stats| stats.collected.load(Ordering::Relaxed)).collect::<Vec<_>>();
        assert_eq!(shown, [1, 1, 1, 1]);
    }

    #[test]
    fn state_of_other_groups_is_of_no_use() {
        let (posts, anew) = lives(&script(".groupBy('h')", ""), &script("", ""), |_| {});
        assert_eq!(posts, 0);
        assert!(anew.iter().any(|(node, _)| node == "window2"), "{anew:?}");
    }

    #[test]
    fn what_is_damaged_is_told_and_begins_anew() {
        let script = script(".groupBy('h')", "");
        let spoils: [fn(&mut Vec<u8>); 3] =
            [|value| value.truncate(value.len().saturating_sub(1)), |value| value.push(0), |value| value.clear()];
        for spoil in spoils {
            let (posts, anew) = lives(&script, &script, spoil);
            assert_eq!(posts, 0);
            assert!(anew.contains(&("window2".to_string(), true)), "{anew:?}");
        }
        for at in 0..40 {
            lives(&script, &script, |value| {
                if let Some(byte) = value.get_mut(at) {
                    *byte ^= 0x55;
                }
            });
        }
    }

    #[test]
    fn a_float_in_a_window_takes_forty_bytes_at_most() {
        let mut bench = Bench::new("stream |from() |window().period(1h).every(1h) |sum('v')").unwrap();
        let empty = bench.task.memory_of("window2");
        let lines: String = (0..3000).map(|second| format!("m v={second}.5 {second}\n")).collect();
        bench.write(&lines, Precision::Seconds);
        let bytes = bench.task.memory_of("window2") - empty;
        assert!((3000 * 16..=3000 * 40).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_tracked_series_takes_few_bytes() {
        const SERIES: usize = 20_000;
        let script = "stream |from().groupBy(*) |stateDuration(lambda: \"v\" > 1.0) |alert().crit(lambda: \"state_duration\" > 60)";
        let mut bench = Bench::new(script).unwrap();
        let lines: String = (0..SERIES).map(|host| format!("m,host=server{host} v=2 1\n")).collect();
        bench.write(&lines, Precision::Seconds);
        let bytes: usize = ["from1", "state_duration2", "alert3"].iter().map(|node| bench.task.memory_of(node)).sum();
        // The schema's own tables take some 170 bytes more.
        assert!(bytes / SERIES <= 64, "{} bytes a series in the nodes", bytes / SERIES);
    }
}
