//! What the nodes of a task remember, written down so that a later process goes on with it.
//!
//! A task writes a [`Snapshot`] between two letters: quickly, with the numbers of its schema. [`Snapshot::changes`]
//! explains the numbers, on any thread. The changes are put together in a [`SavedTask`], which a task that is built anew
//! takes up: node by node, each only if its definition is the same.

use std::{collections::BTreeMap, sync::Arc};

use crate::task::Shard;
use model::{Damaged, GroupId, Marks, Ref, Save, Saved, Saver, Schema, Slab, group_key, group_of_key, seal};

/// The version of what all nodes write; a node's own version is part of its fingerprint.
const FORMAT: u8 = 1;

/// A change of what is saved: a key, and its value unless it is gone.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Where a node writes what it remembers.
pub struct NodeSaver<'a> {
    out: Saver<'a>,
    wanted: Wanted<'a>,
    /// Of the piece at hand.
    parts: Vec<Part>,
    pieces: Vec<Piece>,
}

/// What was written of some parts. A large state is in many pieces: buffers of megabytes, each of another size, that come
/// and go every few seconds leave holes in the memory.
struct Piece {
    bytes: Vec<u8>,
    refs: Vec<Ref>,
    parts: Vec<Part>,
}

/// A piece ends with the part that makes it longer than so many bytes, or with so many parts.
const PIECE: usize = 64 << 10;
const PARTS: usize = 1024;

enum Wanted<'a> {
    Changes,
    All,
    /// The numbers that are in use. `told`: whether somebody is to be told of groups that are gone.
    Marks {
        marks: &'a mut Marks,
        told: bool,
    },
}

struct Part {
    key: PartKey,
    /// Where it ends, and the notes for it; `None` if it is gone.
    end: Option<(usize, usize)>,
}

#[derive(Clone, Copy)]
enum PartKey {
    Header,
    /// What belongs to no group.
    Own,
    Group(GroupId),
}

impl<'a> NodeSaver<'a> {
    pub(crate) fn new(schema: &'a Schema, whole: bool) -> NodeSaver<'a> {
        let wanted = if whole { Wanted::All } else { Wanted::Changes };
        NodeSaver { out: Saver::new(schema), wanted, parts: Vec::new(), pieces: Vec::new() }
    }

    /// One that writes nothing, but marks the numbers of what would be written.
    pub(crate) fn marking(schema: &'a Schema, marks: &'a mut Marks, told: bool) -> NodeSaver<'a> {
        let wanted = Wanted::Marks { marks, told };
        NodeSaver { out: Saver::only_notes(schema), wanted, parts: Vec::new(), pieces: Vec::new() }
    }

    fn part(&mut self, key: PartKey, write: impl FnOnce(&mut Saver<'a>)) {
        self.out.end();
        write(&mut self.out);
        if let Wanted::Marks { marks, .. } = &mut self.wanted {
            if let PartKey::Group(group) = key {
                marks.group(group);
            }
            return self.out.take_notes(marks);
        }
        let end = Some(self.out.end());
        self.put(Part { key, end });
    }

    fn put(&mut self, part: Part) {
        let length = part.end.map_or(0, |end| end.0);
        self.parts.push(part);
        if length >= PIECE || self.parts.len() >= PARTS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let (bytes, refs) = self.out.cut();
        self.pieces.push(Piece { bytes, refs, parts: std::mem::take(&mut self.parts) });
    }

    pub(crate) fn header(&mut self, header: &Header) {
        self.part(PartKey::Header, |out| header.save(out));
    }

    /// Write what belongs to no group; once.
    pub fn own(&mut self, write: impl FnOnce(&mut Saver<'a>)) {
        self.part(PartKey::Own, write);
    }

    /// Write the groups that have changed, or all if all are wanted.
    pub fn groups<T>(&mut self, groups: &mut Slab<T>, mut write: impl FnMut(GroupId, &T, &mut Saver<'a>)) {
        let (all, told) = match self.wanted {
            Wanted::Changes => (false, None),
            Wanted::All => (true, None),
            Wanted::Marks { told, .. } => (true, Some(told)),
        };
        let look = |id, value: Option<&T>| match (value, &mut self.wanted) {
            (Some(value), _) => self.part(PartKey::Group(id), |out| write(id, value, out)),
            (None, Wanted::Marks { marks, .. }) => marks.group(id),
            (None, _) => self.put(Part { key: PartKey::Group(id), end: None }),
        };
        match told {
            Some(told) => groups.look(told, look),
            None => groups.take_changes(all, look),
        }
    }
}

/// What is saved of every node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Header {
    /// Of its definition and the format of its state.
    pub(crate) fingerprint: u64,
    /// Collected, emitted, errors.
    pub(crate) counters: (u64, u64, u64),
    /// Its own statistics.
    pub(crate) extra: Vec<(String, i64)>,
    /// The times it asked to be woken at.
    pub(crate) wakes: Vec<i64>,
}

impl Header {
    /// Two shards' together.
    fn with(mut self, other: Header) -> Header {
        let (collected, emitted, errors) = other.counters;
        self.counters = (self.counters.0 + collected, self.counters.1 + emitted, self.counters.2 + errors);
        for (name, value) in other.extra {
            match self.extra.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += value,
                None => self.extra.push((name, value)),
            }
        }
        self.wakes.extend(other.wakes);
        self
    }
}

impl Save for Header {
    fn save(&self, out: &mut Saver<'_>) {
        out.byte(FORMAT);
        out.word(self.fingerprint);
        self.counters.save(out);
        self.extra.save(out);
        self.wakes.save(out);
    }

