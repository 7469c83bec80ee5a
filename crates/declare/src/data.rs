//! Sections that are told by data alone: keys with a default each, their values kept as JSON.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::access::{Access, object_as};
use crate::argument::Argument;
use crate::error::{ArgumentsError, Mismatch, TextError};
use crate::go_duration::parse_go_duration;
use crate::item::{Parameter, Role};
use crate::section::{Elements, Shape, Slot};
use crate::setting::Setting;
use crate::table::Table;

/// A section as data.
#[derive(Debug, Clone, Copy)]
pub struct DataSection {
    pub name: &'static str,
    pub shape: Shape,
    pub about: &'static str,
    pub keys: &'static [DataKey],
    /// What is wrong with its elements, one for a section that is no array.
    pub check: fn(&[Values]) -> Result<(), String>,
}

/// A key of such a section.
#[derive(Debug, Clone, Copy)]
pub struct DataKey {
    pub name: &'static str,
    pub default: DataDefault,
    pub about: &'static str,
    pub secret: bool,
    pub at_run_time: bool,
    /// The words that its value is one of.
    pub choices: &'static [&'static str],
    /// The default if the element is made over HTTP, where that is another.
    pub when_created: Option<DataDefault>,
    /// Its name over HTTP, if that is another.
    pub http_name: Option<&'static str>,
    /// Its name in environment variables, if that is another.
    pub env_name: Option<&'static str>,
    /// An empty value stands for the default.
    pub refilled: bool,
}

/// The type and default of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DataDefault {
    Bool(bool),
    Int(i64),
    /// An integer that is unset.
    NoInt,
    Float(f64),
    Text(&'static str),
    /// As Go writes durations.
    Duration(&'static str),
    /// A list of texts, unset.
    Texts,
    /// A table of texts, unset.
    TextTable,
    /// A table of lists of texts, unset.
    TextsTable,
    /// A text whose type users may change.
    Any(&'static str),
    /// Anything, unset.
    Nothing,
}

impl DataKey {
    /// A key that can be changed at run time and is not secret.
    pub const fn new(name: &'static str, default: DataDefault, about: &'static str) -> Self {
        DataKey {
            name,
            default,
            about,
            secret: false,
            at_run_time: true,
            choices: &[],
            when_created: None,
            http_name: None,
            env_name: None,
            refilled: false,
        }
    }

    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Only the file and the environment set it.
    #[must_use]
    pub const fn fixed(mut self) -> Self {
        self.at_run_time = false;
        self
    }

    #[must_use]
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    #[must_use]
    pub const fn when_created(mut self, default: DataDefault) -> Self {
        self.when_created = Some(default);
        self
    }

    #[must_use]
    pub const fn http_name(mut self, name: &'static str) -> Self {
        self.http_name = Some(name);
        self
    }

    #[must_use]
    pub const fn env_name(mut self, name: &'static str) -> Self {
        self.env_name = Some(name);
        self
    }
}

/// The values of one element, by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(BTreeMap<&'static str, Json>);

impl Values {
    /// The text of a key; empty if it is unset or no text.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    pub fn bool(&self, key: &str) -> bool {
        self.0.get(key).and_then(Json::as_bool).unwrap_or_default()
    }

    pub fn int(&self, key: &str) -> i64 {
        self.0.get(key).and_then(Json::as_i64).unwrap_or_default()
    }

    /// Nanoseconds.
    pub fn nanos(&self, key: &str) -> i64 {
        parse_go_duration(self.text(key)).unwrap_or_default()
    }

    pub fn texts(&self, key: &str) -> Vec<&str> {
        let items = self.0.get(key).and_then(Json::as_array);
        items.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    pub fn json(&self, key: &str) -> &Json {
        self.0.get(key).unwrap_or(&Json::Null)
    }
}

impl DataSection {
    /// Its elements without any in the file.
    pub fn default_elements(&self) -> Vec<Values> {
        vec![self.default_element(); self.shape.default_elements()]
    }

    /// An element with all defaults.
    pub fn default_element(&self) -> Values {
        Values(self.keys.iter().map(|key| (key.name, key.default.json())).collect())
    }

    pub fn table(&self) -> Table {
        Table::of_run_time::<Values>(|mut it| {
            it = it.about(self.about);
            for key in self.keys {
                it = key.default.item(key.name, it, key.about).change_last(|item| {
                    item.secret = key.secret;
                    item.at_run_time = key.at_run_time;
                    item.choices = key.choices.iter().map(|&choice| Cow::Borrowed(choice)).collect();
                    item.when_created = key.when_created.map(DataDefault::json);
                    item.env_name = key.env_name.unwrap_or_default().into();
                    item.key = key.http_name.unwrap_or(key.name).into();
                    item.refilled = key.refilled;
                });
            }
            it
        })
        .starting_from(self.default_element())
    }

    pub fn slot<'a>(&self, elements: &'a mut Vec<Values>) -> Slot<'a> {
        let stored = Stored { elements, default: self.default_element(), check: self.check };
        Slot::new(self.name, self.shape, self.table(), Box::new(stored))
    }
}

