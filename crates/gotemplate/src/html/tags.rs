//! The small words of HTML: names of tags and attributes, and the space between them.
use super::context::Element;

/// The place after the name of an attribute that begins at the front; fails on characters that no name may have.
pub(super) fn attribute_name_end(text: &[u8]) -> Result<usize, String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'=' | b'>' => return Ok(at),
            b'\'' | b'"' | b'<' => {
                let (found, text) = (char::from(*byte), shown(text));
                return Err(format!("{} in attribute name: {text}", crate::gofmt::quote(&found.to_string())));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

/// The beginning of a text for a message.
pub(super) fn shown(text: &[u8]) -> String {
    let start: String = String::from_utf8_lossy(text).chars().take(32).collect();
    crate::gofmt::quote(&start)
}

/// The place after the tag name that begins at `start` (`start` itself if there is none), and its element.
pub(super) fn tag_name(text: &[u8], start: usize) -> (usize, Element) {
    if !text.get(start).is_some_and(u8::is_ascii_alphabetic) {
        return (start, Element::None);
    }
    let mut end = start + 1;
    while let Some(byte) = text.get(end) {
        if byte.is_ascii_alphanumeric() {
            end += 1;
        } else if matches!(byte, b':' | b'-') && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) {
            end += 2;
        } else {
            break;
        }
    }
    let element = match text[start..end].to_ascii_lowercase().as_slice() {
        b"script" => Element::Script,
        b"style" => Element::Style,
        b"textarea" => Element::TextArea,
        b"title" => Element::Title,
        b"meta" => Element::Meta,
        _ => Element::None,
    };
    (end, element)
}

/// The place of the first byte from `start` on that is no space.
pub(super) fn skip_space(text: &[u8], start: usize) -> usize {
    let spaces = text[start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r'));
    start + spaces.count()
}

/// The place of a part of a text.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The place of the first byte that is one of these.
pub(super) fn find_any(text: &[u8], bytes: &[u8]) -> Option<usize> {
    text.iter().position(|byte| bytes.contains(byte))
}

/// The place where the element's end tag begins.
pub(super) fn end_tag(text: &[u8], element: Element) -> Option<usize> {
    let name: &[u8] = match element {
        Element::Script => b"script",
        Element::Style => b"style",
        Element::TextArea => b"textarea",
        Element::Title => b"title",
        Element::Meta | Element::None => b"",
    };
    let mut from = 0;
    while let Some(offset) = find(&text[from..], b"</") {
        let at = from + offset;
        let after = &text[at + 2..];
        let named = after.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if named && matches!(after.get(name.len()), Some(b'>' | b' ' | b'\t' | b'\n' | b'\x0c' | b'/')) {
            return Some(at);
        }
        from = at + 2;
    }
    None
}
