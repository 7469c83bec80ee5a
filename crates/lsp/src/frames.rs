//! Messages on the wire: a header with the length, an empty line, JSON. A broken one is told and skipped.
//! <https://microsoft.github.io/language-server-protocol/specifications/base/0.9/specification/#baseProtocol>

use std::io::{self, BufRead, Read, Write};

use lsp_server::Message;
use serde_json::json;

/// The largest message that is read: far more than any script, far less than the memory.
const LARGEST: u64 = 16 << 20;
/// The longest line of a header.
const LONGEST_LINE: u64 = 4 << 10;

/// What comes from the editor.
#[derive(Debug)]
pub(crate) enum Frame {
    Message(Message),
    /// Why it is none, and the code of JSON-RPC for that.
    Broken(i32, String),
    /// The editor is gone.
    End,
}

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;

/// The next message.
///
/// # Errors
/// The connection failed.
pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Frame> {
    let length = match header(input)? {
        Header::Length(length) => length,
        Header::Broken(why) => return Ok(Frame::Broken(PARSE_ERROR, why)),
        Header::End => return Ok(Frame::End),
    };
    let mut body = input.take(length);
    if length > LARGEST {
        io::copy(&mut body, &mut io::sink())?;
        return Ok(Frame::Broken(INVALID_REQUEST, format!("a message of {length} bytes; at most {LARGEST} are read")));
    }
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Ok(Frame::End);
    }
    let broken = |error: serde_json::Error| match error.classify() {
        serde_json::error::Category::Data => {
            Frame::Broken(INVALID_REQUEST, "not a request, notification or response of JSON-RPC 2.0".to_string())
        }
        _ => Frame::Broken(PARSE_ERROR, format!("invalid JSON: {error}")),
    };
    Ok(serde_json::from_slice(&bytes).map_or_else(broken, Frame::Message))
}

enum Header {
    Length(u64),
    Broken(String),
    End,
}

/// Read up to the empty line. What is no header is skipped up to there, too, so that the next message is found again.
fn header(input: &mut impl BufRead) -> io::Result<Header> {
    let mut length = None;
    let mut broken = None;
    loop {
        let mut line = Vec::new();
        let count = input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(Header::End);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        match text.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("content-length") => {
                match value.trim().parse::<u64>() {
                    Ok(value) => length = Some(value),
                    Err(_) => broken = Some(format!("the Content-Length {:?} is not a number", value.trim())),
                }
            }
            Some(_) => {}
            None => broken = Some("a line of the header has no colon".to_string()),
        }
    }
    // A length that was told is believed, else its message would be read as a header.
    Ok(match (length, broken) {
        (Some(length), _) => Header::Length(length),
        (None, Some(why)) => Header::Broken(why),
        (None, None) => Header::Broken("the header has no Content-Length".to_string()),
    })
}

/// Write a message.
///
/// # Errors
/// The connection failed.
pub(crate) fn write(output: &mut impl Write, message: &Message) -> io::Result<()> {
    message.write(output)
}

/// Answer what was no message; nobody knows its number.
///
/// # Errors
/// The connection failed.
pub(crate) fn write_broken(output: &mut impl Write, code: i32, why: &str) -> io::Result<()> {
    let text = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": why } }).to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut input: &[u8]) -> Vec<String> {
        let mut frames = Vec::new();
        loop {
            frames.push(match read(&mut input).unwrap() {
                Frame::Message(Message::Notification(notification)) => notification.method,
                Frame::Message(other) => format!("{other:?}"),
                Frame::Broken(code, why) => format!("{code} {why}"),
                Frame::End => return frames,
            });
        }
    }

    #[test]
    fn what_is_broken_is_skipped() {
        let good = "Content-Length: 32\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"good\"}";
        let good = good.replace("32", &"{\"jsonrpc\":\"2.0\",\"method\":\"good\"}".len().to_string());
        for (broken, told) in [
            ("nonsense\r\n\r\n", "-32700 a line of the header has no colon"),
            ("\r\n", "-32700 the header has no Content-Length"),
            ("Content-Length: many\r\n\r\n", "-32700 the Content-Length \"many\" is not a number"),
            (
                "Content-Length: 99999999999999999999\r\n\r\n",
                "-32700 the Content-Length \"99999999999999999999\" is not a number",
            ),
            (
                "Content-Type: x\r\nContent-Length: 5\r\n\r\n{\"a\":",
                "-32700 invalid JSON: EOF while parsing a value at line 1 column 5",
            ),
            ("content-length:2\n\n[]", "-32600 not a request, notification or response of JSON-RPC 2.0"),
        ] {
            assert_eq!(frames(format!("{broken}{good}").as_bytes()), [told, "good"], "{broken:?}");
        }
        let large = format!("Content-Length: {}\r\n\r\n{}{good}", LARGEST + 1, "x".repeat(LARGEST as usize + 1));
        assert_eq!(frames(large.as_bytes()).len(), 2);
        assert!(frames(b"Content-Length: 1000\r\n\r\n{}").is_empty());
    }
}
