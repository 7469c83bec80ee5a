//! One argument, property or key of a table: how it is named, documented, called and set.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;
use toml::Value as Toml;

use crate::access::Access;
use crate::argument::Argument;
use crate::error::{ArgumentsError, Mismatch, SetError, TextError};
use crate::kind::Kind;
use crate::table::{Shown, Table};

/// One argument, property or key.
#[derive(Clone)]
pub struct Item {
    pub role: Role,
    pub name: Cow<'static, str>,
    /// Its name in JSON and options; `name` unless declared otherwise.
    pub key: Cow<'static, str>,
    /// What it is for, in one or a few sentences.
    pub about: Cow<'static, str>,
    pub kind: Kind,
    /// What a call of it takes.
    pub parameters: Vec<Parameter>,
    /// Accepted, but not documented.
    pub hidden: bool,
    /// Kapacitor has no such key: it stands in the sample config as a comment while it has its default.
    pub ours: bool,
    /// Not to be shown to anybody.
    pub secret: bool,
    /// Can be changed over HTTP while the daemon runs.
    pub at_run_time: bool,
    pub default_text: Option<Cow<'static, str>>,
    /// Its lambda says yes or no.
    pub condition: bool,
    /// The words that its value is one of; empty if it is free.
    pub choices: Vec<Cow<'static, str>>,
    /// What an environment variable calls it; empty for its name in upper case with `_` for `-` and `.`.
    pub env_name: Cow<'static, str>,
    /// An empty value stands for the default.
    pub refilled: bool,
    /// The keys of the tables that a table of them holds: `[udf.functions.NAME]`.
    pub nested: Option<Table>,
    /// The default if the element is made over HTTP, where that is another.
    pub when_created: Option<Json>,
    pub(crate) access: Arc<dyn Access>,
}

/// How an item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Given where the node is made.
    Argument,
    OptionalArgument,
    VariadicArgument,
    /// `.name(value)`: replaces. Also a key of a section.
    Property,
    /// `.name(values)`: adds.
    Appending,
    /// `.name()`
    Flag,
    /// `.name(anything)`
    Method,
}

/// One parameter of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: Cow<'static, str>,
    pub kind: Kind,
    /// May be left out.
    pub optional: bool,
    /// Any number of them.
    pub variadic: bool,
}

impl Item {
    pub(crate) fn new(
        role: Role,
        name: Cow<'static, str>,
        about: Cow<'static, str>,
        kind: Kind,
        parameters: Vec<Parameter>,
        access: Arc<dyn Access>,
    ) -> Self {
        Item {
            role,
            key: name.clone(),
            name,
            about,
            kind,
            parameters,
            hidden: false,
            ours: false,
            secret: false,
            at_run_time: false,
            default_text: None,
            condition: false,
            choices: Vec::new(),
            env_name: Cow::Borrowed(""),
            refilled: false,
            nested: None,
            when_created: None,
            access,
        }
    }

    pub fn is_argument(&self) -> bool {
        matches!(self.role, Role::Argument | Role::OptionalArgument | Role::VariadicArgument)
    }

    /// `unit(value duration)`
    pub fn signature(&self) -> String {
        self.signature_as(&self.name)
    }

    fn signature_as(&self, name: &str) -> String {
        let parameters: Vec<String> = self.parameters.iter().map(Parameter::to_string).collect();
        format!("{name}({})", parameters.join(", "))
    }