    fn restore(from: &mut Saved<'_>) -> Result<Header, Damaged> {
        if from.byte()? != FORMAT {
            return Err(Damaged("it was written by another version of the program"));
        }
        Ok(Header {
            fingerprint: from.word()?,
            counters: Save::restore(from)?,
            extra: Save::restore(from)?,
            wakes: Save::restore(from)?,
        })
    }
}

/// How much a snapshot is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What has changed since the snapshot before.
    Changes,
    /// All.
    Whole,
    /// What has changed, and that the task does nothing after it.
    LastChanges,
    /// All, and that the task does nothing after it.
    LastWhole,
}

impl Extent {
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Extent::Whole | Extent::LastWhole)
    }

    pub(crate) fn is_last(self) -> bool {
        matches!(self, Extent::LastChanges | Extent::LastWhole)
    }
}

/// What the nodes of a task remembered between two letters, or what has changed of it since the snapshot before.
pub struct Snapshot {
    pub(crate) extent: Extent,
    /// What the numbers of nodes mean, and the nodes; of each shard where the task is divided.
    pub(crate) shards: Vec<(Arc<Schema>, Vec<NodeSnapshot>)>,
}

pub(crate) struct NodeSnapshot {
    name: String,
    shard: u8,
    pieces: Vec<Piece>,
}

impl NodeSnapshot {
    pub(crate) fn new(name: &str, shard: u8, mut saver: NodeSaver<'_>) -> NodeSnapshot {
        saver.cut();
        NodeSnapshot { name: name.to_string(), shard, pieces: saver.pieces }
    }
}

impl Snapshot {
    /// Whether it is all, not only what has changed.
    pub fn is_whole(&self) -> bool {
        self.extent.is_whole()
    }

