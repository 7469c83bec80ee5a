//! The body of an answer, cut into its JSON documents while it arrives.
//!
//! InfluxDB sends a document per line. A document that is spread over lines is followed by its brackets instead.

use crate::Error;

/// A longer document is refused.
const LONGEST_DOCUMENT: usize = 512 * 1024 * 1024;

/// Bytes that have arrived and are not taken yet.
#[derive(Default)]
pub(crate) struct Documents {
    bytes: Vec<u8>,
    /// Where the next document begins.
    start: usize,
    /// Where looking for its end goes on.
    scanned: usize,
    brackets: Option<Brackets>,
}

/// Where in a document over several lines the search stands.
#[derive(Default)]
struct Brackets {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Documents {
    /// Adds bytes that arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        if self.bytes.len() + bytes.len() > LONGEST_DOCUMENT {
            return Err(Error::Decode(format!("a part of the answer is longer than {LONGEST_DOCUMENT} bytes")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole document.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let end = self.find_end()?;
        let document = self.start..end;
        self.start = end;
        self.scanned = end;
        self.brackets = None;
        Some(&self.bytes[document])
    }

    /// What is left when no more bytes come; none if that is nothing but space.
    pub(crate) fn rest(&mut self) -> Option<&[u8]> {
        let rest = self.start..self.bytes.len();
        self.start = self.bytes.len();
        self.scanned = self.start;
        Some(self.bytes[rest].trim_ascii()).filter(|rest| !rest.is_empty())
    }

    fn find_end(&mut self) -> Option<usize> {
        while self.brackets.is_none() {
            let line_end = self.scanned + memchr::memchr(b'\n', &self.bytes[self.scanned..])?;
            let line = self.bytes[self.start..line_end].trim_ascii();
            match (line.first(), line.last()) {
                (None, _) => {
                    self.start = line_end + 1;
                    self.scanned = self.start;
                }
                (Some(b'{'), Some(b'}')) => return Some(line_end + 1),
                _ => {
                    self.brackets = Some(Brackets::default());
                    self.scanned = self.start;
                }
            }
        }
        let brackets = self.brackets.as_mut()?;
        let length = brackets.find_end(&self.bytes[self.scanned..]);
        let end = length.map(|length| self.scanned + length);
        self.scanned = end.unwrap_or(self.bytes.len());
        end
    }
}

impl Brackets {
    /// The length up to the bracket that closes the document.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All documents of `body` when it arrives in parts of `size` bytes.
    fn cut(body: &str, size: usize) -> Vec<String> {
        let mut documents = Documents::default();
        let mut found = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.trim_ascii().to_vec()).expect("text");
        for part in body.as_bytes().chunks(size) {
            documents.push(part).expect("short");
            while let Some(document) = documents.next() {
                found.push(text(document));
            }
        }
        found.extend(documents.rest().map(text));
        found
    }

    #[test]
    fn documents_are_found_however_they_arrive() {
        for (body, expected) in [
            ("", &[] as &[&str]),
            ("\n \n", &[]),
            ("{\"a\":1}", &["{\"a\":1}"]),
            ("{\"a\":\"}\\n{\"}\n{\"b\":2}\r\n\n{}\n", &["{\"a\":\"}\\n{\"}", "{\"b\":2}", "{}"]),
            ("{\n \"a\": {\"x\": \"]}\\\"\"\n}\n}\n{\"b\":2}\n", &["{\n \"a\": {\"x\": \"]}\\\"\"\n}\n}", "{\"b\":2}"]),
            ("{\"a\":1}\n{\"b\":", &["{\"a\":1}", "{\"b\":"]),
        ] {
            for size in 1..=body.len().max(1) {
                assert_eq!(cut(body, size), expected, "{body:?} by {size}");
            }
        }
    }
}
