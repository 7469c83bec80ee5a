//! URLs in attributes and styles: harmless schemes only, and everything else percent-encoded.
use std::fmt::Write;

/// Whether the URL has no scheme or one that runs nothing.
pub(super) fn is_safe(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

/// Appends the text as part of a URL. Normalizing keeps the URL's structure, otherwise the text becomes a value in it.
pub(super) fn escape(text: &str, normalizes: bool, out: &mut String) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let kept = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'[' | b']' => {
                normalizes
            }
            b'%' => {
                let code = bytes.get(at + 1..at + 3);
                normalizes && code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
            }
            _ => false,
        };
        if kept {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

/// Appends a set of sources, each a URL with a size; unsafe ones are replaced by `unsafe_url`.
pub(super) fn escape_srcset(text: &str, unsafe_url: &str, out: &mut String) {
    for (index, source) in text.split(',').enumerate() {
        if index > 0 {
            out.push(',');
        }
        let start = source.len() - source.trim_start_matches(is_space).len();
        let end = source[start..].find(is_space).map_or(source.len(), |length| start + length);
        let (url, size) = (&source[start..end], &source[end..]);
        if is_safe(url) && size.chars().all(|next| is_space(next) || next.is_ascii_alphanumeric()) {
            out.push_str(&source[..start]);
            escape(url, true, out);
            out.push_str(size);
        } else {
            out.push('#');
            out.push_str(unsafe_url);
        }
    }
}

fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\x0c' | '\r' | ' ')
}
