//! Functions that work, die, hang, read slowly and talk nonsense, each behind a socket of its own.
#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use model::{Frame, Precision, Schema, Walk, Words, parse_lines};
use tokio::runtime::Runtime;
use udf::{
    BeginBatch, EdgeType, EndBatch, Function, InfoResponse, InitRequest, IntEntry, Level, Link, Listener, News, Point,
    Target, Terms,
    agent::{Answers, Handler, run},
    ask, start,
};

/// Nothing here waits that long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a point with a field of these values does.
const CRASH: i64 = 13;
const HANG: i64 = 14;
const ERROR: i64 = 15;
const GARBAGE: i64 = 16;
const HUGE: i64 = 17;
/// It waits until the test lets it go on.
const WAIT: i64 = 18;

/// Counts its points, and gives each with the count.
struct Counter {
    count: i64,
    go_on: Arc<Mutex<Receiver<()>>>,
    connection: UnixStream,
    batches: bool,
}

impl Handler for Counter {
    fn info(&self) -> InfoResponse {
        InfoResponse { wants: EdgeType::Stream as i32, ..InfoResponse::default() }
    }

    fn init(&mut self, request: InitRequest) -> Result<(), String> {
        match request.options.first() {
            Some(option) if option.name == "refuse" => Err("not today".to_string()),
            _ => Ok(()),
        }
    }

    fn point(&mut self, point: Point, out: &mut Answers<'_>) -> Result<(), String> {
        match point.fields_int.first().map_or(0, |field| field.value) {
            CRASH => return Err(self.hang_up()),
            HANG => drop(self.stay()),
            ERROR => return Err("I do not like 15".to_string()),
            GARBAGE => drop(self.connection.write_all(b"\x05hello")),
            HUGE => drop(self.connection.write_all(&[0xff, 0xff, 0xff, 0x7f])),
            WAIT => drop(self.go_on.lock().unwrap().recv()),
            _ => {}
        }
        self.count += 1;
        let count = IntEntry { key: "count".to_string(), value: self.count };
        let point = Point { fields_int: vec![count], ..point };
        if self.batches {
            return out.batch(BeginBatch::default(), vec![point], EndBatch::default());
        }
        out.point(point)
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.count.to_string().into_bytes()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(snapshot);
        self.count = text.parse().map_err(|_| format!("cannot read {text:?}"))?;
        Ok(())
    }
}

impl Counter {
    /// As a process that dies: not a word more.
    fn hang_up(&mut self) -> String {
        let _ = self.connection.shutdown(std::net::Shutdown::Both);
        "gone".to_string()
    }

    /// Do nothing until the daemon hangs up.
    fn stay(&mut self) -> std::io::Result<()> {
        let mut rest = [0; 1024];
        while self.connection.read(&mut rest)? > 0 {}
        Ok(())
    }
}

/// Serves connections with a counter each.
fn serve(path: &Path, go_on: Receiver<()>, batches: bool) {
    let listener = UnixListener::bind(path).unwrap();
    let go_on = Arc::new(Mutex::new(go_on));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, go_on) = (connection.unwrap(), Arc::clone(&go_on));
            std::thread::spawn(move || {
                let mut handler = Counter { count: 0, go_on, connection: connection.try_clone().unwrap(), batches };
                let _ = run(&mut handler, &connection, &connection);
            });
        }
    });
}

struct Heard {
    news: Mutex<Sender<News>>,
    log: Mutex<Vec<String>>,
}

impl Listener for Heard {
    fn news(&self, news: News) {
        let _ = self.news.lock().unwrap().send(news);
    }

    fn log(&self, level: Level, line: &str) {
        self.log.lock().unwrap().push(format!("{level:?} {line}"));
    }
}

/// A function at work for a node.
struct Bench {
    link: Option<Link>,
    news: Receiver<News>,
    heard: Arc<Heard>,
    schema: Arc<Schema>,
    /// Values of `count` that came and were not asked for yet.
    counts: VecDeque<i64>,
    go_on: Sender<()>,
    // Dropped last.
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

fn function(path: &Path, timeout: Duration) -> Function {
    let target = Target::Socket(path.to_path_buf());
    Function { name: "f".to_string(), target, timeout, restart_after_errors: false }
}

impl Bench {
    fn new(timeout: Duration, terms: Terms) -> Bench {
        Bench::with(|path| function(path, timeout), terms)
    }

    fn with(function: impl FnOnce(&Path) -> Function, terms: Terms) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.sock");
        let (go_on, wait) = channel();
        serve(&path, wait, terms.batches);
        let (send, news) = channel();
        let heard = Arc::new(Heard { news: Mutex::new(send), log: Mutex::default() });
        let (schema, runtime) = (Schema::new(), Runtime::new().unwrap());
        let listener: Arc<dyn Listener> = heard.clone();
        let link = start(runtime.handle(), Arc::new(function(&path)), terms, Arc::clone(&schema), listener);
        let (link, counts) = (Some(link), VecDeque::new());
        Bench { link, news, heard, schema, counts, go_on, _runtime: runtime, _folder: folder }
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().unwrap()
    }

