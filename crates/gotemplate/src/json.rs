//! Values as Go's JSON encoder writes them: sorted maps, structs in order, `<`, `>` and `&` escaped.
use std::fmt::Write;
use std::sync::Arc;

use crate::clock::Moment;
use crate::gofmt;
use crate::value::{self, Struct, Value};

/// Appends the value as JSON; fails for numbers that JSON has not.
pub(crate) fn write(value: &Value, out: &mut String) -> Result<(), String> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Float(number) if !number.is_finite() => {
            return Err(format!("json: unsupported value: {}", gofmt::float_g(*number)));
        }
        Value::Float(number) => gofmt::json_float(*number, out),
        Value::String(text) | Value::Js(text) => write_string(text, out),
        Value::Level(level) => write_string(value::level_name(*level), out),
        Value::Time(nanoseconds) => write_time(Moment::utc(*nanoseconds), out),
        Value::Moment(time) => write_time(*time, out),
        Value::Zone(_) => out.push_str("{}"),
        Value::Int(_)
        | Value::Number(_)
        | Value::Byte(_)
        | Value::Duration(_)
        | Value::Month(_)
        | Value::Weekday(_) => {
            let _ = write!(out, "{}", value.as_int().unwrap_or(0));
        }
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        _ if value.is_nil_string_map() => out.push_str("null"),
        Value::Map(map) | Value::StringMap(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                write_key(index > 0, key, out);
                write(item, out)?;
            }
            out.push('}');
        }
        Value::Struct(value) => {
            out.push('{');
            write_fields(value, &mut false, out)?;
            out.push('}');
        }
    }
    Ok(())
}

fn write_fields(value: &Arc<Struct>, separated: &mut bool, out: &mut String) -> Result<(), String> {
    for (tagged, field) in &value.fields {
        match field {
            Value::Struct(inner) if value::is_embedded(tagged) => write_fields(inner, separated, out)?,
            _ => {
                let (name, omits_empty) = value::json_name(tagged);
                let empty = omits_empty && !field.truth();
                if name != "-" && !empty {
                    write_key(*separated, name, out);
                    write(field, out)?;
                    *separated = true;
                }
            }
        }
    }
    Ok(())
}

fn write_key(separated: bool, key: &str, out: &mut String) {
    if separated {
        out.push(',');
    }
    write_string(key, out);
    out.push(':');
}

fn write_time(time: Moment, out: &mut String) {
    out.push('"');
    time.write_rfc3339(out);
    out.push('"');
}

/// Appends the text as a JSON string that is safe inside HTML.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    if text.bytes().all(is_plain) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut written = 0;
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(&text[written..at]);
        written = at + character.len_utf8();
        if escape.is_empty() {
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}

/// Whether the byte belongs to no character that is escaped.
fn is_plain(byte: u8) -> bool {
    // 0xE2 begins the separators of lines and paragraphs.
    !matches!(byte, 0..=0x1f | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}
