//! One value by one verb with its flags, as Go's `fmt` writes it.
mod number;

use crate::clock::{self, Moment};
use crate::gofmt;
use crate::value::{self, Struct, Value};

/// The flags, width and precision between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    /// `%+v`: with the names of fields.
    pub(crate) field_names: bool,
    /// `%#v`: as Go source.
    pub(crate) as_source: bool,
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
}

/// Appends the value as `%v` does.
pub(crate) fn write_plain(value: &Value, out: &mut String) {
    match value {
        Value::String(text) | Value::Js(text) => out.push_str(text),
        Value::Float(number) => gofmt::write_float_g(*number, out),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        _ if write_method_text(value, out) => {}
        _ => Formatter { out, flags: Flags::default() }.write(value, 'v'),
    }
}

/// Appends the text of values that have a `String` method.
fn write_method_text(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Duration(nanoseconds) => gofmt::write_duration(*nanoseconds, out),
        Value::Time(nanoseconds) => Moment::utc(*nanoseconds).write_string(out),
        Value::Moment(time) => time.write_string(out),
        Value::Month(month) => out.push_str(clock::month_name(*month)),
        Value::Weekday(weekday) => out.push_str(clock::weekday_name(*weekday)),
        Value::Zone(zone) => out.push_str(zone.name()),
        Value::Level(level) => out.push_str(value::level_name(*level)),
        _ => return false,
    }
    true
}

/// The text of a value that has a `String` method.
pub(crate) fn method_text(value: &Value) -> Option<String> {
    let mut text = String::new();
    write_method_text(value, &mut text).then_some(text)
}

/// Writes values with a set of flags.
pub(crate) struct Formatter<'o> {
    pub(crate) out: &'o mut String,
    pub(crate) flags: Flags,
}

