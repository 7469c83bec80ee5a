//! Points on their way to one cluster: a line for each target, bounded together, and tried until they are written.
//!
//! What waits for the same target goes in one request. When the server is away, what is written waits, up to a number of
//! bytes for the whole cluster; beyond it the oldest that waits in the longest line is dropped, and counted.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use engine::{Answer, InfluxWrite};
use influx::{Cluster, Error, Precision, Write};
use tokio::sync::watch;

use super::{Mail, posts::text_of};

/// Lines that wait are put together up to this many bytes.
const TOGETHER: usize = 1 << 20;
/// Pauses between tries double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A write that the server answers with an error of its own is given up after so many tries; one that cannot reach it
/// is not.
const TRIES: u32 = 10;
/// Why points are lost whose cluster is no more.
const GONE: &str = "the cluster is not in the config any more";

/// How to wait between tries; a test has a clock of its own.
type Pause = Box<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Database and retention policy.
type Target = (String, String);

/// See the module.
pub(super) struct Writes {
    name: String,
    /// Where they go now; nowhere once the cluster is not in the config any more.
    cluster: watch::Sender<Option<Arc<Cluster>>>,
    runtime: tokio::runtime::Handle,
    pause: Pause,
    /// Bytes that may wait.
    room: AtomicUsize,
    state: Mutex<State>,
    /// How many things wait or are under way.
    left: watch::Sender<usize>,
    counts: WriteCounts,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Target, Lane>,
    bytes: usize,
}

/// What waits for one target. A database is made before it is written to.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// Somebody works at it.
    busy: bool,
}

enum Item {
    Write(InfluxWrite, Mail),
    Create,
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Write(write, _) => write.lines.len(),
            Item::Create => 0,
        }
    }
}

/// What became of points.
#[derive(Debug, Default)]
pub(crate) struct WriteCounts {
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// Points of requests that were tried again, each time.
    pub(crate) retried: AtomicU64,
    pub(crate) queued: AtomicU64,
}

impl Writes {
    pub(super) fn new(cluster: Arc<Cluster>, room: usize, runtime: tokio::runtime::Handle) -> Arc<Writes> {
        Writes::pausing(cluster, room, runtime, Box::new(|pause| Box::pin(tokio::time::sleep(pause))))
    }

    fn pausing(cluster: Arc<Cluster>, room: usize, runtime: tokio::runtime::Handle, pause: Pause) -> Arc<Writes> {
        Arc::new(Writes {
            pause,
            name: cluster.name().to_string(),
            cluster: watch::Sender::new(Some(cluster)),
            runtime,
            room: AtomicUsize::new(room),
            state: Mutex::default(),
            left: watch::Sender::new(0),
            counts: WriteCounts::default(),
        })
    }

