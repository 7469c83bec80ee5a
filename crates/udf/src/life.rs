//! One life of a function: it is initialised, gets data, gives data, is asked for signs of life, and ends.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use model::LiveSchema;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    time::Instant,
};

use crate::{
    Ask, Collector, Frames, Function, InitRequest, KeepaliveRequest, Level, Listener, News, Output, Request, Response,
    RestoreRequest, SnapshotRequest, Tell, Terms, link::Outbox, peer::Peer, write_frame,
};

/// Bytes of messages that may be on their way to the node: beyond it nothing is read from the function.
pub(crate) const UNREAD: usize = 4 << 20;
/// What a function that was told to end may still say takes at most so long, or ten times its timeout.
const LAST_WORDS: Duration = Duration::from_secs(60);
/// Read at once.
const READ: usize = 64 << 10;

/// How a life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was let go and came to its end.
    Finished,
    /// Nobody wants it any more.
    Aborted,
    /// It ended or hung up by itself.
    Died(String),
    /// It was silent for too long.
    Silent(String),
    /// It does not take its options.
    Refused(String),
    /// It does not take its snapshot.
    Unrestored(String),
    /// It told of an error, or said what makes no sense.
    Failed(String),
}

impl Ending {
    /// What went wrong, if anything did.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Ending::Finished | Ending::Aborted => None,
            Ending::Died(why)
            | Ending::Silent(why)
            | Ending::Refused(why)
            | Ending::Unrestored(why)
            | Ending::Failed(why) => Some(why),
        }
    }
}

/// Where in its life a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Initialising,
    Restoring,
    Working,
    /// It was told that no more will come.
    Ending,
}

/// See the module.
pub(crate) struct Life<'a> {
    function: &'a Function,
    terms: &'a Terms,
    outbox: &'a Outbox,
    listener: &'a Arc<dyn Listener>,
    unread: &'a Arc<Semaphore>,
    peer: Peer,
    frames: Frames,
    collector: Collector,
    stage: Stage,
    /// Requests that go before all data.
    requests: VecDeque<Vec<u8>>,
    writing: Vec<u8>,
    written: usize,
    /// What it gave, on its way to the node.
    given: VecDeque<Output>,
    /// It ends once all that it gave is on its way.
    ending: Option<Ending>,
    heard: Instant,
    /// Once it was told to end: when it is not waited for any more, whatever it still says.
    end_by: Option<Instant>,
    next_keepalive: Instant,
    next_snapshot: Option<Instant>,
    /// A snapshot was asked for.
    snapshot_wanted: bool,
    /// Data were written since it last was.
    changed: bool,
    /// Something about it that its next life, if any, should know.
    pub(crate) learnt: Learnt,
}

/// What was learnt of a function in one life.
#[derive(Debug, Clone, Default)]
pub(crate) struct Learnt {
    /// It took its options, and its snapshot if there was one.
    pub(crate) worked: bool,
    /// It answered a request for a sign of life.
    pub(crate) keeps_alive: bool,
    /// What it remembered last.
    pub(crate) snapshot: Option<Vec<u8>>,
}

/// What is the same in all lives of a function.
pub(crate) struct Surroundings<'a> {
    pub(crate) function: &'a Function,
    pub(crate) terms: &'a Terms,
    pub(crate) outbox: &'a Outbox,
    pub(crate) listener: &'a Arc<dyn Listener>,
    pub(crate) schema: &'a LiveSchema,
    pub(crate) unread: &'a Arc<Semaphore>,
}

