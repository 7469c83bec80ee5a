//! The way to a function: data wait here, bounded, until it reads them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{BatchHead, Frame, Row, Schema};
use tokio::sync::Notify;

use crate::Encoder;

/// With so many bytes waiting the link is full, and with so few it has room again.
const FULL: usize = 4 << 20;
const ROOM: usize = 1 << 20;
/// Data are written in pieces of this length or a message more: between them there is a place for signs of life.
const PIECE: usize = 16 << 10;

/// Gives rows to a function. They go out with [`Link::flush`]; without it they wait for more.
///
/// Dropped, it ends the function at once; [`Link::close`] lets it come to its end.
pub struct Link {
    outbox: Arc<Outbox>,
    encoder: Encoder,
    piece: Piece,
}

/// Some whole messages.
#[derive(Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// How many points and batches begin in it.
    messages: u64,
    /// It goes on with a batch that began in the piece before it.
    goes_on: bool,
}

/// What waits for a function, shared by those who have data for it and those who write them.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// Somebody waits for room.
    wanted: bool,
    closed: bool,
    aborted: bool,
    /// The function is down: what does not fit is dropped.
    dropping: bool,
}

impl Link {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Link {
        Link { outbox, encoder: Encoder::default(), piece: Piece::default() }
    }

    /// A point of a stream, with its database and retention policy. How many points and batches were dropped for it.
    pub fn point(&mut self, rows: (&Schema, &Frame), row: &Row, origin: (&str, &str)) -> u64 {
        self.encoder.point(&mut self.piece.bytes, rows, row, origin);
        self.piece.messages += 1;
        if self.piece.bytes.len() >= PIECE { self.flush() } else { 0 }
    }

    /// A whole batch. How many points and batches were dropped for it.
    pub fn batch(&mut self, rows: (&Schema, &Frame), head: &BatchHead, points: &[Row]) -> u64 {
        // A batch begins a piece of its own, so that a function that was started again never gets half of one.
        let mut dropped = self.flush();
        self.encoder.batch(&mut self.piece.bytes, rows, head, points);
        self.piece.messages = 1;
        dropped += self.flush();
        dropped
    }

    /// Let all go out that was given so far. How many points and batches were dropped, because the function is down.
    pub fn flush(&mut self) -> u64 {
        if self.piece.bytes.is_empty() {
            return 0;
        }
        self.outbox.push(std::mem::take(&mut self.piece))
    }

    /// Nothing more is to be given until [`crate::News::Room`] comes, which it then does.
    pub fn is_full(&self) -> bool {
        let mut state = self.outbox.lock();
        let full = state.bytes > FULL && !state.dropping && !state.aborted;
        state.wanted |= full;
        full
    }

    /// No more data will come: the function gets what waits, and is left to end. [`crate::News::Closed`] comes then.
    pub fn close(&mut self) {
        self.flush();
        self.outbox.lock().closed = true;
        self.outbox.changed.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.outbox.lock().aborted = true;
        self.outbox.changed.notify_one();
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages were dropped.
    fn push(&self, piece: Piece) -> u64 {
        let mut state = self.lock();
        if state.aborted || (state.dropping && state.bytes > FULL) {
            return piece.messages;
        }
        state.bytes += piece.bytes.len();
        for piece in piece.divided() {
            state.pieces.push_back(piece);
        }
        drop(state);
        self.changed.notify_one();
        0
    }

    /// The next piece, and whether there is room now for those who waited.
    pub(crate) fn pop(&self) -> (Option<Piece>, bool) {
        let mut state = self.lock();
        let piece = state.pieces.pop_front();
        if let Some(piece) = &piece {
            state.bytes -= piece.bytes.len();
        }
        let room = state.wanted && state.bytes < ROOM;
        state.wanted &= !room;
        (piece, room)
    }

    /// A function starts anew: it must not get the rest of a batch that another has begun to read.
    pub(crate) fn begin_again(&self) {
        let mut state = self.lock();
        state.dropping = false;
        while state.pieces.front().is_some_and(|piece| piece.goes_on) {
            let piece = state.pieces.pop_front().unwrap_or_default();
            state.bytes -= piece.bytes.len();
        }
    }

    /// The function will be down for longer: what does not fit is dropped from now on. Whether somebody waits for room.
    pub(crate) fn drop_more(&self) -> bool {
        let mut state = self.lock();
        state.dropping = true;
        std::mem::take(&mut state.wanted)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.lock().aborted
    }

    /// Nothing is to be written any more.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.lock();
        state.closed && state.pieces.is_empty()
    }

    /// Returns once something has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Piece {
    /// Long ones in parts, for the sake of signs of life between them. Parts of a batch hang together.
    fn divided(self) -> Vec<Piece> {
        if self.bytes.len() < 2 * PIECE {
            return vec![self];
        }
        let mut parts = Vec::new();
        let (mut begin, mut at) = (0, 0);
        while at < self.bytes.len() {
            at += frame_length(&self.bytes[at..]);
            if at - begin >= PIECE || at >= self.bytes.len() {
                let end = at.min(self.bytes.len());
                let messages = if begin == 0 { self.messages } else { 0 };
                parts.push(Piece { bytes: self.bytes[begin..end].to_vec(), messages, goes_on: begin > 0 });
                begin = end;
            }
        }
        parts
    }
}

/// How long the first message is, with its length; these bytes were written by ourselves.
fn frame_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    match prost::decode_length_delimiter(&mut rest) {
        Ok(length) => bytes.len() - rest.len() + length,
        Err(_) => bytes.len(),
    }
}
