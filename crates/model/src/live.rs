//! The tables of a daemon that runs: what is used no more is forgotten, so that series which come and go leave nothing.
//!
//! Numbers are never used again, and mean the same in each version of the tables. A version is made while everybody goes
//! on with the one before, and leaves out what
//!
//! - nobody who has that version has met: who meets a number by its text is noted ([`Schema::use_series`]), and
//! - no task has in its state, which all tasks [mark](Marks) after the version before that is gone.
//!
//! So the rules for who keeps numbers: a number that was met by a schema may be used as long as that schema is held, and
//! longer only if it is marked. A task takes up the new version between two letters, and finds anew what it knows besides
//! its state ([`crate::Numbered::of`]). Nothing is forgotten as long as a version older than the newest is held.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock, Weak,
    atomic::{AtomicU32, Ordering},
};

use crate::{FastSet, GroupId, Ref, Schema, SeriesId};

type Numbers = FastSet<u32>;

/// Numbers that are in use.
#[derive(Debug, Default)]
pub struct Marks {
    pub(crate) names: Numbers,
    pub(crate) series: Numbers,
    pub(crate) groups: Numbers,
}

impl Marks {
    pub fn add(&mut self, number: Ref) {
        match number {
            Ref::Name(name) => drop(self.names.insert(name)),
            // Shapes are never forgotten.
            Ref::Shape(_) => {}
            Ref::Series(series) => drop(self.series.insert(series)),
            Ref::Group(group) => drop(self.groups.insert(group)),
        }
    }

    pub fn series(&mut self, series: SeriesId) {
        self.add(Ref::Series(series.0));
    }

    pub fn group(&mut self, group: GroupId) {
        self.add(Ref::Group(group.0));
    }

    /// Take in what others have marked.
    pub fn extend(&mut self, other: Marks) {
        self.names.extend(other.names);
        self.series.extend(other.series);
        self.groups.extend(other.groups);
    }
}

/// The newest version of the tables; clones are the same. See the module.
#[derive(Clone)]
pub struct LiveSchema(Arc<Live>);

struct Live {
    now: RwLock<Arc<Schema>>,
    version: AtomicU32,
    /// The version before.
    before: Mutex<Weak<Schema>>,
}

impl From<Arc<Schema>> for LiveSchema {
    fn from(schema: Arc<Schema>) -> LiveSchema {
        let version = AtomicU32::new(schema.version());
        LiveSchema(Arc::new(Live { now: RwLock::new(schema), version, before: Mutex::default() }))
    }
}

