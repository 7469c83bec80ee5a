//! Where one message ends and the next begins: each has its length before it, as an unsigned varint.

use prost::Message;

/// The longest message, in bytes: what is longer is taken for garbage.
pub const MOST: usize = 64 << 20;
/// Memory that is kept for the next messages.
const KEEP: usize = 256 << 10;

/// Why what a function wrote cannot be divided into messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error(
        "a message of {length} bytes, at most {MOST} are possible: does the function print to its standard output?"
    )]
    TooLong { length: u64 },
    #[error("what stands before a message is not its length: does the function print to its standard output?")]
    NoLength,
    #[error("a message that cannot be read ({why}): does the function print to its standard output?")]
    Garbage { why: String },
}

/// Bytes as they come, divided into messages.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the next message begins.
    at: usize,
}

impl Frames {
    /// More bytes have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is there as a whole.
    ///
    /// # Errors
    /// What is there is no message.
    pub fn message<M: Message + Default>(&mut self) -> Result<Option<M>, FrameError> {
        let rest = &self.bytes[self.at..];
        let Some((length, digits)) = length(rest)? else { return Ok(None) };
        let Some(body) = rest.get(digits..digits + length) else { return Ok(None) };
        let message = M::decode(body).map_err(|error| FrameError::Garbage { why: error.to_string() })?;
        self.at += digits + length;
        Ok(Some(message))
    }

    /// How many bytes wait for the rest of their message.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.at
    }
}

/// The length at the beginning, and in how many bytes it is written; nothing if not all of them are there.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    let mut length = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return match usize::try_from(length).ok().filter(|&length| length <= MOST) {
                Some(length) => Ok(Some((length, index + 1))),
                None => Err(FrameError::TooLong { length }),
            };
        }
        if index == 4 {
            return Err(FrameError::NoLength);
        }
    }
    Ok(None)
}

/// Append a message and its length.
pub fn write_frame(message: &impl Message, out: &mut Vec<u8>) {
    message.encode_length_delimited(out).expect("a vector takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Response, Tell};

    fn keepalive(time: i64) -> Response {
        Tell::Keepalive(crate::KeepaliveResponse { time }).into()
    }

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let mut bytes = Vec::new();
        let sent: Vec<Response> = (0..50).map(|n| keepalive(n * 1_000_000_007)).collect();
        for message in &sent {
            write_frame(message, &mut bytes);
        }
        for step in [1, 2, 3, 7, bytes.len()] {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(step) {
                frames.feed(piece);
                while let Some(message) = frames.message::<Response>().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, sent, "in pieces of {step}");
            assert_eq!(frames.waiting(), 0);
        }
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_its_bytes_come() {
        let mut frames = Frames::default();
        frames.feed(&[0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(frames.message::<Response>(), Err(FrameError::TooLong { length: (1 << 28) - 1 }));
        let mut frames = Frames::default();
        frames.feed(&[0xff; 10]);
        assert_eq!(frames.message::<Response>(), Err(FrameError::NoLength));
    }

    #[test]
    fn text_among_messages_is_told() {
        let mut frames = Frames::default();
        frames.feed(b"\x05hello");
        let error = frames.message::<Response>().unwrap_err().to_string();
        assert!(error.contains("does the function print"), "{error}");
    }

    #[test]
    fn an_empty_message_is_one() {
        let mut frames = Frames::default();
        frames.feed(&[0]);
        assert_eq!(frames.message::<Response>(), Ok(Some(Response { message: None })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
            let mut frames = Frames::default();
            for piece in bytes.chunks(step) {
                frames.feed(piece);
                while let Ok(Some(_)) = frames.message::<Response>() {}
            }
        }
    }
}
