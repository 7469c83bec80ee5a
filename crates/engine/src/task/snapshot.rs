//! A task's state: taken down between two letters, and taken up before the first one.

use std::{cmp::Reverse, collections::BTreeMap};

use super::Task;
use crate::saving::{Header, NodeSaved, NodeSaver, NodeSnapshot, SavedTask, Snapshot};

/// A node that could not go on where it was: it begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginsAnew {
    pub node: String,
    pub why: String,
    /// Something is wrong with what was saved, as opposed to a definition that is another now.
    pub damaged: bool,
}

impl Task {
    /// What the nodes remember; unless `whole`, only what has changed since the last snapshot, and nothing if the task
    /// has done nothing since.
    pub fn snapshot(&mut self, whole: bool) -> Option<Snapshot> {
        let mut wakes: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for Reverse((time, node)) in self.wakes.iter() {
            wakes.entry(*node).or_default().push(*time);
        }
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
            nodes.push(NodeSnapshot::new(&place.name, saver));
        }
        (whole || !nodes.is_empty()).then_some(Snapshot { whole, nodes })
    }

    /// Take up what was saved of a task like this one; to be called before [`super::Letter::Start`]. Nodes that cannot
    /// are told, and begin anew.
    pub fn restore(&mut self, saved: &SavedTask) -> Vec<BeginsAnew> {
        let schema = std::sync::Arc::clone(&self.schema);
        let mut anew = Vec::new();
        let mut known = BTreeMap::new();
        for (name, node) in saved.nodes(&schema) {
            match node.header() {
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