impl LiveSchema {
    /// The newest version. Who keeps it for long keeps everything from being forgotten.
    pub fn now(&self) -> Arc<Schema> {
        Arc::clone(&self.0.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is the newest version.
    #[inline]
    pub fn is_now(&self, schema: &Schema) -> bool {
        self.0.version.load(Ordering::Acquire) == schema.version()
    }

    /// The version in which something can be forgotten, since nobody has an older one any more: tasks may mark what they
    /// have.
    pub fn settled(&self) -> Option<u32> {
        let before = self.0.before.lock().unwrap_or_else(PoisonError::into_inner);
        (before.strong_count() == 0).then(|| self.0.version.load(Ordering::Acquire))
    }

    /// Make the next version: without what is not in these marks, which all tasks have made since this version was
    /// [settled](LiveSchema::settled), and was not met by those who have it. Nothing is done if it is not the newest.
    pub fn forget(&self, version: u32, marks: &Marks) {
        let mut before = self.0.before.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if before.strong_count() != 0 || now.version() != version {
            return;
        }
        let next = Arc::new(now.without(marks));
        *before = Arc::downgrade(&now);
        let next_version = next.version();
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.0.version.store(next_version, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{GroupId, Grouping, Precision, Row, Words, parse_lines};

    fn write(schema: &Schema, hosts: impl IntoIterator<Item = u32>) -> Vec<Row> {
        let lines: String = hosts.into_iter().map(|host| format!("cpu,host=h{host} v=1 1\n")).collect();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(schema, lines.as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        rows
    }

    fn text(schema: &Schema, row: &Row) -> String {
        let series = schema.series(row.series);
        let host = series.tags().first().map_or("", |tag| schema.text(tag.1));
        format!("{} {host}", schema.text(series.name()))
    }

    fn forget(live: &LiveSchema, rows: &[Row]) {
        let mut marks = Marks::default();
        rows.iter().for_each(|row| marks.series(row.series));
        live.forget(live.settled().expect("nobody has an older version"), &marks);
    }

    #[test]
    fn what_nobody_uses_is_forgotten_and_comes_again_under_another_number() {
        let live = LiveSchema::from(Schema::new());
        let rows = write(&live.now(), 0..100);
        let before = live.now().memory();
        // All were met by users of this version.
        forget(&live, &rows[..1]);
        assert_eq!(live.now().sizes()[2], 101);
        forget(&live, &rows[..1]);
        assert_eq!(live.now().sizes()[2], 2);
        assert!(live.now().memory() < before / 10);
        assert_eq!((text(&live.now(), &rows[0]), text(&live.now(), &rows[1])), ("cpu h0".into(), " ".into()));
        let again = write(&live.now(), [0, 1]);
        assert_eq!(again[0].series, rows[0].series);
        assert!(again[1].series.0 > 100);
        assert_eq!(text(&live.now(), &again[1]), "cpu h1");
    }

    #[test]
    fn who_holds_an_older_version_holds_up_the_next() {
        let live = LiveSchema::from(Schema::new());
        let old = live.now();
        let row = write(&old, [1])[0];
        forget(&live, &[]);
        assert_eq!(live.settled(), None);
        // What is met by the old version is met.
        let meanwhile = write(&old, [2])[0];
        assert_eq!(text(&live.now(), &meanwhile), "cpu h2");
        drop(old);
        let newer = live.now();
        forget(&live, &[meanwhile]);
        assert_eq!((text(&newer, &row), text(&live.now(), &row)), ("cpu h1".into(), " ".into()));
        assert_eq!(text(&live.now(), &meanwhile), "cpu h2");
    }

    #[test]
    fn names_that_scripts_have_stay() {
        let live = LiveSchema::from(Schema::new());
        write(&live.now(), [1, 2]);
        let known = live.now().name("h1");
        (0..3).for_each(|_| forget(&live, &[]));
        assert_eq!(live.now().text(known), "h1");
        assert_eq!(live.now().names().find("h2"), None);
        let row = write(&live.now(), [1])[0];
        assert_eq!(live.now().series(row.series).tags()[0].1, known);
    }

    fn group(schema: &Schema, by: &Grouping, row: &Row) -> GroupId {
        schema.group_of(by, row.series)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Hosts come and go, in rounds: those that live always have the names and groups they had, and the tables have
        /// no more than what lives and what came since the round before.
        #[test]
        fn tables_stay_as_large_as_what_lives(rounds in prop::collection::vec((0u32..1000, 1u32..200), 5..30)) {
            let live = LiveSchema::from(Schema::new());
            let by = live.now().grouping(false, &["host"], None);
            let mut kept: Vec<(u32, Row, GroupId)> = Vec::new();
            let mut recent = 0;
            for (first, count) in rounds {
                let schema = live.now();
                for row in write(&schema, first..first + count) {
                    let host = text(&schema, &row)[5..].parse::<u32>().unwrap();
                    let group = group(&schema, &by, &row);
                    match kept.iter().find(|(known, ..)| *known == host) {
                        Some((_, known, of)) => prop_assert_eq!((known.series, *of), (row.series, group)),
                        None => kept.push((host, row, group)),
                    }
                }
                kept.retain(|(host, ..)| (host ^ first) % 3 != 0);
                let mut marks = Marks::default();
                kept.iter().for_each(|(_, row, group)| { marks.series(row.series); marks.group(*group) });
                drop(schema);
                live.forget(live.settled().unwrap(), &marks);
                let now = live.now();
                for (host, row, group) in &kept {
                    prop_assert_eq!(text(&now, row), format!("cpu h{}", host));
                    prop_assert_eq!(now.group_text(*group), format!("host=h{}", host));
                }
                let most = kept.len() + (count + recent) as usize;
                let [names, _, series, groups] = now.sizes();
                prop_assert!(series <= most + 1 && groups <= most + 1 && names <= most + 4, "{most}: {:?}", now.sizes());
                recent = count;
            }
        }
    }
}
