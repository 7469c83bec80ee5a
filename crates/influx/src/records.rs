//! The body of an answer in CSV, cut into records while it arrives.

use std::borrow::Cow;

use crate::Error;

/// A longer record is refused.
const LONGEST_RECORD: usize = 64 * 1024 * 1024;

/// Bytes that have arrived and are not taken yet.
#[derive(Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    /// Where the next record begins.
    start: usize,
    /// Where looking for its end goes on, and whether that is between quotes.
    scanned: usize,
    quoted: bool,
}

impl Records {
    /// Adds bytes that arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        if self.bytes.len() + bytes.len() > LONGEST_RECORD.max(bytes.len()) {
            return Err(Error::Decode(format!("a record of the answer is longer than {LONGEST_RECORD} bytes")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The fields of the next whole record, in place of what `fields` held; false if there is none. An empty line has
    /// one empty field.
    pub(crate) fn next<'b>(&'b mut self, fields: &mut Vec<Cow<'b, str>>) -> Result<bool, Error> {
        let Some(end) = self.find_end() else { return Ok(false) };
        self.take(end, end + 1, fields)
    }

    /// As [`Records::next`], when no more bytes come: the last line may have no end.
    pub(crate) fn rest<'b>(&'b mut self, fields: &mut Vec<Cow<'b, str>>) -> Result<bool, Error> {
        match self.find_end() {
            Some(end) => self.take(end, end + 1, fields),
            None if self.quoted => Err(Error::Decode("the answer ends between quotes".to_owned())),
            None if self.start == self.bytes.len() => Ok(false),
            None => self.take(self.bytes.len(), self.bytes.len(), fields),
        }
    }

    fn take<'b>(&'b mut self, end: usize, next: usize, fields: &mut Vec<Cow<'b, str>>) -> Result<bool, Error> {
        let record = self.start..end;
        (self.start, self.scanned, self.quoted) = (next, next, false);
        let record = &self.bytes[record];
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        let text = std::str::from_utf8(record).map_err(|_| Error::Decode("the answer is not UTF-8".to_owned()))?;
        fields.clear();
        split(text, fields);
        Ok(true)
    }

    fn find_end(&mut self) -> Option<usize> {
        loop {
            let rest = &self.bytes[self.scanned..];
            let found = if self.quoted { memchr::memchr(b'"', rest) } else { memchr::memchr2(b'\n', b'"', rest) };
            let Some(found) = found else {
                self.scanned = self.bytes.len();
                return None;
            };
            if rest[found] == b'\n' {
                self.scanned += found;
                return Some(self.scanned);
            }
            self.quoted = !self.quoted;
            self.scanned += found + 1;
        }
    }
}

/// The fields of a whole record.
fn split<'b>(record: &'b str, fields: &mut Vec<Cow<'b, str>>) {
    let mut rest = record;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            match rest.split_once(',') {
                Some((field, after)) => {
                    fields.push(Cow::Borrowed(field));
                    rest = after;
                    continue;
                }
                None => {
                    fields.push(Cow::Borrowed(rest));
                    return;
                }
            }
        };
        let (field, after) = unquoted(quoted);
        fields.push(field);
        match after.split_once(',') {
            Some((_, after)) => rest = after,
            None => return,
        }
    }
}

/// The field behind its opening quote, and what follows the closing one. Two quotes within it are one of the text.
fn unquoted(text: &str) -> (Cow<'_, str>, &str) {
    let Some(first) = text.find('"') else { return (Cow::Borrowed(text), "") };
    if !text[first + 1..].starts_with('"') {
        return (Cow::Borrowed(&text[..first]), &text[first + 1..]);
    }
    let (mut field, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('"') {
        field.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return (Cow::Owned(field), rest),
        }
    }
    field.push_str(rest);
    (Cow::Owned(field), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records of `body` when it arrives in parts of `size` bytes.
    fn cut(body: &str, size: usize) -> Result<Vec<Vec<String>>, Error> {
        let (mut records, mut found) = (Records::default(), Vec::new());
        let owned = |fields: &[Cow<'_, str>]| fields.iter().map(|field| field.to_string()).collect::<Vec<_>>();
        for part in body.as_bytes().chunks(size) {
            records.push(part)?;
            loop {
                let mut fields = Vec::new();
                if !records.next(&mut fields)? {
                    break;
                }
                found.push(owned(&fields));
            }
        }
        loop {
            let mut fields = Vec::new();
            if !records.rest(&mut fields)? {
                return Ok(found);
            }
            found.push(owned(&fields));
        }
    }

    #[test]
    fn records_are_found_however_they_arrive() {
        for (body, expected) in [
            ("", &[] as &[&[&str]]),
            ("a,b\r\n\r\n,\n", &[&["a", "b"], &[""], &["", ""]]),
            ("a,\"b,\"\"c\"\"\nd\",e\nf", &[&["a", "b,\"c\"\nd", "e"], &["f"]]),
            ("\"\",\"ä\"", &[&["", "ä"]]),
            ("a\"b\",c\n", &[&["a\"b\"", "c"]]),
        ] {
            for size in 1..=body.len().max(1) {
                assert_eq!(cut(body, size).unwrap(), expected, "{body:?} by {size}");
            }
        }
        assert!(cut("a,\"b\nc", 3).is_err());
        let mut records = Records::default();
        records.push(b"\xff\n").unwrap();
        assert!(records.next(&mut Vec::new()).is_err());
    }
}
