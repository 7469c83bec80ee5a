//! JSON text as Go writes it: four spaces deep, `<`, `>` and `&` escaped, floats without a needless `.0`.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{Error, SerializeSeq};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// The indented text.
///
/// # Errors
/// If the value can't be JSON, such as a map with keys that are no text.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write(value, PrettyFormatter::with_indent(b"    "))
}

/// The text on one line.
///
/// # Errors
/// If the value can't be JSON, such as a map with keys that are no text.
pub fn compact<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write(value, CompactFormatter)
}

fn write<T: Serialize + ?Sized, F: Formatter>(value: &T, layout: F) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, AsGo { layout }))?;
    Ok(String::from_utf8(bytes).expect("serde_json writes whole strings, and we split them at characters"))
}

/// A list whose items are made while it is written, so that only one is in memory at a time. The first error among them
/// becomes that of the writing. It can be written once; after that it is empty.
pub struct Each<I>(Cell<Option<I>>);

impl<I> Each<I> {
    /// The items in their order.
    pub fn of(items: I) -> Each<I> {
        Each(Cell::new(Some(items)))
    }
}

impl<I, T, E> Serialize for Each<I>
where
    I: Iterator<Item = Result<T, E>>,
    T: Serialize,
    E: Display,
{
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in self.0.take().into_iter().flatten() {
            list.serialize_element(&item.map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

struct AsGo<F> {
    layout: F,
}

/// Hands each call to the layout's own.
macro_rules! as_layout {
    ($($call:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $call<W: ?Sized + Write>(&mut self, writer: &mut W $(, $arg: $type)*) -> io::Result<()> {
            self.layout.$call(writer $(, $arg)*)
        }
    )*};
}

impl<F: Formatter> Formatter for AsGo<F> {
    as_layout! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(crate::number::json(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most have nothing special. Without a way out at the first hit, many bytes are looked at together.
        let may_be_special = |byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
        if !fragment.bytes().fold(false, |found, byte| found | may_be_special(byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, escaped)) = first_special(rest) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            writer.write_all(escaped.as_bytes())?;
            rest = &from[from.chars().next().map_or(0, char::len_utf8)..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// The first character that Go escapes and other programs do not: where it is, and how it is written.
fn first_special(text: &str) -> Option<(usize, &'static str)> {
    text.bytes().enumerate().find_map(|(at, byte)| match byte {
        b'<' => Some((at, "\\u003c")),
        b'>' => Some((at, "\\u003e")),
        b'&' => Some((at, "\\u0026")),
        // The first byte of ends of lines and paragraphs, and of many other characters.
        0xe2 if text[at..].starts_with('\u{2028}') => Some((at, "\\u2028")),
        0xe2 if text[at..].starts_with('\u{2029}') => Some((at, "\\u2029")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn writes_as_go() {
        let value = json!({ "a<b>&\u{2028}": [1.0, 0.5, 3, "é\n\"<"], "e": {}, "l": [] });
        assert_eq!(
            super::compact(&value).unwrap(),
            r#"{"a\u003cb\u003e\u0026\u2028":[1,0.5,3,"é\n\"\u003c"],"e":{},"l":[]}"#
        );
        assert_eq!(super::pretty(&json!({ "a": [1] })).unwrap(), "{\n    \"a\": [\n        1\n    ]\n}");
        assert_eq!(
            super::compact("\u{2027}\u{2028}\u{2029}\u{202a}>").unwrap(),
            "\"\u{2027}\\u2028\\u2029\u{202a}\\u003e\""
        );
    }

    #[test]
    fn a_list_is_written_while_it_is_made() {
        let fine = [1, 2].map(Ok::<_, &str>);
        assert_eq!(super::compact(&super::Each::of(fine.into_iter())).unwrap(), "[1,2]");
        let broken = super::Each::of([Ok(1), Err("no more")].into_iter());
        assert_eq!(super::compact(&broken).unwrap_err().to_string(), "no more");
    }
}