impl Formatter<'_> {
    /// Appends an argument by its verb.
    pub(crate) fn write(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad("<nil>"),
            (Value::Nil, _) => {
                self.out.push_str("%!");
                self.out.push(verb);
                self.out.push_str("(<nil>)");
            }
            (_, 'T') => self.pad_cut(value.type_name()),
            // Nothing has an address here, and there are no errors to wrap.
            (_, 'p' | 'w') => self.bad_verb(value, verb),
            _ => self.write_inner(value, verb, false),
        }
    }

    fn write_inner(&mut self, value: &Value, verb: char, erroring: bool) {
        if !erroring && self.write_by_method(value, verb) {
            return;
        }
        match value {
            Value::Nil => self.out.push_str(if self.flags.as_source { "interface {}(nil)" } else { "<nil>" }),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => self.pad(if *truth { "true" } else { "false" }),
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Float(number) => self.write_float(value, *number, verb),
            Value::String(text) | Value::Js(text) => self.write_text(value, text, verb),
            Value::Int(_)
            | Value::Number(_)
            | Value::Byte(_)
            | Value::Duration(_)
            | Value::Month(_)
            | Value::Weekday(_)
            | Value::Level(_) => self.write_int(value, verb),
            Value::List(items) => {
                self.open(value, "[", "{");
                for (index, item) in items.iter().enumerate() {
                    self.separate(index);
                    self.write_inner(item, verb, erroring);
                }
                self.out.push(if self.flags.as_source { '}' } else { ']' });
            }
            Value::Map(map) | Value::StringMap(map) => {
                self.open(value, "map[", "{");
                for (index, (key, item)) in map.iter().enumerate() {
                    self.separate(index);
                    self.write_inner(&Value::String(key.clone()), verb, erroring);
                    self.out.push(':');
                    self.write_inner(item, verb, erroring);
                }
                self.out.push(if self.flags.as_source { '}' } else { ']' });
            }
            Value::Struct(fields) => self.write_struct(value, fields, verb, erroring),
            Value::Time(nanoseconds) => self.write_raw_time(Moment::utc(*nanoseconds), verb),
            Value::Moment(time) => self.write_raw_time(*time, verb),
            Value::Zone(_) => self.bad_verb(value, verb),
        }
    }

    /// Values with a `String` method print through it under the verbs for text.
    fn write_by_method(&mut self, value: &Value, verb: char) -> bool {
        if self.flags.as_source {
            let (Value::Time(_) | Value::Moment(_)) = value else { return false };
            let time = if let Value::Moment(time) = value { *time } else { Moment::utc(value_nanos(value)) };
            let source = time_source(time);
            self.pad_cut(&source);
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        match method_text(value) {
            Some(text) => {
                self.write_text(value, &text, verb);
                true
            }
            None => false,
        }
    }

    fn open(&mut self, value: &Value, plain: &str, source: &str) {
        if self.flags.as_source {
            self.out.push_str(value.type_name());
            self.out.push_str(source);
        } else {
            self.out.push_str(plain);
        }
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(if self.flags.as_source { ", " } else { " " });
        }
    }

    fn write_struct(&mut self, value: &Value, fields: &Struct, verb: char, erroring: bool) {
        self.open(value, "{", "{");
        for (index, (name, field)) in fields.fields.iter().enumerate() {
            self.separate(index);
            if self.flags.field_names || self.flags.as_source {
                self.out.push_str(value::field_name(name));
                self.out.push(':');
            }
            self.write_inner(field, verb, erroring);
        }
        self.out.push('}');
    }

    /// A time under a verb that is none for text shows its parts as numbers.
    fn write_raw_time(&mut self, time: Moment, verb: char) {
        let parts = [("uint64", i64::from(time.nanos)), ("int64", time.seconds - clock::YEAR_ONE)];
        self.out.push('{');
        for (type_name, number) in parts {
            if is_int_verb(verb) {
                self.write_int(&Value::Number(number), verb);
            } else {
                self.open_trouble(type_name, verb);
                self.write_int(&Value::Number(number), 'v');
                self.out.push(')');
            }
            self.out.push(' ');
        }
        match verb {
            'v' => self.pad("<nil>"),
            'b' | 'd' | 'o' | 'x' | 'X' => self.write_int(&Value::Number(0), verb),
            _ => {
                self.open_trouble("*time.Location", verb);
                self.pad("<nil>");
                self.out.push(')');
            }
        }
        self.out.push('}');
    }

    /// `%!d(string=hi)`
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.open_trouble(value.type_name(), verb);
        self.write_inner(value, 'v', true);
        self.out.push(')');
    }

    fn open_trouble(&mut self, type_name: &str, verb: char) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        self.out.push_str(type_name);
        self.out.push('=');
    }

    fn pad(&mut self, text: &str) {
        let missing = match self.flags.width {
            Some(width) => width.saturating_sub(text.chars().count()),
            None => 0,
        };
        if !self.flags.minus {
            self.fill(missing);
        }
        self.out.push_str(text);
        if self.flags.minus {
            self.fill(missing);
        }
    }

    fn pad_with_spaces(&mut self, text: &str) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn fill(&mut self, count: usize) {
        let with = if self.flags.zero && !self.flags.minus { '0' } else { ' ' };
        self.out.extend(std::iter::repeat_n(with, count));
    }

    fn cut<'t>(&self, text: &'t str) -> &'t str {
        let end = self.flags.precision.and_then(|precision| text.char_indices().nth(precision));
        end.map_or(text, |(end, _)| &text[..end])
    }

    fn pad_cut(&mut self, text: &str) {
        let text = self.cut(text);
        self.pad(text);
    }

    fn write_text(&mut self, value: &Value, text: &str, verb: char) {
        match verb {
            'v' if self.flags.as_source => self.write_quoted(text),
            'v' | 's' => self.pad_cut(text),
            'x' | 'X' => self.write_hex_text(text, verb == 'X'),
            'q' => self.write_quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn write_quoted(&mut self, text: &str) {
        let text = self.cut(text);
        if self.flags.sharp && can_backquote(text) {
            self.pad(&format!("`{text}`"));
            return;
        }
        let mut quoted = String::with_capacity(text.len() + 2);
        gofmt::write_quoted(text, self.flags.plus, &mut quoted);
        self.pad(&quoted);
    }

    fn write_hex_text(&mut self, text: &str, upper: bool) {
        let bytes = text.as_bytes();
        let bytes = &bytes[..self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()))];
        if bytes.is_empty() {
            self.fill(self.flags.width.unwrap_or(0));
            return;
        }
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut hex = String::with_capacity(bytes.len() * 2 + 2);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && self.flags.space {
                hex.push(' ');
            }
            if index == 0 || self.flags.space {
                hex.push_str(prefix);
            }
            hex.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(&hex);
    }
}

fn value_nanos(value: &Value) -> i64 {
    if let Value::Time(nanoseconds) = value { *nanoseconds } else { 0 }
}

fn time_source(time: Moment) -> String {
    let civil = time.civil();
    format!(
        "time.Date({}, time.{}, {}, {}, {}, {}, {}, time.{})",
        civil.year,
        clock::month_name(civil.month),
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        time.nanos,
        time.zone.name(),
    )
}

fn can_backquote(text: &str) -> bool {
    text.chars().all(|next| next != '`' && next != '\u{feff}' && next != '\x7f' && (next >= ' ' || next == '\t'))
}

fn is_int_verb(verb: char) -> bool {
    matches!(verb, 'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' | 'c' | 'q' | 'U')
}
