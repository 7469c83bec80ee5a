//! The types and values that lambda expressions compute with.

use std::{borrow::Cow, fmt, sync::Arc};

use model::{FieldType, Value};
use regex::Regex;

/// The type of a value in a lambda expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Float,
    Int,
    String,
    Bool,
    Duration,
    Time,
    Regex,
    /// What a reference is that names neither a field nor a tag of the row.
    Missing,
}

impl Type {
    /// As messages and documentation name it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Float => "float",
            Type::Int => "int",
            Type::String => "string",
            Type::Bool => "boolean",
            Type::Duration => "duration",
            Type::Time => "time",
            Type::Regex => "regex",
            Type::Missing => "missing",
        }
    }

    /// The type of a field's values; nothing for a field without a value.
    pub fn of_field(field_type: FieldType) -> Option<Type> {
        Some(match field_type {
            FieldType::Float => Type::Float,
            FieldType::Int => Type::Int,
            FieldType::String => Type::String,
            FieldType::Bool => Type::Bool,
            FieldType::Duration => Type::Duration,
            FieldType::Time => Type::Time,
            FieldType::Null => return None,
        })
    }

    /// The field that holds values of this type; nothing for those that no field can hold.
    pub fn field_type(self) -> Option<FieldType> {
        Some(match self {
            Type::Float => FieldType::Float,
            Type::Int => FieldType::Int,
            Type::String => FieldType::String,
            Type::Bool => FieldType::Bool,
            Type::Duration => FieldType::Duration,
            Type::Time => FieldType::Time,
            Type::Regex | Type::Missing => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value while an expression is worked out; texts are borrowed from the row, the script or the tables of names.
#[derive(Debug, Clone)]
pub(crate) enum Val<'a> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Duration(i64),
    Time(i64),
    Str(Cow<'a, str>),
    Regex(&'a Regex),
    Missing,
}

impl Val<'_> {
    pub(crate) fn type_of(&self) -> Type {
        match self {
            Val::Float(_) => Type::Float,
            Val::Int(_) => Type::Int,
            Val::Bool(_) => Type::Bool,
            Val::Duration(_) => Type::Duration,
            Val::Time(_) => Type::Time,
            Val::Str(_) => Type::String,
            Val::Regex(_) => Type::Regex,
            Val::Missing => Type::Missing,
        }
    }
}

impl<'a> Val<'a> {
    pub(crate) fn of_value(value: &'a Value) -> Option<Val<'a>> {
        Some(match value {
            Value::Float(v) => Val::Float(*v),
            Value::Int(v) => Val::Int(*v),
            Value::String(v) => Val::Str(Cow::Borrowed(v)),
            Value::Bool(v) => Val::Bool(*v),
            Value::Duration(v) => Val::Duration(*v),
            Value::Time(v) => Val::Time(*v),
            Value::Null => return None,
        })
    }
}

/// A value that stands in the script, or was worked out from such values.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Float(f64),
    Int(i64),
    Bool(bool),
    Duration(i64),
    Str(Arc<str>),
    Regex(Arc<Regex>),
}

impl Literal {
    pub(crate) fn type_of(&self) -> Type {
        match self {
            Literal::Float(_) => Type::Float,
            Literal::Int(_) => Type::Int,
            Literal::Bool(_) => Type::Bool,
            Literal::Duration(_) => Type::Duration,
            Literal::Str(_) => Type::String,
            Literal::Regex(_) => Type::Regex,
        }
    }

    pub(crate) fn val(&self) -> Val<'_> {
        match self {
            Literal::Float(v) => Val::Float(*v),
            Literal::Int(v) => Val::Int(*v),
            Literal::Bool(v) => Val::Bool(*v),
            Literal::Duration(v) => Val::Duration(*v),
            Literal::Str(v) => Val::Str(Cow::Borrowed(v)),
            Literal::Regex(v) => Val::Regex(v),
        }
    }

    /// What a constant part of an expression came to; times and missing values stay as they are written.
    pub(crate) fn of_val(val: Val<'_>) -> Option<Literal> {
        Some(match val {
            Val::Float(v) => Literal::Float(v),
            Val::Int(v) => Literal::Int(v),
            Val::Bool(v) => Literal::Bool(v),
            Val::Duration(v) => Literal::Duration(v),
            Val::Str(v) => Literal::Str(v.into()),
            Val::Regex(v) => Literal::Regex(Arc::new(v.clone())),
            Val::Time(_) | Val::Missing => return None,
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Float(v) => f.write_str(&crate::functions::float_text(*v)),
            Literal::Int(v) => write!(f, "{v}"),
            Literal::Bool(v) => write!(f, "{v}"),
            Literal::Duration(v) => f.write_str(&crate::functions::duration_text(*v)),
            Literal::Str(v) => f.write_str(v),
            Literal::Regex(v) => write!(f, "/{}/", v.as_str()),
        }
    }
}
