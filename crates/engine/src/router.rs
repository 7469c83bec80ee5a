//! Which rows of a write which task wants: by database and retention policy, then by measurement.

use std::{collections::hash_map::Entry, sync::Arc};

use model::{FastMap, Name, Row, Schema};

use crate::{Origin, Write};

/// Which measurements a task reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interest {
    All,
    Measurements(Vec<String>),
}

/// The rows of a write that a task gets.
#[derive(Debug, Clone)]
pub enum Selection {
    All,
    /// Indexes of rows, in order.
    Some(Arc<[u32]>),
}

/// Tasks by what they read; `T` is how a task is known to the caller.
#[derive(Debug)]
pub struct Router<T> {
    routes: FastMap<Origin, Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    all: Vec<T>,
    by_name: FastMap<Name, Vec<T>>,
}

impl<T> Default for Route<T> {
    fn default() -> Self {
        Route { all: Vec::new(), by_name: FastMap::default() }
    }
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Router { routes: FastMap::default() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Router<T> {
    pub fn add(&mut self, schema: &Schema, task: T, dbrps: &[(String, String)], interest: &Interest) {
        for (database, retention_policy) in dbrps {
            let origin = Origin { database: database.clone(), retention_policy: retention_policy.clone() };
            let route = self.routes.entry(origin).or_default();
            match interest {
                Interest::All => insert(&mut route.all, task),
                Interest::Measurements(names) => {
                    for name in names {
                        insert(route.by_name.entry(schema.name(name)).or_default(), task);
                    }
                }
            }
        }
    }

    pub fn remove(&mut self, task: T) {
        self.routes.retain(|_, route| {
            route.all.retain(|known| *known != task);
            route.by_name.retain(|_, tasks| {
                tasks.retain(|known| *known != task);
                !tasks.is_empty()
            });
            !route.all.is_empty() || !route.by_name.is_empty()
        });
    }

    /// Whether a task reads anything of this database and retention policy.
    pub fn reads(&self, origin: &Origin) -> bool {
        self.routes.contains_key(origin)
    }

    /// The tasks that want something of this write, and what.
    pub fn select(&self, schema: &Schema, write: &Write) -> Vec<(T, Selection)> {
        let Some(route) = self.routes.get(&*write.origin) else { return Vec::new() };
        let mut out: Vec<(T, Selection)> = route.all.iter().map(|&task| (task, Selection::All)).collect();
        if !route.by_name.is_empty() {
            select_by_name(schema, write, route, &mut out);
        }
        out
    }
}

fn insert<T: Eq>(tasks: &mut Vec<T>, task: T) {
    if !tasks.contains(&task) {
        tasks.push(task);
    }
}

fn select_by_name<T: Copy + Eq + std::hash::Hash>(
    schema: &Schema,
    write: &Write,
    route: &Route<T>,
    out: &mut Vec<(T, Selection)>,
) {
    let name_of = |row: &Row| schema.series(row.series).name();
    if let Some((first, others)) = write.rows.split_first() {
        let name = name_of(first);
        if others.iter().all(|row| name_of(row) == name) {
            let tasks = route.by_name.get(&name).into_iter().flatten();
            return out.extend(tasks.map(|&task| (task, Selection::All)));
        }
    }
    // Buckets of rows by measurement; a write has few, and lines of one often follow each other.
    let mut buckets: Vec<(Name, Vec<u32>)> = Vec::new();
    let mut places: FastMap<Name, usize> = FastMap::default();
    let mut last = (Name(u32::MAX), 0usize);
    for (i, row) in write.rows.iter().enumerate() {
        let name = name_of(row);
        if name != last.0 {
            let place = *places.entry(name).or_insert_with(|| {
                buckets.push((name, Vec::new()));
                buckets.len() - 1
            });
            last = (name, place);
        }
        buckets[last.1].1.push(i as u32);
    }
    // Each task with the first of its buckets and the others, of which most have none.
    let mut wanted: Vec<(T, usize, Vec<usize>)> = Vec::new();
    let mut known: FastMap<T, usize> = FastMap::default();
    for (place, (name, _)) in buckets.iter().enumerate() {
        for &task in route.by_name.get(name).into_iter().flatten() {
            match known.entry(task) {
                Entry::Occupied(met) => wanted[*met.get()].2.push(place),
                Entry::Vacant(new) => {
                    new.insert(wanted.len());
                    wanted.push((task, place, Vec::new()));
                }
            }
        }
    }
    let mut shared: Vec<Option<Arc<[u32]>>> = vec![None; buckets.len()];
    for (task, first, others) in wanted {
        let selection = if others.is_empty() {
            Selection::Some(Arc::clone(shared[first].get_or_insert_with(|| Arc::from(buckets[first].1.as_slice()))))
        } else {
            let places = std::iter::once(first).chain(others);
            let mut rows: Vec<u32> = places.flat_map(|place| buckets[place].1.iter().copied()).collect();
            rows.sort_unstable();
            Selection::Some(rows.into())
        };
        out.push((task, selection));
    }
}
