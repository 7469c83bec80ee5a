//! Places for handlers to send to: what they got is looked at afterwards.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use alert::{Event, EventData, EventState, Handler, HandlerOptions, Kinds, Level, Outcome, Place};
use serde_json::{Value as Json, json};

use crate::{AlertHost, Configs};

/// What a sink answers to one request.
#[derive(Clone)]
pub(crate) struct Answer {
    code: u16,
    headers: String,
    text: String,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Answer,
    Close,
    Never,
}

impl Answer {
    pub(crate) fn code(code: u16) -> Self {
        Answer { code, headers: String::new(), text: String::new(), how: How::Answer }
    }

    /// Closes the connection without an answer.
    pub(crate) fn close() -> Self {
        Answer { how: How::Close, ..Answer::code(0) }
    }

    /// Keeps the connection open without an answer.
    pub(crate) fn never() -> Self {
        Answer { how: How::Never, ..Answer::code(0) }
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.text = text.to_string();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

/// A request that a sink got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that writes down what it is asked.
pub(crate) struct HttpSink {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

impl HttpSink {
    /// Gives these answers one after the other, the last one for ever.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let written = got.clone();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for (stream, n) in listener.incoming().zip(0..) {
                let stream = stream.unwrap();
                let answer = &answers[usize::min(n, answers.len() - 1)];
                let Some(request) = read_request(&stream) else { continue };
                written.lock().unwrap().push(request);
                match answer.how {
                    How::Answer => write_answer(&stream, answer),
                    How::Close => {}
                    How::Never => kept.push(stream),
                }
            }
        });
        HttpSink { port, got }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_string());
    }
    let mut first = lines[0].split(' ');
    let (method, target) = (first.next()?.to_string(), first.next()?.to_string());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_string(), value.to_string())))
        .collect();
    let mut got = Got { method, path: path.to_string(), query: query.to_string(), headers, body: String::new() };
    let length = got.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    got.body = String::from_utf8(body).unwrap();
    Some(got)
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) {
    let (code, headers, text) = (answer.code, &answer.headers, &answer.text);
    let length = text.len();
    let head = format!("HTTP/1.1 {code} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{text}").as_bytes());
}

/// A server that takes connections and reads each to its end.
pub(crate) struct TcpSink {
    pub(crate) address: String,
    got: mpsc::Receiver<String>,
}

impl TcpSink {
    /// Answers each connection with `answer` before it reads on.
    pub(crate) fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, got) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut text = String::new();
                if !answer.is_empty() {
                    let mut reader = BufReader::new(&stream);
                    let _ = reader.read_line(&mut text);
                    let _ = stream.write_all(answer.as_bytes());
                } else {
                    let _ = stream.read_to_string(&mut text);
                }
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        TcpSink { address, got }
    }

    /// What came over the next connection.
    pub(crate) fn next(&self) -> String {
        self.got.recv().unwrap()
    }
}

/// A mail server that takes any mail.
pub(crate) struct SmtpSink {
    pub(crate) port: u16,
    got: mpsc::Receiver<String>,
}

impl SmtpSink {
    /// Answers a mail's text with `answer`.
    pub(crate) fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, got) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, sender) = (stream.unwrap(), sender.clone());
                std::thread::spawn(move || serve_mails(&stream, answer, &sender));
            }
        });
        SmtpSink { port, got }
    }

    /// All that the client said of the next mail.
    pub(crate) fn next(&self) -> String {
        self.got.recv().unwrap()
    }
}

fn serve_mails(mut stream: &TcpStream, answer: &str, mails: &mpsc::Sender<String>) {
    let mut said = String::new();
    let mut in_text = false;
    let _ = stream.write_all(b"220 sink\r\n");
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        said += &format!("{line}\r\n");
        let is_end = in_text && line == ".";
        let reply = match line.as_str() {
            _ if is_end => answer,
            _ if in_text => continue,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        in_text = line == "DATA";
        if is_end && mails.send(std::mem::take(&mut said)).is_err() {
            return;
        }
        if stream.write_all(format!("{reply}\r\n").as_bytes()).is_err() || line == "QUIT" {
            return;
        }
    }
}

/// Drives a future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What handlers share, with these sections.
pub(crate) fn host(sections: &[(&str, Json)]) -> Arc<AlertHost> {
    let topics = Arc::new(alert::Topics::new(alert::Delivery::Inline, Arc::new(alert::NoStore)));
    AlertHost::new(configs(sections), &topics, "http://localhost:9092/kapacitor/v1")
}

/// Sections, each an object or a list of them.
pub(crate) fn configs(sections: &[(&str, Json)]) -> Configs {
    sections.iter().fold(Configs::default(), |configs, (name, json)| {
        let elements = json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
        configs.with(name, elements.iter().map(|element| element.as_object().unwrap().clone()))
    })
}

/// A handler of this kind with these options, as for a topic.
pub(crate) fn open(kinds: &Kinds, kind: &str, options: Json) -> Result<Box<dyn Handler>, alert::OpenError> {
    let kind = kinds.by_name(kind)?.clone();
    HandlerOptions::from_json(kind, options.as_object().unwrap())?.open(&Place::default())
}

/// Opens a handler and gives it the event of [`event`] at this level.
pub(crate) fn send(host: &Arc<AlertHost>, kind: &str, options: Json, level: Level) -> Outcome {
    let mut handler = open(&crate::kinds(host), kind, options).unwrap();
    run(handler.handle(&event(level)))
}

/// An event with something in all its places.
pub(crate) fn event(level: Level) -> Event {
    let state = EventState {
        id: "svc/web-1".into(),
        message: format!("svc/web-1 is {level}").into(),
        details: "<b>details</b>".into(),
        time: 1_609_502_430_500_000_000,
        duration: 20_000_000_000,
        level,
    };
    let data = EventData {
        name: "svc".into(),
        task_name: "hnd".into(),
        group: "host=web-1".into(),
        tags: vec![("dc".into(), "fra".into()), ("host".into(), "web-1".into())],
        fields: vec![("lat".into(), model::Value::Float(310.5)), ("route".into(), "/api".into())],
        recoverable: true,
        series: series().to_string().into(),
        ..EventData::default()
    };
    Event { previous: Level::Info, ..Event::new("t", state, data) }
}

/// The rows of [`event`].
pub(crate) fn series() -> Json {
    json!({"name": "svc", "tags": {"dc": "fra", "host": "web-1"}, "columns": ["time", "lat", "route"],
           "values": [["2021-01-01T12:00:30.5Z", 310.5, "/api"]]})
}