    /// Points with this value each; how many were dropped.
    fn give(&mut self, values: &[i64]) -> u64 {
        let lines: String = values.iter().map(|value| format!("m,host=a v={value}i 1\n")).collect();
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema, lines.as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
        let (schema, frame) = (Arc::clone(&self.schema), Frame::new(Arc::new(words)));
        let link = self.link();
        let dropped: u64 = rows.iter().map(|row| link.point((&schema, &frame), row, ("d", "r"))).sum();
        dropped + link.flush()
    }

    /// The next news that are not data.
    fn news(&mut self) -> News {
        loop {
            match self.news.recv_timeout(PATIENCE) {
                Ok(News::Data(output, _held)) => {
                    let frame = Frame::new(Arc::new(output.words));
                    for item in output.edge.walk() {
                        let (Walk::Points(rows) | Walk::Batch(_, rows)) = item else { continue };
                        self.counts.extend(rows.iter().map(|row| frame.word(row, 0) as i64));
                    }
                }
                Ok(news) => return news,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no news; the log says {:?}", self.heard.log.lock().unwrap())
                }
            }
        }
    }

    fn is_up(&mut self) {
        let news = self.news();
        assert!(matches!(news, News::Up), "{}", shown(&news));
    }

    fn goes_down(&mut self) -> String {
        match self.news() {
            News::Down { why, .. } => why,
            other => panic!("{}", shown(&other)),
        }
    }

    fn fails(&mut self) -> String {
        match self.news() {
            News::Failed(why) => why,
            other => panic!("{}", shown(&other)),
        }
    }

    /// Let it come to its end; all counts that came.
    fn close(mut self) -> Vec<i64> {
        self.link().close();
        loop {
            match self.news() {
                News::Closed => return self.counts.into(),
                News::Room | News::Snapshot(_) => {}
                other => panic!("{}", shown(&other)),
            }
        }
    }
}

fn shown(news: &News) -> String {
    match news {
        News::Data(..) => "data".to_string(),
        News::Room => "room".to_string(),
        News::Up => "up".to_string(),
        News::Down { why, again_in } => format!("down for {again_in:?}: {why}"),
        News::Snapshot(snapshot) => format!("a snapshot: {:?}", String::from_utf8_lossy(snapshot)),
        News::Failed(why) => format!("failed: {why}"),
        News::Closed => "closed".to_string(),
    }
}

fn terms() -> Terms {
    Terms { task: "t".to_string(), node: "f2".to_string(), ..Terms::default() }
}

#[test]
fn what_goes_in_comes_out_to_the_last_point() {
    let mut bench = Bench::new(PATIENCE, terms());
    bench.is_up();
    bench.give(&[0; 5000]);
    assert_eq!(bench.close(), (1..=5000).collect::<Vec<i64>>());
}

#[test]
fn batches_come_out_as_well() {
    let mut bench = Bench::new(PATIENCE, Terms { batches: true, ..terms() });
    bench.is_up();
    bench.give(&[0; 3]);
    assert_eq!(bench.close(), [1, 2, 3]);
}

#[test]
fn one_that_dies_lives_again_with_what_it_remembered() {
    let interval = Duration::from_millis(1);
    let mut bench = Bench::new(PATIENCE, Terms { snapshot_interval: interval, ..terms() });
    bench.is_up();
    bench.give(&[0, 0, 0]);
    let mut saved = String::new();
    while saved != "3" {
        match bench.news() {
            News::Snapshot(snapshot) => saved = String::from_utf8(snapshot).unwrap(),
            other => panic!("{}", shown(&other)),
        }
    }
    bench.give(&[CRASH]);
    let why = bench.goes_down();
    assert!(why.contains("the connection was closed"), "{why}");
    bench.give(&[0]);
    bench.is_up();
    let counts = bench.close();
    assert_eq!(counts, [1, 2, 3, 4], "the point that came in between waited, and the count goes on");
}

#[test]
fn one_that_hangs_is_started_again() {
    let mut bench = Bench::new(Duration::from_millis(300), terms());
    bench.is_up();
    bench.give(&[HANG]);
    let why = bench.goes_down();
    assert!(why.contains("keepalive timedout, last keepalive received was: "), "{why}");
    bench.is_up();
    bench.give(&[0]);
    assert_eq!(bench.close(), [1]);
}

#[test]
fn one_that_tells_of_an_error_is_believed() {
    let mut bench = Bench::new(PATIENCE, terms());
    bench.is_up();
    bench.give(&[0, ERROR, 0]);
    assert_eq!(bench.fails(), "I do not like 15");
    assert_eq!(bench.counts, [1]);
}

#[test]
fn an_error_may_be_survived_if_the_configuration_says_so() {
    let again = |path: &Path| Function { restart_after_errors: true, ..function(path, PATIENCE) };
    let mut bench = Bench::with(again, terms());
    bench.is_up();
    bench.give(&[ERROR]);
    assert_eq!(bench.goes_down(), "I do not like 15");
    bench.is_up();
    bench.give(&[0]);
    assert_eq!(bench.close(), [1]);
}

