//! Subscriptions by UDP: a port for each database and retention policy, and what comes in there.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Origin, Tasks, Write};
use influx::{DatabasePolicy, Destinations};
use model::{LiveSchema, Precision, Words, parse_lines};
use socket2::SockRef;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    budgets::PERMIT,
    config::InfluxDb,
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

/// See the module.
pub struct UdpDestination {
    host: String,
    /// The address to listen at, without a port.
    bind: String,
    waiting: usize,
    read_buffer: usize,
    inlet: Arc<Inlet>,
    runtime: Handle,
    open: HashMap<DatabasePolicy, Listening>,
}

struct Listening {
    port: u16,
    work: [JoinHandle<()>; 2],
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
    }
}

impl UdpDestination {
    /// `host` is where InfluxDB finds us.
    pub fn new(config: &InfluxDb, host: &str, inlet: Arc<Inlet>, runtime: Handle) -> UdpDestination {
        let size = |value: i64| usize::try_from(value).unwrap_or_default();
        UdpDestination {
            host: host.to_string(),
            bind: config.udp_bind.clone(),
            waiting: size(config.udp_buffer).max(1),
            read_buffer: size(config.udp_read_buffer),
            inlet,
            runtime,
            open: HashMap::new(),
        }
    }

    fn url_of(&self, port: u16) -> String {
        let bracketed = self.host.contains(':') && !self.host.starts_with('[');
        if bracketed { format!("udp://[{}]:{port}", self.host) } else { format!("udp://{}:{port}", self.host) }
    }

    fn listen(&self, place: &DatabasePolicy) -> std::io::Result<Listening> {
        let bind = self.bind.rsplit_once(':').map_or(self.bind.as_str(), |(host, _)| host);
        let bind = if bind.is_empty() { "0.0.0.0" } else { bind };
        let socket = UdpSocket::bind(format!("{bind}:0"))?;
        if self.read_buffer > 0 {
            SockRef::from(&socket).set_recv_buffer_size(self.read_buffer)?;
        }
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let _context = self.runtime.enter();
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let (send, receive) = mpsc::channel(self.waiting);
        let origin = Origin { database: place.database.clone(), retention_policy: place.policy.clone() };
        let lost = Arc::new(AtomicU64::new(0));
        let read = self.runtime.spawn(read(socket, send, Arc::clone(&lost)));
        let take = self.runtime.spawn(take(receive, origin, Arc::clone(&self.inlet), lost));
        Ok(Listening { port, work: [read, take] })
    }
}

impl Destinations for UdpDestination {
    fn url(&mut self, place: &DatabasePolicy) -> Result<String, String> {
        let port = match self.open.get(place) {
            Some(listening) => listening.port,
            None => {
                let listening = self
                    .listen(place)
                    .map_err(|error| format!("cannot listen for UDP at {:?} (udp-bind): {error}", self.bind))?;
                let port = listening.port;
                self.open.insert(place.clone(), listening);
                port
            }
        };
        Ok(self.url_of(port))
    }

    fn leads_here(&self, place: &DatabasePolicy, url: &str) -> bool {
        self.open.get(place).is_some_and(|listening| url == self.url_of(listening.port))
    }

    fn dropped(&mut self, place: &DatabasePolicy) {
        self.open.remove(place);
    }
}

/// Whether nobody on this machine listens at a port for UDP.
pub(crate) fn is_unused(port: u16) -> bool {
    UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], port))).is_ok()
}

/// Takes packets off the socket as fast as they come.
async fn read(socket: tokio::net::UdpSocket, send: mpsc::Sender<Vec<u8>>, lost: Arc<AtomicU64>) {
    let mut packet = vec![0; PACKET];
    loop {
        match socket.recv(&mut packet).await {
            Ok(length) => match send.try_send(packet[..length].to_vec()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => drop(lost.fetch_add(1, Ordering::Relaxed)),
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            },
            // A packet of ours that nobody took, told of late.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Hands the points of packets to the tasks.
async fn take(mut receive: mpsc::Receiver<Vec<u8>>, origin: Origin, inlet: Arc<Inlet>, lost: Arc<AtomicU64>) {
    let received = inlet.ingress.of(origin);
    let mut told: Option<tokio::time::Instant> = None;
    let mut bad = 0u64;
    while let Some(packet) = receive.recv().await {
        // While tasks are behind, packets wait in the channel, and beyond it are lost and counted.
        let permits = (packet.len() / PERMIT + 1) as u32;
        let Ok(held) = Arc::clone(&inlet.budget).acquire_many_owned(permits).await else { return };
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let now = crate::definitions::now();
        let schema = inlet.schema.now();
        match parse_lines(&schema, &packet, Precision::Nanoseconds, now, &mut rows, &mut words) {
            Ok(()) => {
                received.count(&schema, &rows);
                let write = Write { origin: Arc::clone(&received.origin), rows, words: Arc::new(words), number: 0 };
                inlet.hand_on(packet, now, write, Some(Arc::new((held, schema)))).await;
            }
            Err(_) => bad += 1,
        }
        let lost_now = lost.load(Ordering::Relaxed);
        if (bad > 0 || lost_now > 0) && told.is_none_or(|when| when.elapsed() > TELL) {
            lost.fetch_sub(lost_now, Ordering::Relaxed);
            let Origin { database, retention_policy } = &*received.origin;
            tracing::error!(
                database,
                retention_policy,
                "UDP: {lost_now} packets were lost because tasks take them too slowly (udp-buffer), {bad} hold no valid \
                 lines"
            );
            (told, bad) = (Some(tokio::time::Instant::now()), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_a_port_until_it_is_dropped() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let budget = Arc::new(Semaphore::new(2));
        let inlet = Arc::new(Inlet::new(model::Schema::new(), Arc::new(Ingress::default()), Arc::clone(&budget)));
        let config = InfluxDb { udp_bind: "127.0.0.1".into(), udp_read_buffer: 100_000, ..InfluxDb::default() };
        let mut udp = UdpDestination::new(&config, "me", Arc::clone(&inlet), runtime.handle().clone());
        let place = |policy: &str| DatabasePolicy { database: "d".to_string(), policy: policy.to_string() };
        let (one, other) = (udp.url(&place("a")).unwrap(), udp.url(&place("b")).unwrap());
        assert_ne!(one, other);
        assert_eq!(udp.url(&place("a")).unwrap(), one);
        assert!(udp.leads_here(&place("a"), &one) && !udp.leads_here(&place("b"), &one));
        let port: u16 = one.strip_prefix("udp://me:").unwrap().parse().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let origin = Origin { database: "d".to_string(), retention_policy: "a".to_string() };
        let points = || inlet.ingress.all().into_iter().map(|(_, _, points)| points).sum::<u64>();
        testkit::wait::until("points by UDP", || {
            client.send_to(b"m v=1 1\nm v=2 2\nbad", ("127.0.0.1", port)).unwrap();
            client.send_to(b"m v=1 1\nm v=2 2\n", ("127.0.0.1", port)).unwrap();
            (points() >= 2).then_some(())
        });
        assert_eq!(*inlet.ingress.all()[0].0, origin);
        // Nobody takes the points of the test, so each packet's share comes back.
        testkit::wait::until("the budget", || (budget.available_permits() == 2).then_some(()));
        udp.dropped(&place("a"));
        assert!(!udp.leads_here(&place("a"), &one));
    }
}
