//! The subscriptions of all clusters as users see them: their own, those left over from a daemon that is no more, others.

use std::sync::{Arc, Mutex, PoisonError};

use api::subscription::{Owner, Subscription, SubscriptionList};
use influx::{Cluster, Here};

use crate::udp_subscriptions::is_unused;

/// A cluster that we subscribe to.
pub struct Watched {
    pub cluster: Arc<Cluster>,
    /// The name that our subscriptions bear.
    pub own_name: String,
    pub here: Here,
}

/// See the module.
#[derive(Default)]
pub struct Watchlist(Mutex<Vec<Arc<Watched>>>);

impl Watchlist {
    /// The clusters from now on.
    pub(crate) fn set(&self, watched: Vec<Arc<Watched>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    fn now(&self) -> Vec<Arc<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All subscriptions of all clusters; those that cannot be asked are named.
    pub(crate) async fn list(&self) -> SubscriptionList {
        let mut list = SubscriptionList::default();
        for watched in self.now() {
            match watched.cluster.subscriptions().await {
                Ok(all) => list.subscriptions.extend(all.iter().map(|one| watched.shown(one))),
                Err(error) => list.errors.push(format!("{}: {error}", watched.cluster.name())),
            }
        }
        list
    }

    /// Drops what is left over: of these, or all of it if there are none. What was dropped is given back.
    pub(crate) async fn prune(&self, wanted: &[Subscription]) -> SubscriptionList {
        let mut list = self.list().await;
        let is_wanted = |one: &Subscription| {
            let key = |one: &Subscription| {
                let Subscription { cluster, database, retention_policy, name, .. } = one.clone();
                (cluster, database, retention_policy, name)
            };
            wanted.is_empty() || wanted.iter().any(|wanted| key(wanted) == key(one))
        };
        list.subscriptions.retain(|one| one.owner == Owner::LeftOver && is_wanted(one));
        let (mut dropped, all) = (Vec::new(), self.now());
        for one in list.subscriptions {
            let Some(watched) = all.iter().find(|watched| watched.cluster.name() == one.cluster) else { continue };
            let place = influx::DatabasePolicy { database: one.database.clone(), policy: one.retention_policy.clone() };
            match watched.cluster.drop_subscription(&one.name, &place).await {
                Ok(()) => {
                    tracing::info!(cluster = one.cluster, "the subscription {} of {place} is dropped", one.name);
                    dropped.push(one);
                }
                Err(error) => list.errors.push(format!("{}: {} of {place}: {error}", one.cluster, one.name)),
            }
        }
        SubscriptionList { subscriptions: dropped, errors: list.errors }
    }
}

impl Watched {
    /// Tells in the log what is left over.
    pub(crate) async fn warn(&self) {
        let Ok(all) = self.cluster.subscriptions().await else { return };
        let left = all.iter().filter(|one| self.owner(one) == Owner::LeftOver).count();
        if left > 0 {
            tracing::warn!(
                cluster = self.cluster.name(),
                "{left} subscriptions lead here but belong to a Kapacitor that is no more, so that points may come twice: \
                 see `kapacitor subscriptions`"
            );
        }
    }

    fn owner(&self, one: &influx::Subscription) -> Owner {
        if one.name == self.own_name {
            Owner::Own
        } else if one.is_left_over(&self.own_name, &self.here, is_unused) {
            Owner::LeftOver
        } else {
            Owner::Other
        }
    }

    fn shown(&self, one: &influx::Subscription) -> Subscription {
        Subscription {
            cluster: self.cluster.name().to_string(),
            database: one.place.database.clone(),
            retention_policy: one.place.policy.clone(),
            name: one.name.clone(),
            mode: one.mode.clone(),
            destinations: one.destinations.iter().map(|destination| without_password(destination)).collect(),
            owner: self.owner(one),
        }
    }
}

fn without_password(destination: &str) -> String {
    match destination.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
                None => destination.to_string(),
            }
        }
        None => destination.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (destination, shown) in [
            ("http://~subscriber:secret@me:9092/a@b", "http://me:9092/a@b"),
            ("http://me:9092", "http://me:9092"),
            ("udp://u:p@p@[::1]:1", "udp://[::1]:1"),
            ("odd", "odd"),
        ] {
            assert_eq!(without_password(destination), shown);
        }
    }
}
