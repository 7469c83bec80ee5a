//! A daemon that gives canned answers and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What was asked: `METHOD PATH?QUERY` and the body.
pub(crate) type Asked = (String, Value);
/// Status and body of an answer.
pub(crate) type Answer = (u16, Value);

pub(crate) struct Stub {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopped: Arc<AtomicBool>,
}

impl Stub {
    /// Answers as the function says.
    pub(crate) fn new(answer: impl Fn(&str, &Value) -> Answer + Send + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (remember, stop) = (asked.clone(), stopped.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let _ = serve(connection.unwrap(), &answer, &remember);
            }
        });
        Stub { address, asked, stopped }
    }

    /// Answers the first line whose start fits the request; 404 otherwise.
    pub(crate) fn with(answers: Vec<(&'static str, Value)>) -> Stub {
        Stub::new(move |request, _| match answers.iter().find(|(start, _)| request.starts_with(start)) {
            Some((_, body)) => (200, body.clone()),
            None => (404, serde_json::json!({ "error": "Not Found" })),
        })
    }

    /// Runs the command line with this daemon.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(args, &[("KAPACITOR_URL", &format!("http://{}", self.address))])
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    connection: TcpStream,
    answer: &impl Fn(&str, &Value) -> Answer,
    asked: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_string();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim_end().is_empty() {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (status, told) = answer(&request, &body);
        asked.lock().unwrap().push((request, body));
        let told = if status == 204 { String::new() } else { told.to_string() };
        let mut connection = &connection;
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{told}", told.len());
        connection.write_all(answer.as_bytes())?;
    }
}

/// What the command line did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Lines without trailing blanks.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// Runs the command line in an environment of its own.
pub(crate) fn run(args: &[&str], environment: &[(&str, &str)]) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_kapacitor"))
        .args(args)
        .env_remove("KAPACITOR_URL")
        .env_remove("KAPACITOR_UNSAFE_SSL")
        .env("TZ", "UTC")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end().to_string()).collect();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: lines, stderr }
}
