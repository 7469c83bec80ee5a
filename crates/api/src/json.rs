//! JSON text as Go writes it: four spaces deep, `<`, `>` and `&` escaped, floats without a needless `.0`.

use std::io::{self, Write};

use serde::Serialize;
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
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            let Some(special) = from.chars().next() else { break };
            writer.write_all(before.as_bytes())?;
            write!(writer, "\\u{:04x}", special as u32)?;
            rest = &from[special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
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
    }
}
