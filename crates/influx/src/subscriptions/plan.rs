//! What to do to the subscriptions that there are, so that they are those that are wanted.

use std::collections::BTreeSet;

use super::{Destinations, Subscription};

/// A retention policy of a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabasePolicy {
    pub database: String,
    pub policy: String,
}

impl std::fmt::Display for DatabasePolicy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.database, self.policy)
    }
}

/// Drops come before creations: a place may be in both.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) keep: Vec<DatabasePolicy>,
    pub(super) drop: Vec<DatabasePolicy>,
    pub(super) create: Vec<DatabasePolicy>,
}

impl Plan {
    pub(super) fn new(
        wanted: Vec<DatabasePolicy>,
        existing: Vec<Subscription>,
        destinations: &dyn Destinations,
    ) -> Plan {
        let mut missing: BTreeSet<DatabasePolicy> = wanted.into_iter().collect();
        let mut plan = Plan::default();
        for Subscription { place, mode, destinations: urls, .. } in existing {
            let right = mode.eq_ignore_ascii_case("ANY")
                && matches!(urls.as_slice(), [url] if destinations.leads_here(&place, url));
            if right && missing.remove(&place) {
                plan.keep.push(place);
            } else {
                plan.drop.push(place);
            }
        }
        plan.create = missing.into_iter().collect();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::HttpDestination;

    fn place(text: &str) -> DatabasePolicy {
        let (database, policy) = text.split_once('.').expect("database.policy");
        DatabasePolicy { database: database.to_owned(), policy: policy.to_owned() }
    }

    #[test]
    fn plans_only_what_is_needed() {
        let here = HttpDestination::new("http", "me", 9092, "");
        let existing = |text: &str, mode: &str, urls: &[&str]| Subscription {
            name: "kapacitor-1".to_owned(),
            place: place(text),
            mode: mode.to_owned(),
            destinations: urls.iter().map(|&url| url.to_owned()).collect(),
        };
        let plan = Plan::new(
            ["a.x", "b.x", "c.x", "d.x", "e.x"].map(place).to_vec(),
            vec![
                existing("a.x", "ANY", &["http://me:9092"]),
                existing("b.x", "ANY", &["http://me:9093"]),
                existing("c.x", "ALL", &["http://me:9092"]),
                existing("d.x", "ANY", &["http://me:9092", "http://other:1"]),
                existing("old.x", "ANY", &["http://me:9092"]),
            ],
            &here,
        );
        assert_eq!(plan.keep, [place("a.x")]);
        assert_eq!(plan.drop, ["b.x", "c.x", "d.x", "old.x"].map(place));
        assert_eq!(plan.create, ["b.x", "c.x", "d.x", "e.x"].map(place));
    }
}
