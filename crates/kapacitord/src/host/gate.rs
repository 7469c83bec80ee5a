//! The queries of one cluster: so many at a time, spread over a while if so wished, and what is equal asked once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Answer, InfluxQuery};
use influx::Cluster;
use model::{LiveSchema, Schema};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    Mail,
    queries::{Found, find},
};

/// How a user wants a cluster to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manners {
    /// Queries that may run at a time; zero is no limit.
    pub at_once: usize,
    /// Each node asks by a time of its own, less than this, later than its schedule says.
    pub jitter: Duration,
}

/// See the module.
pub(super) struct Gate {
    cluster: Arc<Cluster>,
    turns: Semaphore,
    jitter: Duration,
    /// Who waits for the answer to a query that is out, or will be.
    waiting: Mutex<HashMap<Arc<InfluxQuery>, Vec<Mail>>>,
    counts: Arc<QueryCounts>,
}

/// What a cluster was asked.
#[derive(Debug, Default)]
pub(crate) struct QueryCounts {
    pub(crate) asked: AtomicU64,
    /// Got the answer to an equal query.
    pub(crate) shared: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Gate {
    pub(super) fn new(cluster: Arc<Cluster>, manners: Manners) -> Gate {
        let turns = if manners.at_once == 0 { Semaphore::MAX_PERMITS } else { manners.at_once };
        let turns = Semaphore::new(turns.min(Semaphore::MAX_PERMITS));
        Gate { cluster, turns, jitter: manners.jitter, waiting: Mutex::default(), counts: Arc::default() }
    }

    /// The gate of the same cluster at another place or with other manners; it counts on.
    pub(super) fn follow(&self, cluster: Arc<Cluster>, manners: Manners) -> Gate {
        Gate { counts: Arc::clone(&self.counts), ..Gate::new(cluster, manners) }
    }

    pub(super) fn counts(&self) -> &QueryCounts {
        &self.counts
    }

    /// Asks when it is time, and sends the answer to all who want it.
    pub(super) fn ask(
        self: &Arc<Self>,
        query: InfluxQuery,
        mail: Mail,
        schema: impl Into<LiveSchema>,
        runtime: &tokio::runtime::Handle,
    ) {
        let (query, schema) = (Arc::new(query), schema.into());
        let pause = self.pause(&mail);
        {
            let mut waiting = self.lock();
            if let Some(others) = waiting.get_mut(&query) {
                others.push(mail);
                self.counts.shared.fetch_add(1, Ordering::Relaxed);
                return;
            }
            waiting.insert(Arc::clone(&query), vec![mail]);
        }
        let gate = Arc::clone(self);
        let asking = runtime.spawn({
            let (gate, query) = (Arc::clone(self), Arc::clone(&query));
            async move {
                tokio::time::sleep(pause).await;
                let schema = schema.now();
                (gate.find(&schema, &query).await, Some(schema))
            }
        });
        runtime.spawn(async move {
            let fault = |_| (Err("it ended by a fault of the program, or of its end".to_string()), None);
            // The schema is held until tasks have the rows that were found with it.
            let (found, _schema) = asking.await.unwrap_or_else(fault);
            gate.answer(&query, found);
        });
    }

    /// The answer to a query, when it is its turn.
    pub(super) async fn find(&self, schema: &Arc<Schema>, query: &InfluxQuery) -> Result<Found, String> {
        let _turn: Option<SemaphorePermit<'_>> = self.turns.acquire().await.ok();
        self.counts.asked.fetch_add(1, Ordering::Relaxed);
        let found = find(&self.cluster, schema, query).await;
        if found.is_err() {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    fn answer(&self, query: &Arc<InfluxQuery>, found: Result<Found, String>) {
        let mut mails = self.lock().remove(query).unwrap_or_default();
        let Some(last) = mails.pop() else { return };
        match found {
            Ok((words, batches)) => {
                let words = Arc::new(words);
                for mail in mails {
                    mail.send(Answer::Batches { words: Arc::clone(&words), batches: batches.clone() });
                }
                last.send(Answer::Batches { words, batches });
            }
            Err(why) => {
                for mail in mails {
                    mail.send(Answer::Failed(why.clone()));
                }
                last.send(Answer::Failed(why));
            }
        }
    }

    /// The same for one node at all times, so that its queries keep their distance.
    fn pause(&self, mail: &Mail) -> Duration {
        let Ok(jitter) = u64::try_from(self.jitter.as_nanos()) else { return Duration::ZERO };
        if jitter == 0 {
            return Duration::ZERO;
        }
        let mut hasher = DefaultHasher::new();
        mail.node().hash(&mut hasher);
        Duration::from_nanos(hasher.finish() % jitter)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<InfluxQuery>, Vec<Mail>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use influx::ClusterConfig;
    use testkit::http::{Answer as HttpAnswer, Server};

    use super::*;
    use crate::host::Mailbox;

    const ONE_ROW: &str =
        r#"{"results":[{"series":[{"name":"m","columns":["time","v"],"values":[["1970-01-01T00:00:01Z",1]]}]}]}"#;

    fn gate(server: &Server, manners: Manners) -> Arc<Gate> {
        let cluster = Cluster::new(ClusterConfig::at(server.url())).expect("a good configuration");
        Arc::new(Gate::new(Arc::new(cluster), manners))
    }

    fn query(text: &str) -> InfluxQuery {
        InfluxQuery { text: text.to_string(), ..InfluxQuery::default() }
    }

    #[test]
    fn what_is_equal_is_asked_once() {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let server = Server::start(move |_| {
            held.lock().expect("no panic").recv().ok();
            HttpAnswer::new(200, ONE_ROW)
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (gate, mailbox, schema) = (gate(&server, Manners::default()), Mailbox::new(), Schema::new());
        for (node, text) in ["a", "a", "b", "a"].into_iter().enumerate() {
            gate.ask(query(text), mailbox.mail(node), Arc::clone(&schema), runtime.handle());
        }
        drop(release);
        let mut nodes: Vec<usize> = (0..4)
            .map(|_| {
                let (node, answer) = mailbox.next();
                assert!(matches!(answer, Answer::Batches { batches, .. } if batches[0].1.len() == 1));
                node
            })
            .collect();
        nodes.sort_unstable();
        assert_eq!((nodes, server.take().len()), (vec![0, 1, 2, 3], 2));
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((count(&gate.counts.asked), count(&gate.counts.shared)), (2, 2));
        assert!(gate.lock().is_empty());
    }

    #[test]
    fn no_more_than_so_many_run_at_a_time() {
        let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let most = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let server = Server::start({
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            move |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                HttpAnswer::new(200, ONE_ROW)
            }
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let manners = Manners { at_once: 2, jitter: Duration::from_millis(1) };
        let (gate, mailbox, schema) = (gate(&server, manners), Mailbox::new(), Schema::new());
        for node in 0..40 {
            gate.ask(query(&node.to_string()), mailbox.mail(node), Arc::clone(&schema), runtime.handle());
        }
        for _ in 0..40 {
            mailbox.next();
        }
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?} ran at a time");
        let pauses: Vec<Duration> = (0..40).map(|node| gate.pause(&mailbox.mail(node))).collect();
        assert!(pauses.iter().all(|pause| *pause < Duration::from_millis(1)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        assert_eq!(pauses[3], gate.pause(&mailbox.mail(3)));
    }

    #[test]
    fn a_failure_is_told_to_all() {
        let server = Server::start(|_| HttpAnswer::new(400, r#"{"error":"no"}"#));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (gate, mailbox) = (gate(&server, Manners::default()), Mailbox::new());
        gate.ask(query("a"), mailbox.mail(0), Schema::new(), runtime.handle());
        assert!(matches!(mailbox.next(), (0, Answer::Failed(why)) if why == "no"));
    }
}
