//! Variables of a script: their types, values, and the values that a template's user gives.

use std::collections::BTreeMap;

use declare::{Argument, Lambda};
use serde_json::Value as Json;
use tickscript::ast::{Expr, ExprKind};

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VarType {
    Int,
    Float,
    Bool,
    String,
    Regex,
    Duration,
    Lambda,
    List,
    Star,
}

impl VarType {
    const ALL: [(VarType, &'static str); 9] = [
        (VarType::Int, "int"),
        (VarType::Float, "float"),
        (VarType::Bool, "bool"),
        (VarType::String, "string"),
        (VarType::Regex, "regex"),
        (VarType::Duration, "duration"),
        (VarType::Lambda, "lambda"),
        (VarType::List, "list"),
        (VarType::Star, "star"),
    ];

    pub fn parse(name: &str) -> Option<VarType> {
        VarType::ALL.iter().find(|known| known.1 == name).map(|known| known.0)
    }

    pub fn name(self) -> &'static str {
        VarType::ALL.iter().find(|known| known.0 == self).map_or("", |known| known.1)
    }

    /// All type names, for messages.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VarType::ALL.iter().map(|known| known.1)
    }

    /// The type of a value; nodes and references have none.
    pub fn of(value: &Argument) -> Option<VarType> {
        Some(match value {
            Argument::Int(_) => VarType::Int,
            Argument::Float(_) => VarType::Float,
            Argument::Bool(_) => VarType::Bool,
            Argument::String(_) => VarType::String,
            Argument::Regex(_) => VarType::Regex,
            Argument::Duration(_) => VarType::Duration,
            Argument::Lambda(_) => VarType::Lambda,
            Argument::List(_) => VarType::List,
            Argument::Star => VarType::Star,
            Argument::Node(_) | Argument::Reference(_) | Argument::Time { .. } => return None,
        })
    }

    /// A value of this type from JSON: a duration is whole nanoseconds, a lambda and a regex are text, a list holds
    /// objects with `type` and `value`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self, value: &Json) -> Result<Argument, String> {
        let simple = match self {
            VarType::Int => value.as_i64().map(Argument::Int),
            VarType::Float => value.as_f64().map(Argument::Float),
            VarType::Bool => value.as_bool().map(Argument::Bool),
            VarType::String => value.as_str().map(|text| Argument::String(text.to_string())),
            VarType::Regex => value.as_str().map(|text| Argument::Regex(text.to_string())),
            VarType::Duration => value.as_i64().map(Argument::Duration),
            VarType::Star => Some(Argument::Star),
            VarType::Lambda => {
                let text = value.as_str().unwrap_or_default();
                let expr =
                    tickscript::parse_lambda(text).map_err(|error| format!("invalid lambda expression: {error}"))?;
                Some(Argument::Lambda(Lambda { text: tickscript::format_expr(&expr), expr: expr.into() }))
            }
            VarType::List => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(|item| {
                    let name = item.get("type").and_then(Json::as_str).unwrap_or_default();
                    let item_type =
                        VarType::parse(name).ok_or_else(|| format!("an item is of the unknown type {name:?}"))?;
                    item_type.read(item.get("value").unwrap_or(&Json::Null))
                });
                Some(Argument::List(items.collect::<Result<Vec<_>, String>>()?))
            }
        };
        if let Some(Argument::Regex(pattern)) = &simple {
            tickscript::compile_regex(pattern).map_err(|error| format!("invalid regex pattern: {error}"))?;
        }
        simple.ok_or_else(|| format!("{value} is not of type {}", self.name()))
    }

    /// What a template is checked with as long as nobody has given a value.
    pub(crate) fn zero(self) -> Argument {
        match self {
            VarType::Int => Argument::Int(0),
            VarType::Float => Argument::Float(0.0),
            VarType::Bool => Argument::Bool(false),
            VarType::String => Argument::String(String::new()),
            VarType::Regex => Argument::Regex(String::new()),
            VarType::Duration => Argument::Duration(0),
            VarType::Lambda => {
                let expr = Expr::new(tickscript::Span::default(), ExprKind::Bool(false));
                Argument::Lambda(Lambda { expr: expr.into(), text: "FALSE".to_string() })
            }
            VarType::List => Argument::List(Vec::new()),
            VarType::Star => Argument::Star,
        }
    }
}

/// A variable of a script, or a value for one.
#[derive(Debug, Clone, PartialEq)]
pub struct Var {
    pub var_type: VarType,
    /// `None` where a template's user must give it.
    pub value: Option<Argument>,
    /// The comment before its declaration.
    pub description: String,
}

/// Variables by name.
pub type Vars = BTreeMap<String, Var>;
