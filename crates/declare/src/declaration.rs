//! The builder with which a node, a handler's options or a config section says what it takes.

use std::any::Any;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::access::{Access, Field, Flag, Growing, JsonAccess, Method};
use crate::argument::Argument;
use crate::error::{Mismatch, SetError};
use crate::item::{Item, Parameter, Role, parse_signature};
use crate::kind::Kind;
use crate::setting::Setting;
use crate::table::Table;

/// What the type `D` takes from a user, in the order of its documentation.
///
/// Words like `hidden`, `secret` and `default_text` speak of the item declared last.
pub struct Declaration<D> {
    about: Cow<'static, str>,
    items: Vec<Item>,
    examples: Vec<Cow<'static, str>>,
    of: PhantomData<fn(D)>,
}

impl<D: Default + Clone + Send + 'static> Declaration<D> {
    /// An empty one; see [`Table::of`].
    pub(crate) fn new() -> Self {
        Declaration { about: Cow::Borrowed(""), items: Vec::new(), examples: Vec::new(), of: PhantomData }
    }

    /// What the whole is for, in one or a few sentences.
    #[must_use]
    pub fn about(mut self, about: impl Into<Cow<'static, str>>) -> Self {
        self.about = about.into();
        self
    }

    /// An argument that must be given where the node is made: `|derivative('field')`.
    #[must_use]
    pub fn argument<T: Setting>(self, name: &'static str, about: &'static str, get: fn(&mut D) -> &mut T) -> Self {
        self.field(Role::Argument, name, about, get)
    }

    /// An argument that may be left out if those after it are, too.
    #[must_use]
    pub fn optional<T: Setting>(self, name: &'static str, about: &'static str, get: fn(&mut D) -> &mut T) -> Self {
        self.field(Role::OptionalArgument, name, about, get)
    }

    /// All arguments that follow, none or more.
    #[must_use]
    pub fn variadic<T: Setting>(
        mut self,
        name: &'static str,
        about: &'static str,
        get: fn(&mut D) -> &mut Vec<T>,
    ) -> Self {
        let parameter = Parameter::variadic(name, T::kind());
        self.push(Role::VariadicArgument, name, about, Vec::<T>::kind(), vec![parameter], Arc::new(Field { get }));
        self
    }

    /// A property, or a key of a section: a call replaces its value. A list takes any number of arguments.
    #[must_use]
    pub fn property<T: Setting>(self, name: &'static str, about: &'static str, get: fn(&mut D) -> &mut T) -> Self {
        self.field(Role::Property, name, about, get)
    }

    /// A property whose calls add all their arguments to a list.
    #[must_use]
    pub fn appends<T: Setting>(
        mut self,
        name: &'static str,
        about: &'static str,
        get: fn(&mut D) -> &mut Vec<T>,
    ) -> Self {
        let parameter = Parameter::variadic(name, T::kind());
        let access = Growing { list: Field { get } };
        self.push(Role::Appending, name, about, Vec::<T>::kind(), vec![parameter], Arc::new(access));
        self
    }

    /// A property without arguments that switches something on.
    #[must_use]
    pub fn flag(mut self, name: &'static str, about: &'static str, get: fn(&mut D) -> &mut bool) -> Self {
        let access = Flag { value: Field { get }, takes_value: false };
        self.push(Role::Flag, name, about, Kind::Bool, Vec::new(), Arc::new(access));
        self
    }

    /// A flag that may also be given TRUE or FALSE.
    #[must_use]
    pub fn switch(mut self, name: &'static str, about: &'static str, get: fn(&mut D) -> &mut bool) -> Self {
        let access = Flag { value: Field { get }, takes_value: true };
        let parameter = Parameter::optional("value", Kind::Bool);
        self.push(Role::Flag, name, about, Kind::Bool, vec![parameter], Arc::new(access));
        self
    }

    /// A property that does as it likes with its arguments. `signature` lists them, `name type` each: `"key string,
    /// value any"`, `"low float, rest ...string"`, `"every duration?"`; types are string, boolean, integer, float,
    /// duration, lambda, regex, node, any. Counts and types are checked before `call`. Say with `shown` how it is
    /// written back.
    #[must_use]
    pub fn method(
        mut self,
        name: &'static str,
        signature: &'static str,
        about: &'static str,
        call: fn(&mut D, &[Argument]) -> Result<(), SetError>,
    ) -> Self {
        let access = Method { call, shown: None, json: None };
        let parameters = parse_signature(signature);
        self.push(Role::Method, name, about, Kind::Any, parameters, Arc::new(access));
        self
    }

    /// As `method`, with the calls that would make the value what it is, for writing it back, none for the default.
    #[must_use]
    pub fn method_shown(
        mut self,
        name: &'static str,
        signature: &'static str,
        about: &'static str,
        call: fn(&mut D, &[Argument]) -> Result<(), SetError>,
        shown: fn(&D) -> Vec<Vec<Argument>>,
    ) -> Self {
        let access = Method { call, shown: Some(shown), json: None };
        let parameters = parse_signature(signature);
        self.push(Role::Method, name, about, Kind::Any, parameters, Arc::new(access));
        self
    }

    /// As `method_shown`, with the value's JSON, as options of topic handlers have it.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is one line of the table")]
    pub fn method_json(
        mut self,
        name: &'static str,
        signature: &'static str,
        about: &'static str,
        call: fn(&mut D, &[Argument]) -> Result<(), SetError>,
        shown: fn(&D) -> Vec<Vec<Argument>>,
        read: fn(&D) -> Json,
        write: fn(&mut D, &Json) -> Result<(), Mismatch>,
    ) -> Self {
        let access = Method { call, shown: Some(shown), json: Some(JsonAccess { read, write }) };
        let parameters = parse_signature(signature);
        self.push(Role::Method, name, about, Kind::Any, parameters, Arc::new(access));
        self
    }

    /// An item that is known only at run time.
    #[must_use]
    pub fn item(
        mut self,
        role: Role,
        name: impl Into<Cow<'static, str>>,
        about: impl Into<Cow<'static, str>>,
        kind: Kind,
        parameters: Vec<Parameter>,
        access: Arc<dyn Access>,
    ) -> Self {
        self.push(role, name, about, kind, parameters, access);
        self
    }

    /// A script that uses it, shown in its documentation and played as a test.
    #[must_use]
    pub fn example(mut self, script: impl Into<Cow<'static, str>>) -> Self {
        self.examples.push(script.into());
        self
    }

    /// The last item is accepted, but not documented.
    #[must_use]
    pub fn hidden(self) -> Self {
        self.change_last(|item| item.hidden = true)
    }

    /// Kapacitor has no such key as the last item: it stands in the sample config as a comment while it has its default.
    #[must_use]
    pub fn ours(self) -> Self {
        self.change_last(|item| item.ours = true)
    }

    /// The last item's value is not to be shown to anybody.
    #[must_use]
    pub fn secret(self) -> Self {
        self.change_last(|item| item.secret = true)
    }

    /// The last item's lambda says yes or no: its result must be a boolean.
    #[must_use]
    pub fn condition(self) -> Self {
        self.change_last(|item| item.condition = true)
    }

    /// How documentation names the last item's default, if its value does not tell: `the field's own name`.
    #[must_use]
    pub fn default_text(self, text: &'static str) -> Self {
        self.change_last(|item| item.default_text = Some(text.into()))
    }

    /// The last item's name in JSON and options, if it is another: `icon-emoji` for `iconEmoji`.
    #[must_use]
    pub fn key(self, key: &'static str) -> Self {
        self.change_last(|item| item.key = key.into())
    }

    /// The words that the last item's value is one of. Documentation only; what refuses others is the setting's check.
    #[must_use]
    pub fn choices(self, choices: &'static [&'static str]) -> Self {
        self.change_last(|item| item.choices = choices.iter().map(|&choice| Cow::Borrowed(choice)).collect())
    }

    /// The last item can be changed over HTTP while the daemon runs.
    #[must_use]
    pub fn at_run_time(self) -> Self {
        self.change_last(|item| item.at_run_time = true)
    }

    /// The last item's default in an element that is made over HTTP.
    #[must_use]
    pub fn when_created(self, default: impl Into<Json>) -> Self {
        self.change_last(|item| item.when_created = Some(default.into()))
    }

    /// The last item is a table of tables with these keys.
    #[must_use]
    pub fn nested(self, table: Table) -> Self {
        self.change_last(|item| item.nested = Some(table))
    }

    /// An empty value of the last item stands for its default.
    #[must_use]
    pub fn refilled(self) -> Self {
        self.change_last(|item| item.refilled = true)
    }

    /// Changes the last item in any other way.
    #[must_use]
    pub fn change_last(mut self, change: impl FnOnce(&mut Item)) -> Self {
        if let Some(item) = self.items.last_mut() {
            change(item);
        }
        self
    }

    fn field<T: Setting>(
        mut self,
        role: Role,
        name: &'static str,
        about: &'static str,
        get: fn(&mut D) -> &mut T,
    ) -> Self {
        let parameter = match T::kind() {
            Kind::List(of) if T::takes_many() => Parameter::variadic("values", *of),
            kind if role == Role::OptionalArgument => Parameter::optional(name, kind),
            kind if role == Role::Argument => Parameter::required(name, kind),
            kind => Parameter::required("value", kind),
        };
        self.push(role, name, about, T::kind(), vec![parameter], Arc::new(Field { get }));
        self
    }

    fn push(
        &mut self,
        role: Role,
        name: impl Into<Cow<'static, str>>,
        about: impl Into<Cow<'static, str>>,
        kind: Kind,
        parameters: Vec<Parameter>,
        access: Arc<dyn Access>,
    ) {
        self.items.push(Item::new(role, name.into(), about.into(), kind, parameters, access));
    }

    pub(crate) fn into_table(self) -> Table {
        Table::new(self.about, self.items, self.examples, fresh::<D>, copy::<D>)
    }
}

fn fresh<D: Default + Send + 'static>() -> Box<dyn Any + Send> {
    Box::new(D::default())
}

fn copy<D: Clone + Send + 'static>(object: &dyn Any) -> Box<dyn Any + Send> {
    let object: &D = object.downcast_ref().expect("a table is used on the type it was declared for");
    Box::new(object.clone())
}
