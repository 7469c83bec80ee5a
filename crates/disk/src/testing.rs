//! A disk in memory that fails, tears and forgets as real ones do, from a seed.
//!
//! What is written is in the cache of the system, and there after a kill; what was forced down is there after a power
//! cut, and of the rest any part. After a failed sync what was to be forced down is lost to later ones of the same process,
//! too; the next one has another try, so that not three faults have to come together before something is lost for good.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, DiskFile, Lock};

/// Random numbers that are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` - 1; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.any().checked_rem(n).unwrap_or(0)
    }

    /// Whether something happens that happens once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What goes wrong from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weather {
    #[default]
    Fine,
    /// No byte more fits; what is there can be written over and cut.
    Full,
    /// Each write, each sync and each change of a folder fails once in so many times; of a write a part may be there.
    Failing(u64),
    /// Nothing can be made, written, cut or removed.
    ReadOnly,
}

#[derive(Debug, Clone, Default)]
struct Node {
    cached: Vec<u8>,
    /// What is on the disk for sure.
    durable: Vec<u8>,
    /// What was written since it was forced down; `None` is a change of the length.
    dirty: Vec<(Range<usize>, Option<usize>)>,
    /// What a sync has failed to force down.
    given_up: Vec<(Range<usize>, Option<usize>)>,
}

/// A change of a folder.
#[derive(Debug, Clone)]
enum Change {
    Named(PathBuf, usize),
    /// From the one name to the other: both or none.
    Renamed(PathBuf, PathBuf, usize),
    Gone(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of folders that are not forced down, in their order.
    changes: Vec<Change>,
    folders: HashSet<PathBuf>,
    weather: Weather,
    /// Calls that write until the process is killed in the middle of one.
    fuse: Option<u64>,
    /// The process is killed: nothing that it does has an effect.
    dead: bool,
    counts: Counts,
}

/// What was done, and what went wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub writes: u64,
    pub syncs: u64,
    pub failures: u64,
}

/// See the module. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    dice: Arc<Mutex<Dice>>,
}

impl SimDisk {
    pub fn new(seed: u64) -> SimDisk {
        SimDisk { state: Arc::default(), dice: Arc::new(Mutex::new(Dice::new(seed))) }
    }

    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Kills the process in the middle of a write that comes after so many.
    pub fn kill_after(&self, writes: u64) {
        self.lock().fuse = Some(writes);
    }

    /// Whether the process was killed by [`SimDisk::kill_after`].
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Another process begins: the one before is killed, and all that it has written is there.
    pub fn restart(&self) -> SimDisk {
        let (mut old, mut new) = (self.lock(), State::default());
        std::mem::swap(&mut *old, &mut new);
        // Who still has a file of the old one writes to nothing.
        old.dead = true;
        for node in &mut new.nodes {
            let late = std::mem::take(&mut node.dirty);
            node.dirty = std::mem::take(&mut node.given_up);
            node.dirty.extend(late);
        }
        (new.dead, new.fuse) = (false, None);
        SimDisk { state: Arc::new(Mutex::new(new)), dice: Arc::clone(&self.dice) }
    }

    /// The power goes, and another process begins: what was not forced down is there or not, piece by piece.
    pub fn power_cut(&self) -> SimDisk {
        self.lock().nodes.iter_mut().for_each(|node| node.given_up.clear());
        let after = self.restart();
        {
            let mut dice = after.dice.lock().unwrap_or_else(PoisonError::into_inner);
            let mut state = after.lock();
            let kept = dice.below(state.changes.len() as u64 + 1) as usize;
            let changes: Vec<_> = state.changes.drain(..).take(kept).collect();
            for change in changes {
                change.apply(&mut state.durable_names);
            }
            state.names = state.durable_names.clone();
            state.nodes.iter_mut().for_each(|node| node.power_cut(&mut dice));
        }
        after
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, node: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), node })
    }

    /// The state for a call that changes something, unless it fails.
    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.alive()?;
        if state.burns() {
            return Err(killed());
        }
        match state.weather {
            Weather::ReadOnly => {
                state.counts.failures += 1;
                Err(io::ErrorKind::ReadOnlyFilesystem.into())
            }
            Weather::Failing(once_in) if self.dice().one_in(once_in) => {
                state.counts.failures += 1;
                Err(io::Error::other("the disk does not answer"))
            }
            _ => Ok(state),
        }
    }
}

impl Change {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Change::Named(path, node) => drop(names.insert(path, node)),
            Change::Renamed(from, to, node) => {
                names.remove(&from);
                names.insert(to, node);
            }
            Change::Gone(path) => drop(names.remove(&path)),
        }
    }

    fn folder(&self) -> Option<&Path> {
        let (Change::Named(path, _) | Change::Renamed(_, path, _) | Change::Gone(path)) = self;
        path.parent()
    }
}

