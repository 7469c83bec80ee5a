//! The data of a template: values with the Go types that templates can tell apart.
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::clock::{Moment, Zone};

/// Known by its address.
static NIL_STRING_MAP: LazyLock<Arc<BTreeMap<Arc<str>, Value>>> = LazyLock::new(Arc::default);

/// A value as templates see it. Each variant stands for one Go type, because comparison, printing and methods depend on it.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// No value: a nil `interface{}`.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// `int64`, the type of integer fields.
    Int(i64),
    /// `int`, the type of whole numbers written in a template, of `len` and of `.Time.Year`.
    Number(i64),
    /// `uint8`, one byte of a string.
    Byte(u8),
    /// `float64`
    Float(f64),
    /// `string`
    String(Arc<str>),
    /// `time.Duration` in nanoseconds.
    Duration(i64),
    /// `time.Time` in UTC, nanoseconds since 1970.
    Time(i64),
    /// `time.Time` in another zone or beyond the years 1677 to 2262.
    Moment(Moment),
    /// `time.Month`, January is 1.
    Month(u8),
    /// `time.Weekday`, Sunday is 0.
    Weekday(u8),
    /// `*time.Location`
    Zone(Zone),
    /// `alert.Level`, 0 for OK to 3 for CRITICAL: prints as its name and counts as a number, as in the data of alert
    /// templates of HTTP endpoints. In messages the level is a plain string.
    Level(u8),
    /// `[]interface{}`
    List(Arc<[Value]>),
    /// `map[string]interface{}`
    Map(Arc<BTreeMap<Arc<str>, Value>>),
    /// `map[string]string`: a missing key is the empty string for `index`. All values must be strings.
    StringMap(Arc<BTreeMap<Arc<str>, Value>>),
    /// A struct.
    Struct(Arc<Struct>),
    /// JavaScript source that HTML templates put into scripts as it is.
    Js(Arc<str>),
}

/// A struct: named fields in order. An unknown field is an error in a template, a missing key of a map is not.
///
/// A field's name may carry its name in JSON after a colon, as Go's tags do: `ID:id`, or `Series:series,omitempty`. A
/// field whose name begins with a lower case letter is an embedded struct: its fields count as the outer struct's own.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The Go type, used in messages: `kapacitor.messageInfo`.
    pub name: &'static str,
    /// The fields in the order in which they are printed.
    pub fields: Vec<(&'static str, Value)>,
}

impl Struct {
    /// The field of that name, also of an embedded struct.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let own = self.fields.iter().find(|(tagged, _)| is_field(tagged, name));
        if let Some((_, value)) = own {
            return Some(value);
        }
        self.fields.iter().filter(|(name, _)| is_embedded(name)).find_map(|(_, value)| match value {
            Value::Struct(inner) => inner.field(name),
            _ => None,
        })
    }
}

fn is_field(tagged: &str, name: &str) -> bool {
    tagged.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Whether the field is an embedded struct.
pub(crate) fn is_embedded(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The field's name in Go.
pub(crate) fn field_name(tagged: &'static str) -> &'static str {
    tagged.split_once(':').map_or(tagged, |(name, _)| name)
}

/// The field's name in JSON, and whether an empty value is left out.
pub(crate) fn json_name(tagged: &'static str) -> (&'static str, bool) {
    let tag = tagged.split_once(':').map_or(tagged, |(_, tag)| tag);
    match tag.split_once(',') {
        Some((name, options)) => (name, options.split(',').any(|option| option == "omitempty")),
        None => (tag, false),
    }
}

/// What operators distinguish: Go's kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nil,
    Bool,
    Int,
    Uint,
    Float,
    String,
    List,
    Map,
    Struct,
}

const LEVELS: [&str; 4] = ["OK", "INFO", "WARNING", "CRITICAL"];

/// The name of an alert level.
pub(crate) fn level_name(level: u8) -> &'static str {
    LEVELS.get(usize::from(level)).copied().unwrap_or("unknown")
}

impl Value {
    /// A `map[string]string` of these keys and values.
    pub fn string_map<K: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), Self::String(value.into())));
        Self::StringMap(Arc::new(pairs.collect()))
    }

    /// A nil `map[string]string`: as an empty one, but JSON shows it as null.
    pub fn nil_string_map() -> Self {
        Self::StringMap(Arc::clone(&NIL_STRING_MAP))
    }

    pub(crate) fn is_nil_string_map(&self) -> bool {
        matches!(self, Self::StringMap(map) if Arc::ptr_eq(map, &NIL_STRING_MAP))
    }

    /// A `map[string]interface{}` of these keys and values.
    pub fn map<K: Into<Arc<str>>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(Arc::new(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()))
    }

    /// A list of these values.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// A struct of the Go type `name`.
    pub fn structure(name: &'static str, fields: Vec<(&'static str, Value)>) -> Self {
        Self::Struct(Arc::new(Struct { name, fields }))
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Nil,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) | Self::Number(_) | Self::Duration(_) | Self::Month(_) | Self::Weekday(_) | Self::Level(_) => {
                Kind::Int
            }
            Self::Byte(_) => Kind::Uint,
            Self::Float(_) => Kind::Float,
            Self::String(_) | Self::Js(_) => Kind::String,
            Self::Time(_) | Self::Moment(_) | Self::Zone(_) | Self::Struct(_) => Kind::Struct,
            Self::List(_) => Kind::List,
            Self::Map(_) | Self::StringMap(_) => Kind::Map,
        }
    }

    /// The Go type as `%T` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Number(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Duration(_) => "time.Duration",
            Self::Time(_) | Self::Moment(_) => "time.Time",
            Self::Month(_) => "time.Month",
            Self::Weekday(_) => "time.Weekday",
            Self::Zone(_) => "*time.Location",
            Self::Level(_) => "alert.Level",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::StringMap(_) => "map[string]string",
            Self::Struct(value) => value.name,
            Self::Js(_) => "template.JS",
        }
    }

    /// The number of a value of an integer kind.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match *self {
            Self::Int(number) | Self::Number(number) | Self::Duration(number) => Some(number),
            Self::Byte(number) | Self::Month(number) | Self::Weekday(number) | Self::Level(number) => {
                Some(i64::from(number))
            }
            _ => None,
        }
    }

    /// The text of a value of a string kind.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Js(text) => Some(text),
            _ => None,
        }
    }

    /// Whether `if` takes the value for true.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Float(value) => *value != 0.0,
            Self::String(text) | Self::Js(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) | Self::StringMap(map) => !map.is_empty(),
            Self::Time(_) | Self::Moment(_) | Self::Zone(_) | Self::Struct(_) => true,
            Self::Int(_)
            | Self::Number(_)
            | Self::Byte(_)
            | Self::Duration(_)
            | Self::Month(_)
            | Self::Weekday(_)
            | Self::Level(_) => self.as_int() != Some(0),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::List(value.into())
    }
}

impl From<BTreeMap<Arc<str>, Value>> for Value {
    fn from(value: BTreeMap<Arc<str>, Value>) -> Self {
        Self::Map(Arc::new(value))
    }
}

impl From<BTreeMap<Arc<str>, Arc<str>>> for Value {
    fn from(value: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        Self::string_map(value)
    }
}

impl From<Struct> for Value {
    fn from(value: Struct) -> Self {
        Self::Struct(Arc::new(value))
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl From<serde_json::Value> for Value {
    /// Whole numbers become `int64`, others `float64`.
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => Self::list(items),
            serde_json::Value::Object(map) => Self::map(map),
        }
    }
}
