//! The other side of the protocol: what it takes to write a function in Rust.
//!
//! Implement [`Handler`] and call [`run`] with the standard input and output, or with a connection.

use std::io::{self, BufWriter, Read, Write};

use crate::{
    Ask, BeginBatch, EndBatch, ErrorResponse, Frames, InfoResponse, InitRequest, InitResponse, KeepaliveResponse,
    Point, Request, Response, RestoreResponse, SnapshotResponse, Tell, write_frame,
};

/// A function. What its methods answer with an error ends it, and with it the task.
pub trait Handler {
    /// What it reads, gives and takes.
    fn info(&self) -> InfoResponse;

    /// Its options, before all data.
    ///
    /// # Errors
    /// What is wrong with them, for the script's author.
    fn init(&mut self, request: InitRequest) -> Result<(), String>;

    /// A point of a stream, or of the batch begun last.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn point(&mut self, point: Point, out: &mut Answers<'_>) -> Result<(), String>;

    /// A batch begins.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn begin(&mut self, begin: BeginBatch, out: &mut Answers<'_>) -> Result<(), String> {
        let _ = (begin, out);
        Ok(())
    }

    /// A batch ends.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn end(&mut self, end: EndBatch, out: &mut Answers<'_>) -> Result<(), String> {
        let _ = (end, out);
        Ok(())
    }

    /// All that it remembers; nothing if it has no state.
    fn snapshot(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// What it once remembered.
    ///
    /// # Errors
    /// Why it cannot take it up.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let _ = snapshot;
        Ok(())
    }
}

/// Where a function's data go.
pub struct Answers<'a> {
    output: &'a mut dyn Write,
    bytes: Vec<u8>,
}

impl Answers<'_> {
    /// A point of a stream, or of the batch begun last.
    ///
    /// # Errors
    /// The daemon does not listen any more.
    pub fn point(&mut self, point: Point) -> Result<(), String> {
        self.tell(Tell::Point(point)).map_err(|error| error.to_string())
    }

    /// A whole batch. Its group is made of the tags of its end.
    ///
    /// # Errors
    /// The daemon does not listen any more.
    pub fn batch(&mut self, begin: BeginBatch, points: Vec<Point>, end: EndBatch) -> Result<(), String> {
        let points = points.into_iter().map(Tell::Point);
        let mut all = [Tell::Begin(begin)].into_iter().chain(points).chain([Tell::End(end)]);
        all.try_for_each(|message| self.tell(message)).map_err(|error| error.to_string())
    }

    fn tell(&mut self, message: Tell) -> io::Result<()> {
        self.bytes.clear();
        write_frame(&Response::from(message), &mut self.bytes);
        self.output.write_all(&self.bytes)
    }
}

/// Serve the daemon until it says that no more will come.
///
/// # Errors
/// The streams break, or the function cannot go on; the daemon has been told why.
pub fn run(handler: &mut dyn Handler, mut input: impl Read, output: impl Write) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    let mut answers = Answers { output: &mut output, bytes: Vec::new() };
    let mut frames = Frames::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => return answers.output.flush(),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        frames.feed(&buffer[..count]);
        while let Some(request) = frames.message::<Request>().map_err(io::Error::other)? {
            if let Err(error) = heed(handler, request, &mut answers) {
                answers.tell(Tell::Error(ErrorResponse { error: error.clone() }))?;
                answers.output.flush()?;
                return Err(io::Error::other(error));
            }
        }
        answers.output.flush()?;
    }
}

fn heed(handler: &mut dyn Handler, request: Request, out: &mut Answers<'_>) -> Result<(), String> {
    let answer = match request.message {
        Some(Ask::Point(point)) => return handler.point(point, out),
        Some(Ask::Begin(begin)) => return handler.begin(begin, out),
        Some(Ask::End(end)) => return handler.end(end, out),
        Some(Ask::Keepalive(keepalive)) => Tell::Keepalive(KeepaliveResponse { time: keepalive.time }),
        Some(Ask::Info(_)) => Tell::Info(handler.info()),
        Some(Ask::Init(init)) => {
            let (success, error) = told(handler.init(init));
            Tell::Init(InitResponse { success, error })
        }
        Some(Ask::Snapshot(_)) => Tell::Snapshot(SnapshotResponse { snapshot: handler.snapshot() }),
        Some(Ask::Restore(restore)) => {
            let (success, error) = told(handler.restore(&restore.snapshot));
            Tell::Restore(RestoreResponse { success, error })
        }
        // A request of a later version of the protocol.
        None => return Ok(()),
    };
    out.tell(answer).map_err(|error| error.to_string())
}

fn told(outcome: Result<(), String>) -> (bool, String) {
    match outcome {
        Ok(()) => (true, String::new()),
        Err(error) => (false, error),
    }
}
