//! Values on their way through a running template: borrowed from the data where they can be.
use crate::value::Value;

/// A value while a template runs.
#[derive(Clone, Debug, Default)]
pub(crate) enum Val<'a> {
    /// There is nothing, as after asking a map for a key that it has not.
    #[default]
    Missing,
    /// Part of the data or of the template.
    Ref(&'a Value),
    /// An element of a collection of `interface{}`; messages call its type so.
    Boxed(&'a Value),
    /// The result of a function or method.
    Own(Value),
}

impl<'a> Val<'a> {
    pub(crate) fn value(&self) -> &Value {
        match self {
            Self::Missing => &Value::Nil,
            Self::Ref(value) | Self::Boxed(value) => value,
            Self::Own(value) => value,
        }
    }

    /// The value without the interface around it; a nil interface is no value at all.
    pub(crate) fn unboxed(self) -> Self {
        match self {
            Self::Boxed(value) | Self::Ref(value) if matches!(value, Value::Nil) => Self::Missing,
            Self::Own(Value::Nil) => Self::Missing,
            Self::Boxed(value) => Self::Ref(value),
            other => other,
        }
    }

    /// The type as messages name it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "<nil>",
            Self::Boxed(_) => "interface {}",
            Self::Ref(Value::Nil) | Self::Own(Value::Nil) => "interface {}",
            _ => self.value().type_name(),
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// A part of the value, borrowed from where the value is borrowed from.
    pub(crate) fn part(&self, find: impl for<'v> Fn(&'v Value) -> Option<&'v Value>) -> Option<Val<'a>> {
        match self {
            Self::Missing => None,
            Self::Ref(value) | Self::Boxed(value) => find(value).map(Val::Ref),
            Self::Own(value) => find(value).cloned().map(Val::Own),
        }
    }

    /// The same value as an element of a collection whose elements are interfaces.
    pub(crate) fn boxed(self) -> Self {
        match self {
            Self::Ref(value) => Self::Boxed(value),
            other => other,
        }
    }
}

impl From<Value> for Val<'_> {
    fn from(value: Value) -> Self {
        Self::Own(value)
    }
}