#[test]
fn what_is_no_message_ends_it() {
    for (value, told) in [(GARBAGE, "does the function print"), (HUGE, "at most")] {
        let mut bench = Bench::new(PATIENCE, terms());
        bench.is_up();
        bench.give(&[value]);
        let why = bench.fails();
        assert!(why.starts_with("read error: ") && why.contains(told), "{why}");
    }
}

#[test]
fn one_that_refuses_ends_it() {
    let options = vec![udf::OptionCall { name: "refuse".to_string(), values: Vec::new() }];
    let mut bench = Bench::new(PATIENCE, Terms { options, ..terms() });
    assert_eq!(bench.fails(), "failed to initialize processes not today");
    let mut bench = Bench::new(PATIENCE, Terms { snapshot: Some(b"x".to_vec()), ..terms() });
    assert_eq!(bench.fails(), "error restoring snapshot: cannot read \"x\"");
}

#[test]
fn a_slow_reader_holds_back_who_writes_and_gets_all_in_the_end() {
    let mut bench = Bench::new(PATIENCE, terms());
    bench.is_up();
    bench.give(&[WAIT]);
    let mut given = 1;
    while !bench.link().is_full() {
        assert_eq!(bench.give(&[0; 1000]), 0);
        given += 1000;
        assert!(given < 1_000_000, "it never becomes full");
    }
    bench.go_on.send(()).unwrap();
    let news = bench.news();
    assert!(matches!(news, News::Room), "{}", shown(&news));
    assert!(!bench.link().is_full());
    assert_eq!(bench.close(), (1..=given).collect::<Vec<i64>>());
}

#[test]
fn nothing_is_read_from_one_whose_node_is_busy() {
    let mut bench = Bench::new(PATIENCE, terms());
    bench.is_up();
    // What it answers is some 60 bytes a point: far more than may be on its way to the node.
    let mut held = Vec::new();
    for _ in 0..120 {
        bench.give(&[0; 1000]);
    }
    let mut points = 0;
    while points < 120_000 {
        match bench.news.recv_timeout(PATIENCE).unwrap() {
            News::Data(output, hold) => {
                points += output.edge.row_count();
                held.push((output.bytes, hold));
                if held.iter().map(|held| held.0).sum::<usize>() > (3 << 20) {
                    held.clear();
                }
            }
            News::Room => {}
            other => panic!("{}", shown(&other)),
        }
        let bytes: usize = held.iter().map(|held| held.0).sum();
        assert!(bytes <= 4 << 20, "{bytes} bytes are held by the node");
    }
}

#[test]
fn a_link_that_is_dropped_ends_it_at_once() {
    let mut bench = Bench::new(PATIENCE, terms());
    bench.is_up();
    bench.give(&[WAIT]);
    bench.link = None;
    assert!(matches!(bench.news(), News::Closed));
}

#[test]
fn a_socket_may_come_later_and_a_program_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.sock");
    let (send, news) = channel();
    let listener: Arc<dyn Listener> = Arc::new(Heard { news: Mutex::new(send), log: Mutex::default() });
    let runtime = Runtime::new().unwrap();
    let waiting = Arc::new(function(&path, PATIENCE));
    let _link = start(runtime.handle(), waiting, terms(), Schema::new(), Arc::clone(&listener));
    let first = news.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&first, News::Down { why, .. } if why.contains("late.sock")), "{}", shown(&first));
    let (_go_on, wait) = channel();
    serve(&path, wait, false);
    while !matches!(news.recv_timeout(PATIENCE).unwrap(), News::Up) {}

    let program = "/no/such/program".to_string();
    let target = Target::Process { program, arguments: Vec::new(), environment: Vec::new() };
    let missing = Arc::new(Function { target, ..function(&path, PATIENCE) });
    let _missing = start(runtime.handle(), missing, terms(), Schema::new(), listener);
    let why = news.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&why, News::Failed(why) if why.contains("/no/such/program")), "{}", shown(&why));
}

#[test]
fn a_process_is_asked_what_it_is_and_its_end_is_told() {
    let (send, _news) = channel();
    let listener: Arc<dyn Listener> = Arc::new(Heard { news: Mutex::new(send), log: Mutex::default() });
    let runtime = Runtime::new().unwrap();
    let process = |script: &str| {
        let arguments = vec!["-c".to_string(), script.to_string()];
        let target = Target::Process { program: "sh".to_string(), arguments, environment: Vec::new() };
        Function { target, ..function(Path::new(""), PATIENCE) }
    };
    // An answer with `provides: BATCH`, and then nothing.
    let info =
        runtime.block_on(ask(&process("printf '\\004\\012\\002\\020\\001'; cat > /dev/null"), &listener)).unwrap();
    assert_eq!((info.wants, info.provides), (EdgeType::Stream as i32, EdgeType::Batch as i32));
    let why = runtime.block_on(ask(&process("exit 4"), &listener)).unwrap_err();
    assert!(why.contains("exit status: 4"), "{why}");
}
