//! Tests of writes on their way to InfluxDB.

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
    let (address, server, is_there) = (listener.local_addr().expect("an address"), server.address(), is_there.clone());
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
