//! Points that come by UDP: sockets, and what becomes of their packets.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Origin, Tasks, Write};
use model::{LiveSchema, Precision, Words, parse_lines};
use socket2::SockRef;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    budgets::PERMIT,
    http::Ingress,
    ingest::{Entry, IngestLog, Share},
};

/// Larger packets there are not.
const PACKET: usize = 64 << 10;
/// Losses are told of at most this often.
const TELL: Duration = Duration::from_secs(10);

/// Where points go. Made before there are tasks, and told of them later.
pub struct Inlet {
    pub schema: LiveSchema,
    pub ingress: Arc<Ingress>,
    /// What may wait for tasks, shared with writes over HTTP.
    pub budget: Arc<Semaphore>,
    pub tasks: OnceLock<Weak<Tasks>>,
    /// The log of writes, if there is one.
    pub log: OnceLock<Arc<IngestLog>>,
}

impl Inlet {
    pub fn new(schema: impl Into<LiveSchema>, ingress: Arc<Ingress>, budget: Arc<Semaphore>) -> Inlet {
        Inlet { schema: schema.into(), ingress, budget, tasks: OnceLock::new(), log: OnceLock::new() }
    }

    async fn hand_on(&self, packet: Vec<u8>, now: i64, write: Write, share: Share) {
        if let Some(log) = self.log.get() {
            let precision = Precision::Nanoseconds;
            let written = log.submit(Entry { lines: packet.into(), precision, now, write, share }).await;
            if !matches!(written, Ok(Ok(()))) {
                // Who sends by UDP is told of nothing; the log tells of itself.
                tracing::debug!("a packet is not in the log of writes");
            }
        } else if let Some(tasks) = self.tasks.get().and_then(Weak::upgrade) {
            tasks.write(&Arc::new(write), share);
        }
    }
}

/// A socket that is not read yet.
pub struct Bound {
    socket: tokio::net::UdpSocket,
    pub address: SocketAddr,
}

impl Bound {
    /// `address` has a host and a port. The system keeps so many bytes of what was not read; 0 for what it likes.
    ///
    /// # Errors
    /// The socket cannot be had.
    pub fn new(address: &str, read_buffer: usize, runtime: &Handle) -> std::io::Result<Bound> {
        let socket = UdpSocket::bind(address)?;
        if read_buffer > 0 {
            SockRef::from(&socket).set_recv_buffer_size(read_buffer)?;
        }
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let _context = runtime.enter();
        Ok(Bound { socket: tokio::net::UdpSocket::from_std(socket)?, address })
    }
}

/// How packets are taken.
pub struct Taking {
    /// What the points are of.
    pub origin: Origin,
    /// So many packets may wait until tasks take them.
    pub waiting: usize,
    /// The key of the config that says so.
    pub waiting_key: &'static str,
}

/// What came in at a socket.
#[derive(Debug, Default)]
pub struct Counts {
    pub points: AtomicU64,
    pub bytes: AtomicU64,
    /// Packets that hold no valid lines.
    pub bad: AtomicU64,
    /// Packets that nobody took in time.
    pub lost: AtomicU64,
    /// Times that the socket could not be read.
    pub unread: AtomicU64,
}

impl Counts {
    fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// A socket whose packets are taken until this is dropped.
pub struct Listening {
    pub address: SocketAddr,
    pub counts: Arc<Counts>,
    work: [JoinHandle<()>; 2],
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
    }
}

impl Listening {
    pub fn start(bound: Bound, taking: Taking, inlet: &Arc<Inlet>, runtime: &Handle) -> Listening {
        let Bound { socket, address } = bound;
        let (send, receive) = mpsc::channel(taking.waiting.max(1));
        let counts = Arc::new(Counts::default());
        let read = runtime.spawn(read(socket, send, Arc::clone(&counts)));
        let packets = Packets { receive, key: taking.waiting_key, counts: Arc::clone(&counts) };
        let take = runtime.spawn(packets.take(taking.origin, Arc::clone(inlet)));
        Listening { address, counts, work: [read, take] }
    }
}

/// Takes packets off the socket as fast as they come.
async fn read(socket: tokio::net::UdpSocket, send: mpsc::Sender<Vec<u8>>, counts: Arc<Counts>) {
    let mut packet = vec![0; PACKET];
    loop {
        match socket.recv(&mut packet).await {
            Ok(length) => {
                Counts::add(&counts.bytes, length);
                match send.try_send(packet[..length].to_vec()) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => Counts::add(&counts.lost, 1),
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
            // A packet of ours that nobody took, told of late.
            Err(_) => {
                Counts::add(&counts.unread, 1);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Packets that wait for the tasks.
struct Packets {
    receive: mpsc::Receiver<Vec<u8>>,
    key: &'static str,
    counts: Arc<Counts>,
}

impl Packets {
    /// Hands their points to the tasks.
    async fn take(mut self, origin: Origin, inlet: Arc<Inlet>) {
        let received = inlet.ingress.of(origin);
        let mut losses = Losses::default();
        while let Some(packet) = self.receive.recv().await {
            // While tasks are behind, packets wait in the channel, and beyond it are lost and counted.
            let permits = (packet.len() / PERMIT + 1) as u32;
            let Ok(held) = Arc::clone(&inlet.budget).acquire_many_owned(permits).await else { return };
            let (mut rows, mut words) = (Vec::new(), Words::default());
            let now = crate::definitions::now();
            let schema = inlet.schema.now();
            match parse_lines(&schema, &packet, Precision::Nanoseconds, now, &mut rows, &mut words) {
                Ok(()) => {
                    received.count(&schema, &rows);
                    Counts::add(&self.counts.points, rows.len());
                    let write = Write { origin: Arc::clone(&received.origin), rows, words: Arc::new(words), number: 0 };
                    inlet.hand_on(packet, now, write, Some(Arc::new((held, schema)))).await;
                }
                Err(error) => {
                    Counts::add(&self.counts.bad, 1);
                    losses.last_error = error.to_string();
                }
            }
            losses.tell(&self, &received.origin);
        }
    }
}

/// What was told of losses.
#[derive(Default)]
struct Losses {
    bad: u64,
    lost: u64,
    last_error: String,
    when: Option<tokio::time::Instant>,
}

impl Losses {
    /// Tell of those that came since, if it was not told just now.
    fn tell(&mut self, packets: &Packets, of: &Origin) {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (bad, lost) = (now(&packets.counts.bad), now(&packets.counts.lost));
        if (bad, lost) == (self.bad, self.lost) || self.when.is_some_and(|when| when.elapsed() <= TELL) {
            return;
        }
        let Origin { database, retention_policy } = of;
        if lost > self.lost {
            let (lost, key) = (lost - self.lost, packets.key);
            let why = "tasks take them too slowly";
            tracing::error!(database, retention_policy, "UDP: packets lost: {lost}, since {why} (see {key})");
        }
        if bad > self.bad {
            let (bad, error) = (bad - self.bad, &self.last_error);
            tracing::error!(
                database,
                retention_policy,
                "UDP: packets that are no valid lines: {bad}; the last: {error}"
            );
        }
        (self.bad, self.lost, self.when) = (bad, lost, Some(tokio::time::Instant::now()));
    }
}
