//! A frame of a task's file: changes that count together or not at all.

use std::{borrow::Borrow, io};

use disk::DiskFile;

use super::{Change, Pairs};

/// Length and checksum of a frame.
pub(super) const HEAD: usize = 16;
/// What is read at once; whole words of the checksum.
const PIECE: usize = 64 << 10;

/// FNV-1a over words of eight bytes: quick, and enough to tell damage.
struct Checksum(u64);

impl Checksum {
    /// Of so many bytes.
    fn new(length: u64) -> Checksum {
        Checksum(0xcbf2_9ce4_8422_2325 ^ length)
    }

    /// Only the last of several slices may end within a word.
    fn add(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        }
    }

    fn of(bytes: &[u8]) -> u64 {
        let mut sum = Checksum::new(bytes.len() as u64);
        sum.add(bytes);
        sum.0
    }
}

/// Write a frame in pieces of so many bytes: what a task remembers may be large, and is in memory already. Where the
/// frame ends.
pub(super) fn write(
    file: &dyn DiskFile,
    begin: u64,
    most: usize,
    changes: impl IntoIterator<Item = impl Borrow<Change>>,
) -> io::Result<u64> {
    let mut piece = vec![0; HEAD];
    let mut end = begin;
    for change in changes {
        encode(change.borrow(), &mut piece);
        if piece.len() >= most {
            file.write_all_at(&piece, end)?;
            end += piece.len() as u64;
            piece.clear();
        }
    }
    if end == begin {
        let head = head((piece.len() - HEAD) as u64, Checksum::of(&piece[HEAD..]));
        piece[..HEAD].copy_from_slice(&head);
        file.write_all_at(&piece, begin)?;
        return Ok(begin + piece.len() as u64);
    }
    file.write_all_at(&piece, end)?;
    end += piece.len() as u64;
    // Until it has its head it is no frame.
    let body = begin + HEAD as u64;
    file.write_all_at(&head(end - body, sum(file, body, end, &mut piece)?), begin)?;
    Ok(end)
}

fn encode((key, value): &Change, out: &mut Vec<u8>) {
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    // A value that is gone has the longest length.
    let length = value.as_ref().map_or(u32::MAX, |value| value.len() as u32);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value.as_deref().unwrap_or_default());
}

fn head(length: u64, sum: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// The checksum of a part of a file. It begins with the length, so it cannot be had while the part is being written.
fn sum(file: &dyn DiskFile, begin: u64, end: u64, room: &mut Vec<u8>) -> io::Result<u64> {
    let mut sum = Checksum::new(end - begin);
    room.resize(PIECE, 0);
    let mut at = begin;
    while at < end {
        let piece = &mut room[..PIECE.min((end - at) as usize)];
        file.read_exact_at(piece, at)?;
        sum.add(piece);
        at += piece.len() as u64;
    }
    Ok(sum.0)
}

/// The next frame, taken off. `None`: there is none, or it is not whole.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let (sum, body) = after.split_first_chunk::<8>()?;
    let frame = body.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    if Checksum::of(frame) != u64::from_le_bytes(*sum) {
        return None;
    }
    *rest = &body[frame.len()..];
    Some(frame)
}

pub(super) fn apply(mut frame: &[u8], pairs: &mut Pairs) -> Result<(), &'static str> {
    const WRONG: &str = "a part of it makes no sense";
    let mut take = |length: usize| {
        let (taken, rest) = frame.split_at_checked(length).ok_or(WRONG)?;
        frame = rest;
        Ok::<_, &'static str>((taken, rest.is_empty()))
    };
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map_err(|_| WRONG);
    loop {
        let length = match take(4) {
            Ok((length, _)) => number(length)?,
            Err(why) => return if frame.is_empty() { Ok(()) } else { Err(why) },
        };
        let key = take(length as usize)?.0.to_vec();
        match number(take(4)?.0)? {
            u32::MAX => {
                pairs.remove(&key);
            }
            length => {
                pairs.insert(key, take(length as usize)?.0.to_vec());
            }
        }
    }
}