impl DataDefault {
    fn json(self) -> Json {
        match self {
            DataDefault::Bool(value) => Json::from(value),
            DataDefault::Int(value) => Json::from(value),
            DataDefault::Float(value) => Json::from(value),
            DataDefault::Text(text) | DataDefault::Duration(text) | DataDefault::Any(text) => Json::from(text),
            DataDefault::NoInt
            | DataDefault::Texts
            | DataDefault::TextTable
            | DataDefault::TextsTable
            | DataDefault::Nothing => Json::Null,
        }
    }

    fn item(
        self,
        name: &'static str,
        it: crate::Declaration<Values>,
        about: &'static str,
    ) -> crate::Declaration<Values> {
        match self {
            DataDefault::Bool(_) => keyed::<bool>(name, it, about),
            DataDefault::Int(_) => keyed::<i64>(name, it, about),
            DataDefault::NoInt => keyed::<Option<i64>>(name, it, about),
            DataDefault::Float(_) => keyed::<f64>(name, it, about),
            DataDefault::Text(_) => keyed::<String>(name, it, about),
            DataDefault::Duration(_) => keyed::<Duration>(name, it, about),
            DataDefault::Texts => keyed::<Option<Vec<String>>>(name, it, about),
            DataDefault::TextTable => keyed::<Option<BTreeMap<String, String>>>(name, it, about),
            DataDefault::TextsTable => keyed::<Option<BTreeMap<String, Vec<String>>>>(name, it, about),
            DataDefault::Any(_) | DataDefault::Nothing => keyed::<Json>(name, it, about),
        }
    }
}

fn keyed<T: Setting>(
    name: &'static str,
    it: crate::Declaration<Values>,
    about: &'static str,
) -> crate::Declaration<Values> {
    let access = Keyed::<T> { key: name, of: std::marker::PhantomData };
    let parameters = vec![Parameter::required("value", T::kind())];
    it.item(Role::Property, name, about, T::kind(), parameters, Arc::new(access))
}

/// A value of a data section, of type `T` when it is set, JSON when it is kept.
struct Keyed<T> {
    key: &'static str,
    of: std::marker::PhantomData<fn(T)>,
}

impl<T: Setting> Keyed<T> {
    fn store(&self, object: &mut dyn Any, value: &T) {
        object_as::<Values>(object).0.insert(self.key, value.to_json());
    }

    fn current(&self, object: &mut dyn Any) -> T {
        let json = self.json(object);
        T::from_json(&json).unwrap_or_else(|_| T::zero())
    }
}

impl<T: Setting> Access for Keyed<T> {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        self.store(object, &T::from_arguments(arguments)?);
        Ok(())
    }

    fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        self.store(object, &T::from_json(json)?);
        Ok(())
    }

    fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        self.store(object, &T::from_toml(toml)?);
        Ok(())
    }

    fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError> {
        let mut value = self.current(object);
        value.set_text(path, text)?;
        self.store(object, &value);
        Ok(())
    }

    fn zero(&self, object: &mut dyn Any) {
        self.store(object, &T::zero());
    }

    fn json(&self, object: &mut dyn Any) -> Json {
        object_as::<Values>(object).0.get(self.key).cloned().unwrap_or(Json::Null)
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        self.current(object).to_arguments().into_iter().collect()
    }
}

/// The elements of a data section in a config.
struct Stored<'a> {
    elements: &'a mut Vec<Values>,
    default: Values,
    check: fn(&[Values]) -> Result<(), String>,
}

impl Elements for Stored<'_> {
    fn len(&self) -> usize {
        self.elements.len()
    }

    fn get(&mut self, index: usize) -> Option<&mut (dyn Any + Send)> {
        match self.elements.get_mut(index) {
            Some(values) => Some(values),
            None => None,
        }
    }

    fn resize(&mut self, count: usize) {
        self.elements.resize(count, self.default.clone());
    }

    fn check(&self) -> Result<(), String> {
        (self.check)(self.elements)
    }
}