    pub(crate) fn takes_rest(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.variadic)
    }

    pub(crate) fn call(&self, object: &mut dyn Any, written: &str, arguments: &[Argument]) -> Result<(), SetError> {
        let parameters: Vec<&Parameter> = self.parameters.iter().collect();
        check_count(written, &parameters, arguments.len(), || self.signature_as(written))?;
        if self.role == Role::Method {
            for (index, argument) in arguments.iter().enumerate() {
                if let Some(parameter) = self.parameter(index) {
                    parameter.kind.check(argument).map_err(|mismatch| {
                        self.set_error(written, arguments.len(), ArgumentsError::At(index, mismatch))
                    })?;
                }
            }
        }
        self.access.set(object, arguments).map_err(|error| self.set_error(written, arguments.len(), error))
    }

    pub fn set_json(&self, object: &mut dyn Any, json: &Json) -> Result<(), Mismatch> {
        self.access.set_json(object, json)
    }

    pub fn set_toml(&self, object: &mut dyn Any, toml: &Toml) -> Result<(), Mismatch> {
        self.access.set_toml(object, toml)
    }

    /// From the environment; `path` names a part of the value, empty for all of it.
    pub fn set_text(&self, object: &mut dyn Any, path: &str, text: &str) -> Result<(), TextError> {
        self.access.set_text(object, path, text)
    }

    pub(crate) fn show(&self, object: &mut dyn Any, defaults: &mut dyn Any) -> Shown {
        let json = self.access.json(object);
        let calls = self.access.calls(object);
        let is_default = json == self.access.json(defaults) && calls == self.access.calls(defaults);
        Shown {
            name: self.name.to_string(),
            key: self.key.to_string(),
            role: self.role,
            json,
            calls,
            is_default,
            hidden: self.hidden,
            secret: self.secret,
        }
    }

    /// The parameter that takes the argument of this index.
    fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or_else(|| self.parameters.last().filter(|last| last.variadic))
    }

    pub(crate) fn set_error(&self, written: &str, got: usize, error: ArgumentsError) -> SetError {
        let name = written.to_string();
        match error {
            ArgumentsError::Count => {
                let parameters: Vec<&Parameter> = self.parameters.iter().collect();
                let expected = count_text(&parameters);
                SetError::Count { name, expected, got, signature: self.signature_as(written) }
            }
            ArgumentsError::At(index, mismatch) => {
                let argument = match self.parameter(index) {
                    Some(parameter) => parameter.name.to_string(),
                    None => (index + 1).to_string(),
                };
                SetError::Argument { name, argument, index, mismatch: Box::new(mismatch) }
            }
            ArgumentsError::Other(SetError::Value { name: empty, mismatch }) if empty.is_empty() => {
                SetError::Value { name, mismatch }
            }
            ArgumentsError::Other(error) => error,
        }
    }
}

impl Parameter {
    pub fn required(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Parameter { name: name.into(), kind, optional: false, variadic: false }
    }

    pub fn optional(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Parameter { name: name.into(), kind, optional: true, variadic: false }
    }

    pub fn variadic(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Parameter { name: name.into(), kind, optional: true, variadic: true }
    }
}

/// `unit duration`, `fields ...string`, `every duration?`
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = if self.variadic { "..." } else { "" };
        let question = if self.optional && !self.variadic { "?" } else { "" };
        write!(f, "{} {dots}{}{question}", self.name, self.kind)
    }
}

/// What a method's signature says; a type that is not known becomes one that takes anything, which `check_table` tells.
pub(crate) fn parse_signature(signature: &'static str) -> Vec<Parameter> {
    signature
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, word) = part.split_once(' ').unwrap_or((part, ""));
            let word = word.trim();
            let (word, variadic) = word.strip_prefix("...").map_or((word, false), |word| (word, true));
            let (word, optional) = word.strip_suffix('?').map_or((word, variadic), |word| (word, true));
            let kind = Kind::of_word(word).unwrap_or(Kind::Other("a value of an unknown type"));
            Parameter { name: name.into(), kind, optional, variadic }
        })
        .collect()
}

/// A list that stands alone is taken as the arguments.
pub(crate) fn spread(arguments: &[Argument]) -> &[Argument] {
    match arguments {
        [Argument::List(items)] => items,
        _ => arguments,
    }
}

pub(crate) fn check_count(
    name: &str,
    parameters: &[&Parameter],
    got: usize,
    signature: impl FnOnce() -> String,
) -> Result<(), SetError> {
    let least = parameters.iter().filter(|parameter| !parameter.optional).count();
    let endless = parameters.iter().any(|parameter| parameter.variadic);
    if got >= least && (endless || got <= parameters.len()) {
        return Ok(());
    }
    Err(SetError::Count { name: name.to_string(), expected: count_text(parameters), got, signature: signature() })
}

pub(crate) fn count_text(parameters: &[&Parameter]) -> String {
    let least = parameters.iter().filter(|parameter| !parameter.optional).count();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if parameters.iter().any(|parameter| parameter.variadic) {
        return format!("at least {least} argument{}", plural(least));
    }
    match parameters.len() {
        0 => "no arguments".to_string(),
        most if most == least => format!("{most} argument{}", plural(most)),
        most => format!("{least} to {most} arguments"),
    }
}

pub(crate) fn same_but_first_letter(declared: &str, written: &str) -> bool {
    let mut declared = declared.chars();
    let mut written = written.chars();
    match (declared.next(), written.next()) {
        (Some(a), Some(b)) => a.to_uppercase().eq(b.to_uppercase()) && declared.as_str() == written.as_str(),
        _ => false,
    }
}
