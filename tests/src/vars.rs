//! The variables of a definition, from the API's JSON to what scripts compute with.

use std::sync::Arc;

use declare::{Argument, Lambda};
use engine::define::{Var, VarType, Vars};
use serde_json::Value as Json;

/// All variables of a definition's `vars`.
pub(crate) fn from_json(vars: &Json) -> Result<Vars, String> {
    let items = vars.as_object().into_iter().flatten();
    items
        .map(|(name, var)| {
            let (var_type, value) = typed(var).map_err(|why| format!("invalid var {name}: {why}"))?;
            let description = var["description"].as_str().unwrap_or_default().to_string();
            Ok((name.clone(), Var { var_type, value: Some(value), description }))
        })
        .collect()
}

fn typed(var: &Json) -> Result<(VarType, Argument), String> {
    let name = var["type"].as_str().unwrap_or_default();
    let var_type = VarType::parse(name).ok_or_else(|| format!("the type {name:?} is unknown"))?;
    Ok((var_type, argument(var_type, &var["value"])?))
}

fn argument(var_type: VarType, value: &Json) -> Result<Argument, String> {
    let simple = match var_type {
        VarType::Int => value.as_i64().map(Argument::Int),
        VarType::Float => value.as_f64().map(Argument::Float),
        VarType::Bool => value.as_bool().map(Argument::Bool),
        VarType::String => value.as_str().map(|text| Argument::String(text.to_string())),
        VarType::Regex => value.as_str().map(|text| Argument::Regex(text.to_string())),
        VarType::Duration => value.as_i64().map(Argument::Duration),
        VarType::Star => Some(Argument::Star),
        VarType::Lambda => {
            let expr = tickscript::parse_lambda(value.as_str().unwrap_or_default())
                .map_err(|error| format!("invalid lambda expression: {error}"))?;
            Some(Argument::Lambda(Lambda { text: tickscript::format_expr(&expr), expr: Arc::new(expr) }))
        }
        VarType::List => {
            let items = value.as_array().into_iter().flatten().map(|item| typed(item).map(|(_, value)| value));
            Some(Argument::List(items.collect::<Result<_, _>>()?))
        }
    };
    simple.ok_or_else(|| format!("{value} is not of type {}", var_type.name()))
}
