//! The finished table of an item: what it takes, and the one place that sets, reads and names its values.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::argument::Argument;
use crate::declaration::Declaration;
use crate::error::{ArgumentsError, SetError};
use crate::item::{Item, Parameter, Role, check_count, same_but_first_letter, spread};
use crate::suggest::nearest;

/// What a node, a handler or a section takes from a user. Cheap to clone.
#[derive(Clone)]
pub struct Table {
    about: Cow<'static, str>,
    items: Arc<[Item]>,
    examples: Vec<Cow<'static, str>>,
    fresh: Arc<dyn Fn() -> Box<dyn Any + Send> + Send + Sync>,
    copy: fn(&dyn Any) -> Box<dyn Any + Send>,
}

/// The current value of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub name: String,
    pub key: String,
    pub role: Role,
    /// As the config API and the sample config show it: durations as Go writes them. [`Argument::json`] is a
    /// pipeline's JSON.
    pub json: Json,
    /// The argument lists of the calls that make the value; empty for none.
    pub calls: Vec<Vec<Argument>>,
    pub is_default: bool,
    pub hidden: bool,
    pub secret: bool,
}

impl Table {
    /// The table of a type, from its declaration.
    pub fn of<D: Default + Clone + Send + 'static>(declare: fn(Declaration<D>) -> Declaration<D>) -> Table {
        declare(Declaration::new()).into_table()
    }

    /// The table of what is known only at run time; `D` is where its values are kept.
    pub fn of_run_time<D: Default + Clone + Send + 'static>(
        declare: impl FnOnce(Declaration<D>) -> Declaration<D>,
    ) -> Table {
        declare(Declaration::new()).into_table()
    }

    pub(crate) fn new(
        about: Cow<'static, str>,
        items: Vec<Item>,
        examples: Vec<Cow<'static, str>>,
        fresh: fn() -> Box<dyn Any + Send>,
        copy: fn(&dyn Any) -> Box<dyn Any + Send>,
    ) -> Self {
        Table { about, items: items.into(), examples, fresh: Arc::new(fresh), copy }
    }

    /// With other defaults than those of the type.
    #[must_use]
    pub fn starting_from<D: Clone + Send + Sync + 'static>(mut self, defaults: D) -> Self {
        self.fresh = Arc::new(move || Box::new(defaults.clone()));
        self
    }

    pub fn about(&self) -> &str {
        &self.about
    }

    /// All items in declared order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    pub fn examples(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().map(AsRef::as_ref)
    }

    /// A new object with all defaults.
    pub fn fresh(&self) -> Box<dyn Any + Send> {
        (self.fresh)()
    }

    /// The arguments given where the node is made.
    pub fn arguments(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.is_argument())
    }

    /// All but the arguments.
    pub fn properties(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.is_argument())
    }

    /// The property of this name. The case of the first letter does not matter: `.uRL` is `.URL`.
    pub fn find(&self, name: &str) -> Option<&Item> {
        self.properties()
            .find(|item| item.name == name)
            .or_else(|| self.properties().find(|item| same_but_first_letter(&item.name, name)))
    }

    /// The item of this key in JSON, options or a config file. An exact match goes before one in another case.
    pub fn find_key(&self, key: &str) -> Option<&Item> {
        self.items
            .iter()
            .find(|item| item.key == key)
            .or_else(|| self.items.iter().find(|item| item.key.eq_ignore_ascii_case(key)))
    }

    /// The item that a config file calls so. An exact match goes before one in another case.
    pub fn find_name(&self, name: &str) -> Option<&Item> {
        self.items
            .iter()
            .find(|item| item.name == name)
            .or_else(|| self.items.iter().find(|item| item.name.eq_ignore_ascii_case(name)))
    }

    /// Documented properties whose names are near to this one.
    pub fn near(&self, name: &str) -> Vec<String> {
        nearest(name, self.properties().filter(|item| !item.hidden).map(|item| item.name.as_ref()))
    }

    /// Documented keys that are near to this one.
    pub fn near_key(&self, key: &str) -> Vec<String> {
        nearest(key, self.items.iter().filter(|item| !item.hidden).map(|item| item.key.as_ref()))
    }

    /// `name(field string, unit duration)`
    pub fn signature(&self, name: &str) -> String {
        let parameters: Vec<String> =
            self.arguments().flat_map(|item| item.parameters.iter().map(Parameter::to_string)).collect();
        format!("{name}({})", parameters.join(", "))
    }

    /// Gives the arguments of the call that makes the node; `name` is that call's, for messages.
    pub fn construct(&self, object: &mut dyn Any, name: &str, arguments: &[Argument]) -> Result<(), SetError> {
        let arguments = spread(arguments);
        let parameters: Vec<&Parameter> = self.arguments().flat_map(|item| &item.parameters).collect();
        check_count(name, &parameters, arguments.len(), || self.signature(name))?;
        let mut rest = arguments;
        let mut index = 0;
        for item in self.arguments() {
            if rest.is_empty() && item.role != Role::VariadicArgument {
                break;
            }
            let taken = if item.takes_rest() { rest.len() } else { 1 };
            let (mine, others) = rest.split_at(taken);
            item.access.set(object, mine).map_err(|error| match error {
                ArgumentsError::At(at, mismatch) => SetError::Argument {
                    name: name.to_string(),
                    argument: item.name.to_string(),
                    index: index + at,
                    mismatch: Box::new(mismatch),
                },
                other => item.set_error(name, mine.len(), other),
            })?;
            rest = others;
            index += taken;
        }
        Ok(())
    }

    /// Calls a property of a script.
    pub fn set(&self, object: &mut dyn Any, name: &str, arguments: &[Argument]) -> Result<(), SetError> {
        let Some(item) = self.find(name) else {
            return Err(SetError::Unknown { name: name.to_string(), near: self.near(name) });
        };
        item.call(object, name, spread(arguments))
    }

    /// Sets one key from JSON.
    pub fn set_json(&self, object: &mut dyn Any, key: &str, json: &Json) -> Result<(), SetError> {
        let Some(item) = self.find_key(key) else {
            return Err(SetError::Unknown { name: key.to_string(), near: self.near_key(key) });
        };
        item.set_json(object, json)
            .map_err(|mismatch| SetError::Value { name: key.to_string(), mismatch: Box::new(mismatch) })
    }

    /// Sets all keys of a JSON object; all that is wrong is answered, what is right is set. A key whose value is null
    /// is left as it is, as in Kapacitor.
    pub fn load_json(&self, object: &mut dyn Any, options: &serde_json::Map<String, Json>) -> Vec<SetError> {
        let given = options.iter().filter(|(key, json)| !json.is_null() || self.find_key(key).is_none());
        given.filter_map(|(key, json)| self.set_json(object, key, json).err()).collect()
    }

    /// The values of all items in declared order.
    pub fn values(&self, object: &dyn Any) -> Vec<Shown> {
        let mut object = (self.copy)(object);
        let mut defaults = self.fresh();
        self.items.iter().map(|item| item.show(&mut *object, &mut *defaults)).collect()
    }

    /// The values of all items as an object of JSON, in declared order.
    pub fn json(&self, object: &dyn Any) -> serde_json::Map<String, Json> {
        self.values(object).into_iter().map(|shown| (shown.key, shown.json)).collect()
    }

    /// Empties all values: what an element of an array of sections starts from if it does not stand alone.
    pub fn zero(&self, object: &mut dyn Any) {
        for item in self.items.iter() {
            item.access.zero(object);
        }
    }

    /// Gives those values their default that are empty and declared so.
    pub fn refill(&self, object: &mut dyn Any) {
        let mut defaults = self.fresh();
        let mut empty = self.fresh();
        self.zero(&mut *empty);
        for item in self.items.iter().filter(|item| item.refilled) {
            if item.access.json(object) == item.access.json(&mut *empty) {
                let default = item.access.json(&mut *defaults);
                // A default is a value of its own type.
                let _ = item.access.set_json(object, &default);
            }
        }
    }
}

#[cfg(test)]
mod tests;