    /// As keys and values that mean the same in every process, made as they are asked for: all of them take more memory
    /// than the snapshot does.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let last = (LAST.to_vec(), self.extent.is_last().then(|| vec![1]));
        let nodes = self.shards.iter().flat_map(|(schema, nodes)| nodes.iter().flat_map(|node| node.changes(schema)));
        std::iter::once(last).chain(nodes)
    }

    /// Those of two shards of a task, taken at the same place among the writes.
    pub(crate) fn both(one: Option<Snapshot>, other: Option<Snapshot>) -> Option<Snapshot> {
        match (one, other) {
            (Some(mut one), Some(other)) => {
                one.shards.extend(other.shards);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }
}

impl NodeSnapshot {
    fn changes(&self, schema: &Schema) -> impl Iterator<Item = Change> {
        let change =
            move |(key, value): (PartKey, Option<Vec<u8>>)| (self::key(&self.name, self.shard, key, schema), value);
        self.pieces.iter().flat_map(|piece| piece.values(schema)).map(change)
    }
}

impl Piece {
    /// Each part with its value as it means the same in every process.
    fn values(&self, schema: &Schema) -> impl Iterator<Item = (PartKey, Option<Vec<u8>>)> {
        let mut begin = (0, 0);
        self.parts.iter().map(move |part| {
            let value = part.end.map(|end| {
                let bytes = &self.bytes[begin.0..end.0];
                let refs = &self.refs[begin.1..end.1];
                begin = end;
                match part.key {
                    PartKey::Header => bytes.to_vec(),
                    _ => seal(schema, refs, bytes),
                }
            });
            (part.key, value)
        })
    }
}

/// The key of the mark that a task did nothing after its last snapshot. No node's name is empty.
pub const LAST: &[u8] = &[0];
const HEADER: u8 = b'h';
const OWN: u8 = b'o';
const GROUP: u8 = b'g';

/// The node's name, a zero, the kind of part, and what the group is, or which shard it is of if that is not the first.
fn key(node: &str, shard: u8, part: PartKey, schema: &Schema) -> Vec<u8> {
    let mut key = Vec::with_capacity(node.len() + 2);
    key.extend_from_slice(node.as_bytes());
    key.push(0);
    match part {
        PartKey::Header | PartKey::Own => {
            key.push(if matches!(part, PartKey::Own) { OWN } else { HEADER });
            key.extend((shard > 0).then_some(shard));
        }
        PartKey::Group(id) => {
            key.push(GROUP);
            key.extend(group_key(schema, id));
        }
    }
    key
}

/// All that is known of a task's state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedTask(BTreeMap<Vec<u8>, Vec<u8>>);

impl FromIterator<(Vec<u8>, Vec<u8>)> for SavedTask {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(pairs: I) -> Self {
        SavedTask(pairs.into_iter().collect())
    }
}

impl SavedTask {
    /// Take up what a snapshot says.
    pub fn apply(&mut self, snapshot: &Snapshot) {
        if snapshot.is_whole() {
            self.0.clear();
        }
        for (key, value) in snapshot.changes() {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The parts of each node.
    pub(crate) fn nodes<'a>(&'a self, schema: &'a Schema) -> BTreeMap<String, NodeSaved<'a>> {
        let mut nodes: BTreeMap<String, NodeSaved<'a>> = BTreeMap::new();
        let last = self.0.contains_key(LAST);
        for (key, value) in &self.0 {
            let Some(end @ 1..) = key.iter().position(|byte| *byte == 0) else { continue };
            let name = String::from_utf8_lossy(&key[..end]).into_owned();
            let node = nodes.entry(name).or_insert_with(|| NodeSaved {
                schema,
                last,
                headers: Vec::new(),
                own: Vec::new(),
                groups: Vec::new(),
            });
            let shard = key.get(end + 2).copied().unwrap_or_default();
            match key.get(end + 1) {
                Some(&HEADER) => node.headers.push((shard, value)),
                Some(&OWN) => node.own.push((shard, value)),
                Some(&GROUP) => node.groups.push((&key[end + 2..], value)),
                _ => {}
            }
        }
        nodes
    }
}

/// What a node had written.
pub struct NodeSaved<'a> {
    schema: &'a Schema,
    last: bool,
    /// With the numbers of the shards that they are of.
    headers: Vec<(u8, &'a [u8])>,
    own: Vec<(u8, &'a [u8])>,
    groups: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> NodeSaved<'a> {
    /// The header; where several shards wrote one, they are put together.
    pub(crate) fn header(&self, shard: Option<&Shard>) -> Result<Header, Damaged> {
        let mut all: Option<Header> = None;
        for (number, header) in &self.headers {
            let mut header = Saved::plain(self.schema, header).whole(Header::restore)?;
            if shard.is_some_and(|shard| !shard.inherits(*number)) {
                header.counters = (0, 0, 0);
                header.extra.clear();
            }
            all = Some(match all {
                None => header,
                Some(all) => all.with(header),
            });
        }
        all.ok_or(Damaged("a part is missing"))
    }

    /// Leave away what is another shard's.
    pub(crate) fn keep_own(&mut self, shard: &Shard) {
        self.own.retain(|(number, _)| shard.inherits(*number));
        // What cannot be read is found out by who reads it.
        self.groups
            .retain(|(key, _)| group_of_key(self.schema, key).map_or(true, |id| shard.owns_group(self.schema, id)));
    }

    /// Whether the task did nothing after it was saved; else there may be traces of later data elsewhere.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// Read what belongs to no group; nothing if nothing was written.
    ///
    /// # Errors
    /// It is damaged.
    pub fn own<T>(&self, read: impl FnMut(&mut Saved<'a>) -> Result<T, Damaged>) -> Result<Option<T>, Damaged> {
        Ok(self.each_own(read)?.into_iter().next())
    }

    /// The same for a node that may be in a task whose count of shards has changed: what several of them wrote.
    ///
    /// # Errors
    /// It is damaged.
    pub fn each_own<T>(&self, mut read: impl FnMut(&mut Saved<'a>) -> Result<T, Damaged>) -> Result<Vec<T>, Damaged> {
        self.own.iter().map(|(_, own)| Saved::open(self.schema, own)?.whole(&mut read)).collect()
    }

    /// Read all groups.
    ///
    /// # Errors
    /// One of them is damaged.
    pub fn groups<T>(
        &self,
        mut read: impl FnMut(GroupId, &mut Saved<'a>) -> Result<T, Damaged>,
    ) -> Result<Slab<T>, Damaged> {
        let mut groups = Slab::default();
        for (key, value) in &self.groups {
            let id = group_of_key(self.schema, key)?;
            groups.insert(id, Saved::open(self.schema, value)?.whole(|from| read(id, from))?);
        }
        Ok(groups)
    }
}

/// What a definition is, as a number that stays the same from one process to the next (FNV-1a, 64 bits).
pub(crate) fn fingerprint(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
