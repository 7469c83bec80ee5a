//! The functions of templates by name, their parameters, and calling them.
mod collection;
mod compare;
mod text;

use std::sync::Arc;

use crate::html::Escaper;
use crate::json;
use crate::val::Val;
use crate::value::Value;

/// Which functions a template knows beyond Go's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionSet {
    /// Go's own only: alert ids, messages, names of endpoints and topics.
    Plain,
    /// With `json` and `jsonCompact`, whose result is a string: bodies of HTTP endpoints.
    Json,
    /// With `json` and `jsonCompact`, whose result is JavaScript: alert details.
    Html,
}

/// A function that templates can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    UrlQuery,
    /// `json` and `jsonCompact`; in HTML templates the result is JavaScript.
    Json {
        compact: bool,
        script: bool,
    },
    /// What HTML templates append to pipelines.
    Escape(Escaper),
    /// What HTML templates put in place of `html` and `urlquery`.
    EvalArgs,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    Any,
    Str,
    Int,
    Duration,
    Time,
    Zone,
}

impl Param {
    /// The Go type as messages name it.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Str => "string",
            Self::Int => "int",
            Self::Duration => "time.Duration",
            Self::Time => "time.Time",
            Self::Zone => "*time.Location",
        }
    }

    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Str => matches!(value, Value::String(_)),
            Self::Int => matches!(value, Value::Number(_)),
            Self::Duration => matches!(value, Value::Duration(_)),
            Self::Time => matches!(value, Value::Time(_) | Value::Moment(_)),
            Self::Zone => matches!(value, Value::Zone(_)),
        }
    }
}

/// The parameters of a function: some, and perhaps any number more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    pub(crate) fixed: &'static [Param],
    pub(crate) rest: Option<Param>,
}

impl Signature {
    pub(crate) fn param(&self, index: usize) -> Param {
        self.fixed.get(index).copied().or(self.rest).unwrap_or(Param::Any)
    }
}

const NAMES: [(&str, Function); 19] = [
    ("and", Function::And),
    ("call", Function::Call),
    ("eq", Function::Eq),
    ("ge", Function::Ge),
    ("gt", Function::Gt),
    ("html", Function::Html),
    ("index", Function::Index),
    ("js", Function::Js),
    ("le", Function::Le),
    ("len", Function::Len),
    ("lt", Function::Lt),
    ("ne", Function::Ne),
    ("not", Function::Not),
    ("or", Function::Or),
    ("print", Function::Print),
    ("printf", Function::Printf),
    ("println", Function::Println),
    ("slice", Function::Slice),
    ("urlquery", Function::UrlQuery),
];

impl Function {
    /// The function of that name, if templates with these functions have it.
    pub(crate) fn find(name: &str, set: FunctionSet) -> Option<Self> {
        let script = set == FunctionSet::Html;
        match name {
            "json" | "jsonCompact" if set != FunctionSet::Plain => {
                Some(Self::Json { compact: name == "jsonCompact", script })
            }
            _ => NAMES.iter().find(|(known, _)| *known == name).map(|(_, function)| *function),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json { compact: false, .. } => "json",
            Self::Json { compact: true, .. } => "jsonCompact",
            Self::Escape(escaper) => escaper.name(),
            Self::EvalArgs => "_eval_args_",
            _ => NAMES.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name),
        }
    }

    pub(crate) fn signature(self) -> Signature {
        use Param::{Any, Str};
        let (fixed, rest): (&[Param], _) = match self {
            Self::And | Self::Or | Self::Call | Self::Eq | Self::Index | Self::Slice => (&[Any], Some(Any)),
            Self::Ge | Self::Gt | Self::Le | Self::Lt | Self::Ne => (&[Any, Any], None),
            Self::Len | Self::Not | Self::Json { .. } => (&[Any], None),
            Self::Printf => (&[Str], Some(Any)),
            Self::Html | Self::Js | Self::UrlQuery | Self::Print | Self::Println | Self::Escape(_) | Self::EvalArgs => {
                (&[], Some(Any))
            }
        };
        Signature { fixed, rest }
    }

    /// Calls the function; `shown` is its first argument as written. Errors are those of the function, without the place.
    pub(crate) fn call<'a>(self, arguments: &[Val<'a>], shown: &dyn Fn() -> Option<String>) -> Result<Val<'a>, String> {
        let truth = match self {
            Self::Index => return collection::index(arguments),
            Self::Slice => return collection::slice(arguments),
            Self::Len => return collection::len(&arguments[0]).map(Val::from),
            Self::Call => return Err(call_value(&arguments[0], shown)),
            Self::Eq => compare::eq(&arguments[0], &arguments[1..])?,
            Self::Ne => !compare::eq(&arguments[0], &arguments[1..])?,
            Self::Lt => compare::lt(&arguments[0], &arguments[1])?,
            Self::Le => compare::le(&arguments[0], &arguments[1])?,
            Self::Gt => !compare::le(&arguments[0], &arguments[1])?,
            Self::Ge => !compare::lt(&arguments[0], &arguments[1])?,
            Self::Not => !arguments[0].value().truth(),
            _ => return self.call_for_text(arguments),
        };
        Ok(Val::Own(Value::Bool(truth)))
    }

    fn call_for_text<'a>(self, arguments: &[Val<'a>]) -> Result<Val<'a>, String> {
        let mut text = String::new();
        self.write(arguments, &mut text)?;
        crate::limits::check_output(text.len())?;
        let text: Arc<str> = text.into();
        Ok(Val::Own(if matches!(self, Self::Json { script: true, .. }) {
            Value::Js(text)
        } else {
            Value::String(text)
        }))
    }

    /// Whether the result is a text that `write` can append without a value in between.
    pub(crate) fn writes_text(self) -> bool {
        matches!(
            self,
            Self::Html
                | Self::Js
                | Self::UrlQuery
                | Self::Print
                | Self::Printf
                | Self::Println
                | Self::Json { .. }
                | Self::Escape(_)
                | Self::EvalArgs
        )
    }

    /// Appends the result of a function whose result is a text.
    pub(crate) fn write(self, arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
        match self {
            Self::Html => text::html(&text::eval(arguments)?, out),
            Self::Js => text::js(&text::eval(arguments)?, out),
            Self::UrlQuery => text::url_query(&text::eval(arguments)?, out),
            Self::Print | Self::EvalArgs => crate::printf::print(arguments, out)?,
            Self::Println => crate::printf::println(arguments, out)?,
            Self::Printf => {
                let format = arguments[0].value().as_str().unwrap_or_default();
                crate::printf::printf(format, &arguments[1..], out)?;
            }
            Self::Json { compact, .. } => {
                // Kapacitor ignores that a value has no JSON, and gives nothing then.
                let start = out.len();
                match json::write(arguments[0].value(), out) {
                    Ok(()) if compact => {}
                    Ok(()) => out.push('\n'),
                    Err(_) => out.truncate(start),
                }
            }
            Self::Escape(escaper) => escaper.write(arguments, out)?,
            _ => {}
        }
        Ok(())
    }
}

/// No data holds functions, so calling a value always fails.
fn call_value(value: &Val<'_>, shown: &dyn Fn() -> Option<String>) -> String {
    match value.value() {
        Value::Nil => "call of nil".to_owned(),
        value => {
            // A value from a pipeline has no words of its own.
            let text = value.as_str().map_or_else(|| format!("<{} Value>", value.type_name()), str::to_owned);
            format!("non-function {} of type {}", shown().unwrap_or(text), value.type_name())
        }
    }
}
