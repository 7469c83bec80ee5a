//! Variables between three forms: the API's JSON, what is stored (the same JSON), and what scripts compute with.

use api::vars as shown;
use declare::Argument;
use engine::define::{Var, VarType, Vars};
use serde_json::Value as Json;

use super::Refused;

/// Variables of a request, checked, as they are stored.
pub(super) fn stored(vars: &shown::Vars) -> Result<Json, Refused> {
    let checked = shown::check(vars.clone()).map_err(|error| Refused::bad(error.to_string()))?;
    serde_json::to_value(&checked).map_err(|error| Refused::failed(error.to_string()))
}

/// Stored variables as the API shows them.
pub(super) fn shown(stored: Json) -> shown::Vars {
    serde_json::from_value(stored).unwrap_or_default()
}

/// Stored variables as a script computes with them.
pub(super) fn of_stored(stored: &Json) -> Result<Vars, Refused> {
    from_api(&shown(stored.clone()))
}

/// The API's variables as a script computes with them.
///
/// # Errors
/// The name of a variable whose value is not of its type.
pub(super) fn from_api(vars: &shown::Vars) -> Result<Vars, Refused> {
    vars.iter()
        .map(|(name, var)| {
            let var_type = VarType::parse(var.var_type.name()).expect("both name the same types");
            let value = var_type
                .read(&var.value)
                .map_err(|why| Refused::bad(format!("invalid TICKscript: invalid var {name}: {why}")))?;
            Ok((name.clone(), Var { var_type, value: Some(value), description: var.description.clone() }))
        })
        .collect()
}

/// A script's variables as the API shows them.
pub(super) fn to_api(vars: &Vars) -> shown::Vars {
    vars.iter()
        .map(|(name, var)| {
            let value = var.value.as_ref().map_or(Json::Null, json);
            (
                name.clone(),
                shown::Var { var_type: type_shown(var.var_type), value, description: var.description.clone() },
            )
        })
        .collect()
}

fn type_shown(var_type: VarType) -> shown::VarType {
    match var_type {
        VarType::Int => shown::VarType::Int,
        VarType::Float => shown::VarType::Float,
        VarType::Bool => shown::VarType::Bool,
        VarType::String => shown::VarType::String,
        VarType::Regex => shown::VarType::Regex,
        VarType::Duration => shown::VarType::Duration,
        VarType::Lambda => shown::VarType::Lambda,
        VarType::List => shown::VarType::List,
        VarType::Star => shown::VarType::Star,
    }
}

fn json(value: &Argument) -> Json {
    match value {
        Argument::Int(value) | Argument::Duration(value) => Json::from(*value),
        Argument::Float(value) => Json::from(*value),
        Argument::Bool(value) => Json::from(*value),
        Argument::String(value) | Argument::Regex(value) => Json::from(value.as_str()),
        Argument::Lambda(lambda) => Json::from(lambda.text.as_str()),
        Argument::List(items) => items
            .iter()
            .filter_map(|item| {
                let item_type = VarType::of(item)?;
                Some(serde_json::json!({ "type": item_type.name(), "value": json(item), "description": "" }))
            })
            .collect(),
        // As Kapacitor shows the node of its own tree.
        Argument::Star => serde_json::json!({ "typeOf": "star" }),
        Argument::Node(_) | Argument::Reference(_) | Argument::Time { .. } => Json::Null,
    }
}
