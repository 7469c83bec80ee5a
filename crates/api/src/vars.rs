//! Variables of templates and the values that tasks give them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration;

/// Variables by name.
pub type Vars = BTreeMap<String, Var>;

/// A variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Var {
    #[serde(rename = "type")]
    pub var_type: VarType,
    /// By type: a duration is whole nanoseconds (or read as text such as `5m`), a list is a list of variables, a lambda
    /// and a regex are text. Null if a template gives no default.
    #[serde(default)]
    pub value: Value,
    #[serde(default)]
    pub description: String,
}

/// What a variable may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VarType {
    Bool,
    Int,
    Float,
    String,
    Regex,
    Duration,
    Lambda,
    List,
    Star,
}

impl VarType {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            VarType::Bool => "bool",
            VarType::Int => "int",
            VarType::Float => "float",
            VarType::String => "string",
            VarType::Regex => "regex",
            VarType::Duration => "duration",
            VarType::Lambda => "lambda",
            VarType::List => "list",
            VarType::Star => "star",
        }
    }
}

/// A value that does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid var {name:?}: {why}")]
pub struct BadVar {
    pub name: String,
    pub why: String,
}

/// Checks that each value fits its type, and brings durations to nanoseconds and list elements to whole variables.
///
/// # Errors
/// [`BadVar`] names the first variable that does not fit.
pub fn check(vars: Vars) -> Result<Vars, BadVar> {
    let checked = vars.into_iter().map(|(name, var)| match check_value(var.var_type, var.value) {
        Ok(value) => Ok((name, Var { value, ..var })),
        Err(why) => Err(BadVar { name, why }),
    });
    checked.collect()
}

fn check_value(var_type: VarType, value: Value) -> Result<Value, String> {
    let expected = |words: &str, value: &Value| Err(format!("expected {words}, got {value}"));
    match (var_type, value) {
        (VarType::List, Value::Null) => expected("a list of vars", &Value::Null),
        // A star says all by its type.
        (_, Value::Null) | (VarType::Star, _) => Ok(Value::Null),
        (VarType::Duration, Value::String(text)) => match duration::parse(&text) {
            Ok(nanos) => Ok(nanos.into()),
            Err(bad) => Err(format!("{bad} {text:?}")),
        },
        (VarType::Duration, value) if value.as_i64().is_none() => {
            expected("a duration such as \"5m\" or whole nanoseconds", &value)
        }
        (VarType::Int, value) if value.as_i64().is_none() => expected("a whole number", &value),
        (VarType::Float, value) => match value.as_f64() {
            Some(float) => Ok(float.into()),
            None => expected("a number", &value),
        },
        (VarType::Bool, value) if !value.is_boolean() => expected("true or false", &value),
        (VarType::String | VarType::Regex | VarType::Lambda, value) if !value.is_string() => expected("text", &value),
        (VarType::List, Value::Array(elements)) => {
            elements.into_iter().map(check_element).collect::<Result<_, _>>().map(Value::Array)
        }
        (VarType::List, value) => expected("a list of vars", &value),
        (_, value) => Ok(value),
    }
}

/// Elements of a list have a type and a value each: texts, booleans and stars. Their descriptions are not kept.
fn check_element(element: Value) -> Result<Value, String> {
    if element.get("value").is_none() {
        return Err("an element of the list has no value".to_string());
    }
    let var: Var = serde_json::from_value(element).map_err(|error| format!("an element of the list: {error}"))?;
    if let VarType::Int | VarType::Float | VarType::Duration | VarType::List = var.var_type {
        return Err(format!("a {} cannot be an element of a list", var.var_type.name()));
    }
    let value = check_value(var.var_type, var.value)?;
    serde_json::to_value(Var { value, description: String::new(), ..var }).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(vars: Value) -> Result<Value, String> {
        let vars: Vars = serde_json::from_value(vars).map_err(|error| error.to_string())?;
        check(vars).map(|vars| serde_json::to_value(vars).unwrap()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn values_are_brought_to_their_type() {
        let vars = json!({
            "d": { "type": "duration", "value": "1h30m" },
            "f": { "type": "float", "value": 1 },
            "l": { "type": "list", "value": [{ "type": "string", "value": "a" }, { "type": "star", "value": "*" }] },
            "n": { "type": "lambda", "value": null, "description": "x" },
        });
        let expected = json!({
            "d": { "type": "duration", "value": 5_400_000_000_000i64, "description": "" },
            "f": { "type": "float", "value": 1.0, "description": "" },
            "l": { "type": "list", "description": "", "value": [
                { "type": "string", "value": "a", "description": "" },
                { "type": "star", "value": null, "description": "" },
            ] },
            "n": { "type": "lambda", "value": null, "description": "x" },
        });
        assert_eq!(checked(vars).unwrap(), expected);
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        for (var, why) in [
            (json!({ "type": "int", "value": 1.5 }), "expected a whole number, got 1.5"),
            (json!({ "type": "duration", "value": "5x" }), "invalid duration \"5x\""),
            (json!({ "type": "bool", "value": "true" }), "expected true or false, got \"true\""),
            (json!({ "type": "list", "value": "a" }), "expected a list of vars, got \"a\""),
            (json!({ "type": "list" }), "expected a list of vars, got null"),
            (
                json!({ "type": "list", "value": [{ "type": "list", "value": [] }] }),
                "a list cannot be an element of a list",
            ),
            (json!({ "type": "string", "value": 5 }), "expected text, got 5"),
        ] {
            assert_eq!(checked(json!({ "x": var })).unwrap_err(), format!("invalid var \"x\": {why}"));
        }
        assert!(checked(json!({ "x": { "type": "nope", "value": 1 } })).unwrap_err().contains("nope"));
        for element in [json!(1), json!({ "type": "int", "value": 1 }), json!({ "type": "star" })] {
            assert!(checked(json!({ "x": { "type": "list", "value": [element] } })).is_err());
        }
    }
}
