//! Who sends the events of one handler: one worker at a time, so that a new definition takes over in order.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::Outbox;

/// The turn at one handler.
#[derive(Debug)]
pub(super) struct Lease {
    turn: Arc<Mutex<()>>,
    claims: watch::Sender<Claims>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Claims {
    /// How many were ever made; the last one is to have the turn.
    made: u64,
    /// How many there are.
    left: u64,
    /// Claims up to this one are to end, and why.
    revoked: Option<(u64, &'static str)>,
}

impl Default for Lease {
    fn default() -> Self {
        Lease { turn: Arc::default(), claims: watch::Sender::new(Claims::default()) }
    }
}

impl Lease {
    /// The handler is gone for good: whoever sends for it now is to end.
    pub(super) fn revoke(&self, why: &'static str) {
        self.claims.send_modify(|claims| claims.revoked = Some((claims.made, why)));
    }

    pub(super) fn is_unclaimed(&self) -> bool {
        self.claims.borrow().left == 0
    }
}

/// A worker's wish to send for a handler; given back when dropped.
pub(crate) struct Claim {
    lease: Arc<Lease>,
    mine: u64,
    claims: watch::Receiver<Claims>,
    turn: Option<OwnedMutexGuard<()>>,
    outbox: Arc<Outbox>,
    topic: Arc<str>,
    to: Arc<str>,
}

/// Why a worker is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Another one goes on.
    Successor,
    /// The handler is gone for good.
    Gone(&'static str),
}

impl Claim {
    pub(super) fn new(lease: Arc<Lease>, outbox: Arc<Outbox>, topic: Arc<str>, to: Arc<str>) -> Claim {
        let mut mine = 0;
        lease.claims.send_modify(|claims| {
            claims.made += 1;
            claims.left += 1;
            mine = claims.made;
        });
        Claim { claims: lease.claims.subscribe(), lease, mine, turn: None, outbox, topic, to }
    }

    /// Waits until whoever had it before is done.
    pub(crate) async fn take(&mut self) {
        let turn = Arc::clone(&self.lease.turn).lock_owned().await;
        self.turn = Some(turn);
    }

    /// Waits until this worker is to stop, for another reason than the one that it knows.
    pub(crate) async fn notice(&mut self, known: Option<Notice>) -> Notice {
        let mine = self.mine;
        let notice = |claims: &Claims| match claims.revoked {
            _ if claims.made > mine => Some(Notice::Successor),
            Some((up_to, why)) if mine <= up_to => Some(Notice::Gone(why)),
            _ => None,
        };
        let news = self.claims.wait_for(|claims| notice(claims).is_some_and(|notice| Some(notice) != known)).await;
        match news.ok().and_then(|claims| notice(&claims)) {
            Some(notice) => notice,
            // Nobody will ever give notice.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.turn = None;
        self.lease.claims.send_modify(|claims| claims.left -= 1);
        self.outbox.forget_lease(&self.topic, &self.to);
    }
}