fn killed() -> io::Error {
    io::Error::other("the process is killed")
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(killed()) } else { Ok(()) }
    }

    /// Counts a call that writes; whether the process is killed in it.
    fn burns(&mut self) -> bool {
        let Some(left) = &mut self.fuse else { return false };
        if *left > 0 {
            *left -= 1;
            return false;
        }
        self.dead = true;
        true
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.changes.push(change);
    }

    fn node(&self, path: &Path) -> io::Result<usize> {
        self.alive()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Node {
    fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.cached.len() < end {
            self.cached.resize(end, 0);
        }
        self.cached[at..end].copy_from_slice(bytes);
        self.dirty.push((at..end, None));
    }

    fn cut(&mut self, length: usize) {
        self.cached.resize(length, 0);
        self.dirty.push((0..0, Some(length)));
    }

    fn persist(&mut self, (range, length): (Range<usize>, Option<usize>)) {
        if let Some(length) = length {
            return self.durable.resize(length, 0);
        }
        // A later cut may have taken a part of it.
        let end = range.end.min(self.cached.len());
        let Some(bytes) = self.cached.get(range.start..end) else { return };
        if self.durable.len() < range.end {
            self.durable.resize(range.end, 0);
        }
        self.durable[range.start..end].copy_from_slice(bytes);
    }

    fn sync(&mut self) {
        for piece in std::mem::take(&mut self.dirty) {
            self.persist(piece);
        }
        self.durable.resize(self.cached.len(), 0);
        // An older length that was given up is of no effect any more.
        self.given_up.retain(|(_, length)| length.is_none());
    }

    /// Of what is not forced down any part is there.
    fn power_cut(&mut self, dice: &mut Dice) {
        for (mut range, length) in std::mem::take(&mut self.dirty) {
            if dice.one_in(2) {
                continue;
            }
            if length.is_none() && dice.one_in(2) {
                range.end = range.start + dice.below(range.len() as u64 + 1) as usize;
            }
            self.persist((range, length));
        }
        self.cached = self.durable.clone();
    }
}

impl Disk for SimDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.folders.insert(path.to_path_buf());
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let State { changes, durable_names, .. } = &mut *state;
        let (synced, left): (Vec<_>, Vec<_>) = changes.drain(..).partition(|change| change.folder() == Some(path));
        synced.into_iter().for_each(|change| change.apply(durable_names));
        *changes = left;
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let state = self.lock();
        state.alive()?;
        let within = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(within.filter_map(|path| path.file_name().map(OsString::from)).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.lock().names.contains_key(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock();
        Ok(state.nodes[state.node(path)?].cached.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.changing()?;
        let known = state.names.get(path).copied();
        if known.is_none() && state.weather == Weather::Full {
            state.counts.failures += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let node = match known {
            Some(node) => {
                state.nodes[node].cut(0);
                node
            }
            None => {
                state.nodes.push(Node::default());
                let node = state.nodes.len() - 1;
                state.change(Change::Named(path.to_path_buf(), node));
                node
            }
        };
        drop(state);
        Ok(self.file(node))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let node = self.lock().node(path)?;
        Ok(self.file(node))
    }

    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let node = self.lock().node(path)?;
        Ok(self.file(node))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let node = state.node(from)?;
        state.change(Change::Renamed(from.to_path_buf(), to.to_path_buf(), node));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.node(path)?;
        state.change(Change::Gone(path.to_path_buf()));
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Box::new(())))
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    node: usize,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.lock();
        state.alive()?;
        Ok(state.nodes[self.node].cached.len() as u64)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.lock();
        state.alive()?;
        let begin = usize::try_from(offset).map_err(io::Error::other)?;
        let found = state.nodes[self.node].cached.get(begin..begin + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let mut state = self.disk.lock();
        state.alive()?;
        state.counts.writes += 1;
        let is_killed = state.burns();
        let mut dice = self.disk.dice();
        let failure = match state.weather {
            _ if is_killed => Some(killed()),
            Weather::Full if at + bytes.len() > state.nodes[self.node].cached.len() => {
                Some(io::ErrorKind::StorageFull.into())
            }
            Weather::Failing(once_in) if dice.one_in(once_in) => Some(io::Error::other("the disk does not answer")),
            Weather::ReadOnly => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            _ => None,
        };
        let part = if failure.is_some() { dice.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        state.nodes[self.node].write(&bytes[..part], at);
        let Some(failure) = failure else { return Ok(()) };
        state.counts.failures += 1;
        Err(failure)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut state = self.disk.changing()?;
        state.nodes[self.node].cut(length);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.alive()?;
        state.counts.syncs += 1;
        if state.burns() {
            return Err(killed());
        }
        if let Weather::Failing(once_in) = state.weather
            && self.disk.dice().one_in(once_in)
        {
            state.counts.failures += 1;
            // The system gives up what it could not write: a later sync knows nothing of it.
            let Node { dirty, given_up, .. } = &mut state.nodes[self.node];
            given_up.append(dirty);
            return Err(io::Error::other("what was written is not on the disk"));
        }
        state.nodes[self.node].sync();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