    /// From now on so many bytes may wait.
    pub(super) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::Relaxed);
    }

    /// What waits, and what is to come, goes there.
    pub(super) fn move_to(&self, cluster: Arc<Cluster>) {
        self.cluster.send_replace(Some(cluster));
    }

    /// What waits is lost, and nothing is taken any more.
    pub(super) fn close(&self) {
        self.cluster.send_replace(None);
        let waiting: Vec<Item> = {
            let mut state = self.lock();
            state.bytes = 0;
            let lanes = state.lanes.values_mut();
            lanes
                .flat_map(|lane| {
                    lane.bytes = 0;
                    std::mem::take(&mut lane.waiting)
                })
                .collect()
        };
        let points: u64 = waiting.iter().map(Item::points).sum();
        if points > 0 {
            tracing::error!(cluster = self.name, "{points} points were not written: {GONE}");
        }
        waiting.into_iter().for_each(|item| self.lost(item, GONE));
    }

    pub(super) fn counts(&self) -> &WriteCounts {
        &self.counts
    }

    pub(super) fn write(self: &Arc<Self>, write: InfluxWrite, mail: Mail) {
        self.counts.queued.fetch_add(write.points, Ordering::Relaxed);
        let target = (write.database.clone(), write.retention_policy.clone());
        self.push(target, Item::Write(write, mail));
    }

    pub(super) fn create(self: &Arc<Self>, database: &str, policy: &str) {
        self.push((database.to_string(), policy.to_string()), Item::Create);
    }

    /// Waits until all is written or given up, but no longer than this; what is left then is lost.
    pub(super) async fn drain(&self, longest: Duration) {
        let mut left = self.left.subscribe();
        let done = tokio::time::timeout(longest, left.wait_for(|left| *left == 0)).await.is_ok();
        let queued = self.counts.queued.load(Ordering::Relaxed);
        if !done && queued > 0 {
            tracing::error!(cluster = self.name, "{queued} points were not written before the end");
        }
    }

    fn push(self: &Arc<Self>, target: Target, item: Item) {
        self.left.send_modify(|left| *left += 1);
        let mut dropped = Vec::new();
        let mut state = self.lock();
        if self.cluster.borrow().is_none() {
            drop(state);
            return self.lost(item, GONE);
        }
        let room = self.room.load(Ordering::Relaxed);
        let bytes = item.bytes();
        state.bytes += bytes;
        let lane = state.lanes.entry(target.clone()).or_default();
        lane.bytes += bytes;
        lane.waiting.push_back(item);
        let start = !std::mem::replace(&mut lane.busy, true);
        while state.bytes > room {
            match state.drop_oldest() {
                Some(item) => dropped.push(item),
                None => break,
            }
        }
        drop(state);
        if start {
            self.runtime.spawn(Arc::clone(self).work(target));
        }
        for item in dropped {
            self.lost(
                item,
                &format!("{room} bytes wait already for the cluster (write-buffer); the oldest are dropped"),
            );
        }
    }

    /// Does what waits for a target until nothing does.
    async fn work(self: Arc<Self>, target: Target) {
        let (mut pause, mut tries, mut told) = (FIRST_PAUSE, 0, String::new());
        let mut moved = self.cluster.subscribe();
        while let Some(items) = self.take(&target) {
            tries += 1;
            let (error, items) = match self.attempt(&target, items).await {
                Ok(()) => {
                    if !std::mem::take(&mut told).is_empty() {
                        tracing::info!(cluster = self.name, "writes to {target:?} succeed again");
                    }
                    (pause, tries) = (FIRST_PAUSE, 0);
                    continue;
                }
                Err(failed) => failed,
            };
            let answered = matches!(error, Error::Refused { .. });
            if !error.is_temporary() || (answered && tries >= TRIES) {
                self.give_up(&target, items, &error).await;
                (pause, tries) = (FIRST_PAUSE, 0);
                continue;
            }
            let text = error.to_string();
            if text != told {
                tracing::warn!(cluster = self.name, "writes to {target:?} will be tried again: {text}");
                told = text;
            }
            let points: u64 = items.iter().map(Item::points).sum();
            self.counts.retried.fetch_add(points, Ordering::Relaxed);
            self.put_back(&target, items);
            tokio::select! {
                () = (self.pause)(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                // It may be better there.
                _ = moved.changed() => pause = FIRST_PAUSE,
            }
        }
    }

    /// One request for all of these; they come back with the error if it fails.
    async fn attempt(&self, target: &Target, items: Vec<Item>) -> Result<(), (Error, Vec<Item>)> {
        let now = self.cluster.borrow().clone();
        let Some(cluster) = now else { return Err((Error::Config(GONE.to_string()), items)) };
        let sent = match &items[..] {
            [Item::Write(first, _), ..] => {
                let mut lines = String::with_capacity(items.iter().map(Item::bytes).sum());
                for item in &items {
                    if let Item::Write(write, _) = item {
                        lines.push_str(&write.lines);
                    }
                }
                let write = Write {
                    database: first.database.clone(),
                    policy: first.retention_policy.clone(),
                    precision: Precision::named(&first.precision).unwrap_or_default(),
                    consistency: first.consistency.clone(),
                    lines: lines.into(),
                };
                cluster.write(&write).await
            }
            _ => cluster.create_database(&target.0, &target.1).await,
        };
        if let Err(error) = sent {
            return Err((error, items));
        }
        for item in items {
            self.gone(&item);
            if let Item::Write(write, mail) = item {
                self.counts.written.fetch_add(write.points, Ordering::Relaxed);
                mail.send(Answer::Done(write.points));
            }
        }
        Ok(())
    }

    /// What was refused together is tried one by one, once: only what is bad itself shall be lost.
    async fn give_up(&self, target: &Target, items: Vec<Item>, error: &Error) {
        let alone = items.len() == 1;
        for item in items {
            let error = if alone {
                error.clone()
            } else {
                match self.attempt(target, vec![item]).await {
                    Ok(()) => continue,
                    Err((error, mut items)) => {
                        if let Some(item) = items.pop() {
                            self.lost(item, &text_of(&error));
                        }
                        continue;
                    }
                }
            };
            if matches!(item, Item::Create) {
                let (cluster, database) = (&self.name, &target.0);
                tracing::error!(cluster, database, "cannot create the database: {error}");
            }
            self.lost(item, &text_of(&error));
        }
    }

    fn lost(&self, item: Item, why: &str) {
        self.gone(&item);
        if let Item::Write(write, mail) = item {
            self.counts.dropped.fetch_add(write.points, Ordering::Relaxed);
            mail.send(Answer::Failed(why.to_string()));
        }
    }

    /// Neither waits nor is under way any more.
    fn gone(&self, item: &Item) {
        self.counts.queued.fetch_sub(item.points(), Ordering::Relaxed);
        self.left.send_modify(|left| *left -= 1);
    }

    /// What is to be done next for a target, in one request; `None` when nobody needs to work at it any more.
    fn take(&self, target: &Target) -> Option<Vec<Item>> {
        let mut state = self.lock();
        let lane = state.lanes.get_mut(target)?;
        let Some(first) = lane.waiting.pop_front() else {
            state.lanes.remove(target);
            return None;
        };
        let mut bytes = first.bytes();
        let mut items = vec![first];
        while let Some(next) = lane.waiting.front()
            && items[0].goes_with(next)
            && bytes + next.bytes() <= TOGETHER
        {
            bytes += next.bytes();
            items.extend(lane.waiting.pop_front());
        }
        lane.bytes -= bytes;
        state.bytes -= bytes;
        Some(items)
    }

    fn put_back(&self, target: &Target, items: Vec<Item>) {
        let mut state = self.lock();
        if self.cluster.borrow().is_none() {
            drop(state);
            return items.into_iter().for_each(|item| self.lost(item, GONE));
        }
        let bytes: usize = items.iter().map(Item::bytes).sum();
        state.bytes += bytes;
        let lane = state.lanes.entry(target.clone()).or_default();
        lane.bytes += bytes;
        lane.busy = true;
        for item in items.into_iter().rev() {
            lane.waiting.push_front(item);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn points(&self) -> u64 {
        match self {
            Item::Write(write, _) => write.points,
            Item::Create => 0,
        }
    }

    /// Whether both can go in one request.
    fn goes_with(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Write(one, _), Item::Write(other, _)) => {
                one.precision == other.precision && one.consistency == other.consistency
            }
            _ => false,
        }
    }
}

