//! How a table reaches a value inside the object it describes, whatever that object's type.

use std::any::Any;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::argument::Argument;
use crate::error::{ArgumentsError, Mismatch, SetError, TextError};
use crate::setting::Setting;

/// One value of an object, reached by a table. The object is always the one that the table was made for.
///
/// The declaration's builder makes these for fields; write one for what is known only at run time.
pub trait Access: Send + Sync {
    /// A call in a script, with all its arguments.
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError>;
    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch>;
    fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        self.set_json(object, &crate::setting::toml_as_json(toml))
    }
    /// From the environment; `path` names a part of the value, empty for all of it.
    fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError>;
    /// Empties the value.
    fn zero(&self, object: &mut dyn Any);
    fn json(&self, object: &mut dyn Any) -> Json;
    /// The argument lists of the calls that would make the value what it is.
    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>>;
}

/// The object as what it is. Tables are made for one type, so another is a mistake in this program.
pub(crate) fn object_as<D: 'static>(object: &mut dyn Any) -> &mut D {
    object.downcast_mut().expect("a table is used on the type it was declared for")
}

/// A field that a call replaces.
pub(crate) struct Field<D, T> {
    pub(crate) get: fn(&mut D) -> &mut T,
}

impl<D: 'static, T: Setting> Access for Field<D, T> {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        *(self.get)(object_as(object)) = T::from_arguments(arguments)?;
        Ok(())
    }

    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        *(self.get)(object_as(object)) = T::from_json(json)?;
        Ok(())
    }

    fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        *(self.get)(object_as(object)) = T::from_toml(toml)?;
        Ok(())
    }

    fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError> {
        (self.get)(object_as(object)).set_text(path, text)
    }

    fn zero(&self, object: &mut dyn Any) {
        *(self.get)(object_as(object)) = T::zero();
    }

    fn json(&self, object: &mut dyn Any) -> Json {
        (self.get)(object_as(object)).to_json()
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        (self.get)(object_as(object)).to_arguments().into_iter().collect()
    }
}

/// A list to which each call adds.
pub(crate) struct Growing<D, T> {
    pub(crate) list: Field<D, Vec<T>>,
}

impl<D: 'static, T: Setting> Access for Growing<D, T> {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        let more = Vec::<T>::from_arguments(arguments)?;
        (self.list.get)(object_as(object)).extend(more);
        Ok(())
    }

    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        self.list.set_json(object, json)
    }

    fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        self.list.set_toml(object, toml)
    }

    fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError> {
        self.list.set_text(object, path, text)
    }

    fn zero(&self, object: &mut dyn Any) {
        self.list.zero(object);
    }

    fn json(&self, object: &mut dyn Any) -> Json {
        self.list.json(object)
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        let mut calls = self.list.calls(object);
        calls.retain(|arguments| !arguments.is_empty());
        calls
    }
}

/// A boolean that a call without arguments makes true.
pub(crate) struct Flag<D> {
    pub(crate) value: Field<D, bool>,
    /// Whether a boolean may be given: TRUE or FALSE.
    pub(crate) takes_value: bool,
}

impl<D: 'static> Access for Flag<D> {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        let value = match arguments {
            [] => true,
            [one] if self.takes_value => bool::from_argument(one).map_err(|e| ArgumentsError::At(0, e))?,
            _ => return Err(ArgumentsError::Count),
        };
        *(self.value.get)(object_as(object)) = value;
        Ok(())
    }

    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        self.value.set_json(object, json)
    }

    fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        self.value.set_toml(object, toml)
    }

    fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError> {
        self.value.set_text(object, path, text)
    }

    fn zero(&self, object: &mut dyn Any) {
        self.value.zero(object);
    }

    fn json(&self, object: &mut dyn Any) -> Json {
        self.value.json(object)
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        if *(self.value.get)(object_as(object)) { vec![Vec::new()] } else { Vec::new() }
    }
}

/// The argument lists of the calls that make a value what it is.
type Calls<D> = fn(&D) -> Vec<Vec<Argument>>;

/// A call that does as it likes with its arguments, and says itself what it shows.
pub(crate) struct Method<D> {
    pub(crate) call: fn(&mut D, &[Argument]) -> Result<(), SetError>,
    pub(crate) shown: Option<Calls<D>>,
    pub(crate) json: Option<JsonAccess<D>>,
}

/// How a method's value is read from and written to JSON.
pub(crate) struct JsonAccess<D> {
    pub(crate) read: fn(&D) -> Json,
    pub(crate) write: fn(&mut D, &Json) -> Result<(), Mismatch>,
}

impl<D: 'static> Access for Method<D> {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        (self.call)(object_as(object), arguments).map_err(ArgumentsError::Other)
    }

    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        match &self.json {
            Some(access) => (access.write)(object_as(object), json),
            None => Err(Mismatch::new("a call in a script", "JSON")),
        }
    }

    fn set_text(&self, _object: &mut dyn Any, _path: &str, text: &str) -> Result<(), TextError> {
        Err(Mismatch::new("a setting with one value", format!("{text:?}")).into())
    }

    fn zero(&self, _object: &mut dyn Any) {}

    fn json(&self, object: &mut dyn Any) -> Json {
        let object: &D = object_as(object);
        match (&self.json, self.shown) {
            (Some(access), _) => (access.read)(object),
            (None, Some(shown)) => {
                Json::Array(shown(object).into_iter().map(|call| Argument::List(call).json()).collect())
            }
            (None, None) => Json::Null,
        }
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        self.shown.map(|shown| shown(object_as(object))).unwrap_or_default()
    }
}
