//! HTTP for tests: a server that answers by a function and keeps every request, and a client of one function.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any request of a test takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// Names and values of the query, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of `name` in the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first header `name`, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What a server answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Sent one after the other, each as a chunk of its own.
    pub chunks: Vec<Vec<u8>>,
    /// Close the connection before the end of the body.
    pub cut: bool,
}

impl Answer {
    /// `body` with `status`.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), chunks: vec![body.into()], cut: false }
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

#[derive(Default)]
struct Received {
    requests: Mutex<VecDeque<Request>>,
    arrived: Condvar,
}

impl Received {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server on a free loopback port; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    received: Arc<Received>,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers each request by `handler`.
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let received = Arc::new(Received::default());
        let stopping = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let accepting = {
            let (received, stopping) = (Arc::clone(&received), Arc::clone(&stopping));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let (received, handler) = (Arc::clone(&received), Arc::clone(&handler));
                    std::thread::spawn(move || serve(&stream, &received, &*handler));
                }
            })
        };
        Server { address, received, stopping, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far, oldest first, which are then forgotten.
    pub fn take(&self) -> Vec<Request> {
        self.received.lock().drain(..).collect()
    }

    /// Waits until there are at least `count` requests and takes them all.
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + PATIENCE;
        let mut requests = self.received.lock();
        while requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {count} requests, {} came: {requests:?}", requests.len());
            let waited = self.received.arrived.wait_timeout(requests, left);
            requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        requests.drain(..).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is to stop.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let (true, Some(accepting)) = (woken, self.accepting.take()) {
            accepting.join().expect("accepting connections does not panic");
        }
    }
}

/// Answers the requests of one connection until it ends.
fn serve(stream: &TcpStream, received: &Received, handler: &Handler) {
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    let mut reader = BufReader::new(stream);
    while let Some((request, old)) = read_request(&mut reader) {
        // Seen before it is answered: a test may wait for it and answer then.
        received.lock().push_back(request.clone());
        received.arrived.notify_all();
        let answer = handler(&request);
        let written = if old { write_plain(stream, &answer) } else { write_chunked(stream, &answer) };
        if written.is_err() {
            return;
        }
        if answer.cut || old {
            // The peer may have gone already.
            stream.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}

fn write_head(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} Scripted\r\n", answer.status)?;
    answer.headers.iter().try_for_each(|(name, value)| write!(stream, "{name}: {value}\r\n"))
}

/// For a client of HTTP/1.0, which knows the end by the end of the connection.
fn write_plain(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    write_head(stream, answer)?;
    stream.write_all(b"\r\n")?;
    answer.chunks.iter().try_for_each(|chunk| stream.write_all(chunk))
}

fn write_chunked(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    write_head(stream, answer)?;
    if answer.status == 204 {
        return stream.write_all(b"\r\n");
    }
    stream.write_all(b"Transfer-Encoding: chunked\r\n\r\n")?;
    for chunk in answer.chunks.iter().filter(|chunk| !chunk.is_empty()) {
        write!(stream, "{:x}\r\n", chunk.len())?;
        stream.write_all(chunk)?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
    }
    if answer.cut { Ok(()) } else { stream.write_all(b"0\r\n\r\n") }
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end().to_owned()),
    }
}

fn read_headers(reader: &mut impl BufRead) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Some(headers);
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
}

/// The next request of a connection, and whether it is of HTTP/1.0; none at the end, or if it is no HTTP.
fn read_request(reader: &mut impl BufRead) -> Option<(Request, bool)> {
    let line = read_line(reader)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let old = words.next() == Some("HTTP/1.0");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    let headers = read_headers(reader)?;
    let path = path.to_owned();
    let mut request = Request { method, path, query, headers, body: Vec::new() };
    request.body = read_body(reader, &request.headers)?;
    Some((request, old))
}

fn read_body(reader: &mut impl BufRead, headers: &[(String, String)]) -> Option<Vec<u8>> {
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let length = usize::from_str_radix(read_line(reader)?.split(';').next()?, 16).ok()?;
            let start = body.len();
            body.resize(start + length, 0);
            reader.read_exact(&mut body[start..]).ok()?;
            read_line(reader)?;
            if length == 0 {
                return Some(body);
            }
        }
    }
    body.resize(header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0), 0);
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `text` as a value in a URL's query.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// The first header `name`, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Sends one request to `address` (host and port) and returns status and body; the error says why there is none.
pub fn send(address: &str, method: &str, target: &str, body: &[u8]) -> Result<(u16, String), String> {
    send_with(address, method, target, &[], body).map(|reply| (reply.status, reply.body))
}

/// As [`send`], with more headers, and with those of the answer. A server may answer before it has read all.
pub fn send_with(
    address: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply, String> {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "{method} {target} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len())?;
        headers.iter().try_for_each(|(name, value)| write!(stream, "{name}: {value}\r\n"))?;
        stream.write_all(b"\r\n")?;
        let sent = stream.write_all(body);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // Some servers reset the connection once they have answered.
            Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error),
            _ => {}
        }
        if answer.is_empty() { sent.map(|()| answer) } else { Ok(answer) }
    };
    let answer = exchange().map_err(|error| format!("{method} http://{address}{target}: {error}"))?;
    let mut reader = answer.as_slice();
    let status = read_line(&mut reader).and_then(|line| line.split(' ').nth(1)?.parse().ok());
    match (status, read_headers(&mut reader)) {
        (Some(status), Some(headers)) => {
            Ok(Reply { status, headers, body: String::from_utf8_lossy(reader).into_owned() })
        }
        _ => Err(format!("{method} http://{address}{target}: no HTTP answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_and_remembers() {
        let server = Server::start(|request| Answer::new(if request.path == "/a" { 200 } else { 404 }, "hello"));
        let address = server.address().to_string();
        let found = send(&address, "POST", "/a?q=x%20y+%26&z", b"body").expect("an answer");
        assert_eq!(found.0, 200);
        assert_eq!(send(&address, "GET", "/b", b"").expect("an answer").0, 404);
        let requests = server.wait_for(2);
        assert_eq!(requests[0].parameter("q"), Some("x y &"));
        assert_eq!(requests[0].parameter("z"), Some(""));
        assert_eq!(requests[0].body, b"body");
        assert_eq!(requests[1].method, "GET");
        assert_eq!(unescape(&escape("ä b&c=%+")), "ä b&c=%+");
        assert!(server.take().is_empty());
    }

    #[test]
    fn nobody_at_a_port_is_an_error() {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").to_string();
        assert!(send(&address, "GET", "/", b"").is_err());
    }
}