impl<'a> Life<'a> {
    /// `snapshot` is what it is to remember.
    pub(crate) fn new(around: &Surroundings<'a>, peer: Peer, snapshot: Option<Vec<u8>>) -> Life<'a> {
        let now = Instant::now();
        let Surroundings { function, terms, outbox, listener, schema, unread } = *around;
        let interval = terms.snapshot_interval;
        let mut life = Life {
            function,
            terms,
            outbox,
            listener,
            unread,
            peer,
            frames: Frames::default(),
            collector: Collector::new(schema.clone(), terms.batches),
            stage: Stage::Initialising,
            requests: VecDeque::new(),
            writing: Vec::new(),
            written: 0,
            given: VecDeque::new(),
            ending: None,
            heard: now,
            end_by: None,
            next_keepalive: now + function.timeout / 2,
            next_snapshot: (!interval.is_zero()).then(|| now + interval),
            snapshot_wanted: false,
            changed: false,
            learnt: Learnt { snapshot, ..Learnt::default() },
        };
        let (options, task_id, node_id) = (terms.options.clone(), terms.task.clone(), terms.node.clone());
        life.ask(Ask::Init(InitRequest { options, task_id, node_id }));
        life
    }

    /// Live to the end.
    pub(crate) async fn live(&mut self) -> Ending {
        let mut buffer = vec![0; READ];
        loop {
            if self.outbox.is_aborted() {
                return Ending::Aborted;
            }
            if self.given.is_empty()
                && let Some(ending) = self.ending.take()
            {
                return ending;
            }
            self.next_piece();
            let due = self.due();
            let needed = self.given.front().map_or(0, |output| output.bytes.clamp(1, UNREAD)) as u32;
            let (reads, idle) = (self.given.is_empty() && self.ending.is_none(), self.writing.is_empty());
            let input = self.peer.input.as_mut().filter(|_| !idle);
            let writes = input.is_some();
            let write = async {
                match input {
                    Some(input) => input.write(&self.writing[self.written..]).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = self.peer.output.read(&mut buffer), if reads => match read {
                    Ok(count) if count > 0 => self.take(&buffer[..count]),
                    outcome => self.hung_up(outcome.err()).await,
                },
                written = write, if writes => self.wrote(written),
                permit = Arc::clone(self.unread).acquire_many_owned(needed), if !reads && needed > 0 => {
                    self.heard = Instant::now();
                    if let (Ok(permit), Some(output)) = (permit, self.given.pop_front()) {
                        self.listener.news(News::Data(output, Box::new(permit)));
                    }
                }
                () = self.outbox.changed() => {}
                () = tokio::time::sleep_until(due) => self.tick(),
            }
        }
    }

    fn ask(&mut self, request: Ask) {
        let mut bytes = Vec::new();
        write_frame(&Request::from(request), &mut bytes);
        self.requests.push_back(bytes);
    }

    /// Choose what is written next, and see what follows if that is nothing.
    fn next_piece(&mut self) {
        if !self.writing.is_empty() {
            return;
        }
        self.written = 0;
        if let Some(bytes) = self.requests.pop_front() {
            self.writing = bytes;
            return;
        }
        if self.stage != Stage::Working || self.peer.input.is_none() {
            return;
        }
        let (piece, room) = self.outbox.pop();
        if room {
            self.listener.news(News::Room);
        }
        if let Some(piece) = piece {
            self.writing = piece.bytes;
            self.changed = true;
        } else if self.outbox.is_done() && !self.snapshot_wanted {
            if self.next_snapshot.is_some() && self.changed {
                self.ask_snapshot();
                self.next_piece();
            } else {
                self.peer.input = None;
                self.stage = Stage::Ending;
                self.heard = Instant::now();
                self.end_by = Some(self.heard + (self.function.timeout * 10).max(LAST_WORDS));
            }
        }
    }

    fn ask_snapshot(&mut self) {
        self.snapshot_wanted = true;
        self.changed = false;
        self.ask(Ask::Snapshot(SnapshotRequest {}));
    }

    /// When the next thing is to be done that waits for nothing but time.
    fn due(&self) -> Instant {
        let silent = self.heard + self.patience();
        let silent = self.end_by.map_or(silent, |end| silent.min(end));
        let due = if self.peer.input.is_some() { silent.min(self.next_keepalive) } else { silent };
        match self.next_snapshot {
            Some(snapshot) if self.stage == Stage::Working && self.changed => due.min(snapshot),
            _ => due,
        }
    }

    /// How long it may be silent. What was told to end cannot be asked for signs of life, and may take longer.
    fn patience(&self) -> Duration {
        match self.stage {
            Stage::Initialising => self.function.first_word(),
            Stage::Restoring | Stage::Working => self.function.timeout,
            Stage::Ending => self.function.timeout * 2,
        }
    }

    /// Time has come for something.
    fn tick(&mut self) {
        let now = Instant::now();
        if !self.given.is_empty() {
            // It may well have said something: nobody listens as long as the node is busy.
            self.heard = now;
        }
        let late = now >= self.heard + self.patience() || self.end_by.is_some_and(|end| now >= end);
        if late && self.ending.is_none() {
            self.ending = Some(if self.stage == Stage::Ending {
                self.listener.log(Level::Error, "killing the function: it was told to end and does not");
                Ending::Finished
            } else {
                Ending::Silent(self.silence(now))
            });
            return;
        }
        if now >= self.next_keepalive {
            self.next_keepalive = now + self.function.timeout / 2;
            // One that waits behind data is enough.
            if self.requests.is_empty() && self.peer.input.is_some() {
                self.ask_keepalive();
            }
        }
        if self.next_snapshot.is_some_and(|at| now >= at) && self.stage == Stage::Working {
            self.next_snapshot = Some(now + self.terms.snapshot_interval);
            if self.changed && !self.snapshot_wanted && self.peer.input.is_some() {
                self.ask_snapshot();
            }
        }
    }

    fn ask_keepalive(&mut self) {
        self.ask(Ask::Keepalive(KeepaliveRequest { time: nanos() }));
    }

    fn silence(&self, now: Instant) -> String {
        let ago = i64::try_from(now.duration_since(self.heard).as_nanos()).unwrap_or(0);
        let mut time = String::new();
        model::write_rfc3339(nanos().saturating_sub(ago), &mut time);
        format!(
            "keepalive timedout, last keepalive received was: {time} (it may be silent for {:?}: timeout in \
             [udf.functions.{}])",
            self.patience(),
            self.function.name
        )
    }

    fn wrote(&mut self, written: std::io::Result<usize>) {
        match written {
            Ok(count) => {
                self.written += count;
                if self.written >= self.writing.len() {
                    self.writing = Vec::new();
                }
            }
            // It reads no more. What it has still said is heard to its end, which tells more than this.
            Err(_) => {
                self.peer.input = None;
                self.writing = Vec::new();
            }
        }
    }

    async fn hung_up(&mut self, error: Option<std::io::Error>) {
        let how = match error {
            Some(error) => format!("read error: {error}"),
            None => self.peer.farewell().await,
        };
        self.ending = Some(match self.stage {
            Stage::Ending => Ending::Finished,
            Stage::Initialising | Stage::Restoring => Ending::Died(format!("{how} before it was initialised")),
            Stage::Working if self.frames.waiting() > 0 => Ending::Died(format!("{how} in the middle of a message")),
            Stage::Working => Ending::Died(how),
        });
    }

    /// More bytes came from it.
    fn take(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
        while self.ending.is_none() {
            let before = self.frames.waiting();
            match self.frames.message::<Response>() {
                Ok(Some(response)) => {
                    self.heard = Instant::now();
                    self.heed(response, before - self.frames.waiting());
                }
                Ok(None) => break,
                Err(error) => self.ending = Some(Ending::Failed(format!("read error: {error}"))),
            }
        }
        self.given.extend(self.collector.take());
    }

    /// One message came from it.
    fn heed(&mut self, response: Response, bytes: usize) {
        let order = match response.message {
            Some(Tell::Point(point)) if self.takes_data() => self.collector.point(point, bytes),
            Some(Tell::Begin(begin)) if self.takes_data() => self.collector.begin(&begin),
            Some(Tell::End(end)) if self.takes_data() => self.collector.end(&end),
            Some(Tell::Keepalive(_)) => {
                self.learnt.keeps_alive = true;
                Ok(())
            }
            Some(Tell::Error(error)) => {
                self.ending = Some(Ending::Failed(error.error));
                Ok(())
            }
            Some(Tell::Init(init)) if self.stage == Stage::Initialising => {
                if init.success {
                    self.initialised();
                } else {
                    self.ending = Some(Ending::Refused(format!("failed to initialize processes {}", init.error)));
                }
                Ok(())
            }
            Some(Tell::Restore(restore)) if self.stage == Stage::Restoring => {
                if restore.success {
                    self.work();
                } else {
                    self.ending = Some(Ending::Unrestored(format!("error restoring snapshot: {}", restore.error)));
                }
                Ok(())
            }
            Some(Tell::Snapshot(snapshot)) if self.snapshot_wanted => {
                self.snapshot_wanted = false;
                self.learnt.snapshot = Some(snapshot.snapshot.clone());
                self.listener.news(News::Snapshot(snapshot.snapshot));
                Ok(())
            }
            Some(Tell::Info(_) | Tell::Init(_) | Tell::Restore(_) | Tell::Snapshot(_)) => {
                self.listener.log(Level::Error, "received message without requesting it");
                Ok(())
            }
            Some(Tell::Point(_) | Tell::Begin(_) | Tell::End(_)) => {
                self.ending = Some(Ending::Failed("it gave data before it was initialised".to_string()));
                Ok(())
            }
            None => {
                self.ending = Some(Ending::Failed("read error: an empty message".to_string()));
                Ok(())
            }
        };
        if let Err(error) = order {
            self.ending = Some(Ending::Failed(error.to_string()));
        }
    }

    fn takes_data(&self) -> bool {
        matches!(self.stage, Stage::Working | Stage::Ending)
    }

    fn initialised(&mut self) {
        // A function without state may save nothing, and need not be able to take it up.
        match self.learnt.snapshot.clone().filter(|snapshot| !snapshot.is_empty()) {
            Some(snapshot) => {
                self.stage = Stage::Restoring;
                self.ask(Ask::Restore(RestoreRequest { snapshot }));
            }
            None => self.work(),
        }
    }

    fn work(&mut self) {
        self.stage = Stage::Working;
        self.learnt.worked = true;
        // Before all data: what answers this and is silent later is known to be stuck, not deaf.
        self.ask_keepalive();
        self.outbox.begin_again();
        self.listener.news(News::Up);
    }
}

/// Nanoseconds since 1970.
fn nanos() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}