impl State {
    /// Takes the oldest write of the lane that holds most.
    fn drop_oldest(&mut self) -> Option<Item> {
        let lane = self.lanes.values_mut().max_by_key(|lane| lane.bytes)?;
        let at = lane.waiting.iter().position(|item| matches!(item, Item::Write(..)))?;
        let item = lane.waiting.remove(at)?;
        lane.bytes -= item.bytes();
        self.bytes -= item.bytes();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::{atomic::AtomicBool, mpsc};

    use influx::ClusterConfig;
    use testkit::http::{Answer as HttpAnswer, Request, Server};

    use super::*;
    use crate::host::Mailbox;

    fn writes(server: &Server, room: usize, runtime: &tokio::runtime::Runtime) -> Arc<Writes> {
        let cluster = Cluster::new(ClusterConfig::at(server.url())).expect("a good configuration");
        Writes::new(Arc::new(cluster), room, runtime.handle().clone())
    }

    fn write(database: &str, lines: &str) -> InfluxWrite {
        let points = lines.lines().count() as u64;
        InfluxWrite { database: database.to_string(), lines: lines.to_string(), points, ..InfluxWrite::default() }
    }

    fn lines(request: &Request) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&request.body[..]).read_to_string(&mut text).expect("gzip");
        text
    }

    /// A server that answers a write only when it is told to.
    fn held() -> (Server, mpsc::Sender<u16>) {
        let (send, answers) = mpsc::channel::<u16>();
        let answers = Mutex::new(answers);
        let server = Server::start(move |_| {
            let status = answers.lock().expect("no panic").recv().unwrap_or(204);
            HttpAnswer::new(status, r#"{"error":"bad"}"#)
        });
        (server, send)
    }

    fn counted(writes: &Writes) -> [u64; 4] {
        let counts = &writes.counts;
        [&counts.written, &counts.dropped, &counts.retried, &counts.queued].map(|count| count.load(Ordering::Relaxed))
    }

    #[test]
    fn what_waits_goes_together_and_in_order() {
        let (server, answer) = held();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (writes, mailbox) = (writes(&server, 1000, &runtime), Mailbox::new());
        writes.write(write("d", "a v=1 1\n"), mailbox.mail(0));
        let mut requests = server.wait_for(1);
        for node in 1..4 {
            writes.write(write("d", &format!("b v={node} 1\nc v=1 1\n")), mailbox.mail(node));
        }
        // The first is tried again, and then takes the others along.
        answer.send(503).unwrap();
        answer.send(204).unwrap();
        let done: Vec<usize> = (0..4).map(|_| mailbox.next().0).collect();
        requests.extend(server.take());
        let sent: Vec<String> = requests.iter().map(lines).collect();
        let all = "a v=1 1\nb v=1 1\nc v=1 1\nb v=2 1\nc v=1 1\nb v=3 1\nc v=1 1\n";
        assert_eq!((sent, done), (vec!["a v=1 1\n".to_string(), all.to_string()], vec![0, 1, 2, 3]));
        assert_eq!(counted(&writes), [7, 0, 1, 0]);
        runtime.block_on(writes.drain(Duration::from_secs(60)));
    }

    #[test]
    fn only_what_is_bad_is_lost() {
        let (server, answer) = held();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (writes, mailbox) = (writes(&server, 1000, &runtime), Mailbox::new());
        writes.write(write("d", "a v=1 1\n"), mailbox.mail(0));
        server.wait_for(1);
        writes.write(write("d", "b v=1 1\n"), mailbox.mail(1));
        writes.write(write("d", "c v=1 1\n"), mailbox.mail(2));
        for status in [204, 400, 204, 400] {
            answer.send(status).unwrap();
        }
        assert!(matches!(mailbox.next(), (0, Answer::Done(1))));
        assert!(matches!(mailbox.next(), (1, Answer::Done(1))));
        assert!(matches!(mailbox.next(), (2, Answer::Failed(why)) if why == "bad"));
        assert_eq!(counted(&writes), [2, 1, 0, 0]);
    }

    #[test]
    fn the_oldest_is_dropped_when_there_is_no_room() {
        let (server, answer) = held();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (writes, mailbox) = (writes(&server, 20, &runtime), Mailbox::new());
        writes.write(write("d", "a v=1 1\n"), mailbox.mail(0));
        server.wait_for(1);
        for node in 1..4 {
            writes.write(write("d", &format!("b v={node} 1\n")), mailbox.mail(node));
        }
        let (node, lost) = mailbox.next();
        assert!(matches!(lost, Answer::Failed(why) if why.contains("20 bytes wait already")));
        assert_eq!((node, counted(&writes)), (1, [0, 1, 0, 3]));
        drop(answer);
        let rest: Vec<usize> = (0..3).map(|_| mailbox.next().0).collect();
        assert_eq!((rest, counted(&writes)), (vec![0, 2, 3], [3, 1, 0, 0]));
    }

    /// An address that leads to a server, or nowhere.
    fn leading_to(server: &Server, is_there: &Arc<AtomicBool>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, server, is_there) =
            (listener.local_addr().expect("an address"), server.address(), is_there.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().filter(|_| is_there.load(Ordering::SeqCst)) {
                let (client, server) = (client.expect("a connection"), TcpStream::connect(server).expect("a server"));
                for (mut from, mut to) in [(&client, &server), (&server, &client)]
                    .map(|(from, to)| (from.try_clone().expect("a connection"), to.try_clone().expect("a connection")))
                {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        });
        address
    }

    #[test]
    fn what_has_room_outlasts_an_hour_without_the_server() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (server, is_there) = (Server::start(|_| HttpAnswer::new(204, "")), Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let cluster = ClusterConfig::at(format!("http://{}", leading_to(&server, &is_there)));
        let cluster = Arc::new(Cluster::new(cluster).expect("a good configuration"));
        let (ask, asked) = mpsc::channel();
        let pause = move |pause| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            let (end, ended) = tokio::sync::oneshot::channel::<()>();
            ask.send((pause, end)).expect("a test that listens");
            Box::pin(async { drop(ended.await) })
        };
        let line = |number: usize| format!("a v={number:03} 1\n");
        let room = 50 * line(0).len();
        let writes = Writes::pausing(cluster, room, runtime.handle().clone(), Box::new(pause));
        let mailbox = Mailbox::new();
        let (mut pauses, mut gone): (Vec<Duration>, _) = (Vec::new(), Duration::ZERO);
        writes.write(write("d", &line(0)), mailbox.mail(0));
        while gone < HOUR {
            let (pause, end) = asked.recv_timeout(testkit::wait::PATIENCE).expect("another try");
            pauses.push(pause);
            gone += pause;
            writes.write(write("d", &line(pauses.len())), mailbox.mail(pauses.len()));
            is_there.store(gone >= HOUR, Ordering::SeqCst);
            end.send(()).expect("somebody waits");
        }
        runtime.block_on(writes.drain(testkit::wait::PATIENCE));
        // It was asked ever less often, and never given up.
        assert!(pauses.is_sorted() && (pauses[0], pauses[pauses.len() - 1]) == (FIRST_PAUSE, LONGEST_PAUSE));
        assert!(pauses.len() < 140, "{}", pauses.len());
        // The youngest for which there was room are there, in order; of the others it is known that they are not.
        let (all, kept) = (pauses.len() + 1, 50);
        let sent: String = server.take().iter().map(lines).collect();
        assert_eq!(sent, (all - kept..all).map(line).collect::<String>());
        assert_eq!(counted(&writes)[..2], [kept as u64, (all - kept) as u64]);
        assert_eq!(counted(&writes)[3], 0);
        let lost = (0..all).filter(|_| matches!(mailbox.next().1, Answer::Failed(_))).count();
        assert_eq!(lost, all - kept);
    }

    #[test]
    fn a_database_is_made_before_it_is_written_to() {
        let server = Server::start(|request| match request.path.as_str() {
            "/query" => HttpAnswer::new(200, r#"{"results":[{}]}"#),
            _ => HttpAnswer::new(204, ""),
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (writes, mailbox) = (writes(&server, 1000, &runtime), Mailbox::new());
        writes.create("d", "");
        writes.write(write("d", "a v=1 1\n"), mailbox.mail(0));
        assert!(matches!(mailbox.next(), (0, Answer::Done(1))));
        let paths: Vec<String> = server.take().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/query", "/write"]);
    }
}
