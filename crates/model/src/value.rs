//! One value of a field, and the types that fields have.

use std::sync::Arc;

/// The type of a field; with the field's name it is part of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FieldType {
    Float,
    Int,
    String,
    Bool,
    /// Nanoseconds.
    Duration,
    /// Nanoseconds since 1970.
    Time,
    /// Present but without a value, as a join's `fill('null')` leaves it.
    Null,
}

impl FieldType {
    /// As messages name it.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Float => "float",
            FieldType::Int => "int",
            FieldType::String => "string",
            FieldType::Bool => "boolean",
            FieldType::Duration => "duration",
            FieldType::Time => "time",
            FieldType::Null => "null",
        }
    }
}

/// A value on its own, outside of any row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Int(i64),
    String(Arc<str>),
    Bool(bool),
    Duration(i64),
    Time(i64),
    Null,
}

impl Value {
    pub fn field_type(&self) -> FieldType {
        match self {
            Value::Float(_) => FieldType::Float,
            Value::Int(_) => FieldType::Int,
            Value::String(_) => FieldType::String,
            Value::Bool(_) => FieldType::Bool,
            Value::Duration(_) => FieldType::Duration,
            Value::Time(_) => FieldType::Time,
            Value::Null => FieldType::Null,
        }
    }

    /// Floats and integers as a float.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Float(v) => Some(*v),
            Value::Int(v) => Some(*v as f64),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Float(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::Int(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::String(v.into())
    }
}

/// The bare value, for tests and logs.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Float(v) => write!(f, "{v}"),
            Value::Int(v) | Value::Duration(v) | Value::Time(v) => write!(f, "{v}"),
            Value::String(v) => f.write_str(v),
            Value::Bool(v) => write!(f, "{v}"),
            Value::Null => f.write_str("null"),
        }
    }
}
