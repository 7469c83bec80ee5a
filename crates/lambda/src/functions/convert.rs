//! Functions that turn a value into one of another type.

use std::borrow::Cow;

use crate::{
    Type::{Bool, Duration, Float, Int, String as Text},
    operators::truncate,
    value::Val,
};

use super::{
    Call, Env, Function, Group, Signature, signature,
    text::{bytes_text, duration_text, float_text, parse_duration, parse_float, parse_int},
    unexpected,
};

const fn convert(
    name: &'static str,
    signatures: &'static [Signature],
    call: for<'a> fn(&mut [Val<'a>], &mut Env<'_>) -> Result<Val<'a>, String>,
    doc: &'static str,
) -> Function {
    Function::new(Group::Conversion, name, signatures, doc, Call::Other(call))
}

pub(super) static FUNCTIONS: &[Function] = &[
    convert(
        "bool",
        &[signature(&[Bool], Bool), signature(&[Float], Bool), signature(&[Int], Bool), signature(&[Text], Bool)],
        to_bool,
        "A boolean: of the numbers 0 and 1, or of a text such as true, T, 1 or FALSE; all else is an error.",
    ),
    convert(
        "duration",
        &[
            signature(&[Duration], Duration),
            signature(&[Float, Duration], Duration),
            signature(&[Int, Duration], Duration),
            signature(&[Text, Duration], Duration),
        ],
        to_duration,
        "A duration: so many of the unit that is the second argument, or a text such as 10s.",
    ),
    convert(
        "float",
        &[signature(&[Bool], Float), signature(&[Float], Float), signature(&[Int], Float), signature(&[Text], Float)],
        to_float,
        "A float: of an integer, of a text, or 1 for TRUE and 0 for FALSE.",
    ),
    Function::new(
        Group::Misc,
        "humanBytes",
        &[signature(&[Float], Text), signature(&[Int], Text)],
        "A number of bytes as people read it, by powers of 1000: 83 MB.",
        Call::Other(human_bytes),
    ),
    convert(
        "int",
        &[signature(&[Bool], Int), signature(&[Float], Int), signature(&[Int], Int), signature(&[Text], Int)],
        to_int,
        "An integer: of a float without its digits behind the point, of a text, or 1 for TRUE and 0 for FALSE.",
    ),
    convert(
        "string",
        &[
            signature(&[Bool], Text),
            signature(&[Duration], Text),
            signature(&[Float], Text),
            signature(&[Int], Text),
            signature(&[Text], Text),
        ],
        to_text,
        "The value as a text; a float never has an exponent, a duration is in the greatest unit that is exact.",
    ),
];

fn to_bool<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Bool(match args {
        [Val::Bool(v)] => *v,
        [Val::Int(v @ (0 | 1))] => *v == 1,
        [Val::Int(v)] => return Err(format!("cannot convert {v} to boolean")),
        [Val::Float(v)] if *v == 0.0 || *v == 1.0 => *v == 1.0,
        [Val::Float(v)] => return Err(format!("cannot convert {} to boolean", float_text(*v))),
        [Val::Str(v)] => match &**v {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err(format!("cannot convert {v:?} to boolean")),
        },
        _ => return Err(unexpected(args)),
    }))
}

fn to_int<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Int(match args {
        [Val::Int(v)] => *v,
        [Val::Float(v)] => truncate(*v),
        [Val::Bool(v)] => i64::from(*v),
        [Val::Str(v)] => parse_int(v)?,
        _ => return Err(unexpected(args)),
    }))
}

fn to_float<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Float(match args {
        [Val::Float(v)] => *v,
        [Val::Int(v)] => *v as f64,
        [Val::Bool(v)] => f64::from(u8::from(*v)),
        [Val::Str(v)] => parse_float(v)?,
        _ => return Err(unexpected(args)),
    }))
}

fn to_text<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Str(match args {
        [Val::Str(v)] => std::mem::take(v),
        [Val::Int(v)] => Cow::Owned(v.to_string()),
        [Val::Float(v)] => Cow::Owned(float_text(*v)),
        [Val::Bool(v)] => Cow::Borrowed(if *v { "true" } else { "false" }),
        [Val::Duration(v)] => Cow::Owned(duration_text(*v)),
        _ => return Err(unexpected(args)),
    }))
}

fn to_duration<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Duration(match args {
        [Val::Duration(v)] => *v,
        [Val::Int(v), Val::Duration(unit)] => v.wrapping_mul(*unit),
        [Val::Float(v), Val::Duration(unit)] => truncate(*v * *unit as f64),
        [Val::Str(v), Val::Duration(_)] => {
            parse_duration(v).ok_or_else(|| format!("invalid duration string {:?}", &**v))?
        }
        _ => return Err(unexpected(args)),
    }))
}

fn human_bytes<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let bytes = match args {
        [Val::Int(v)] => *v as u64,
        // The unsigned range goes on beyond that of integers; below zero numbers wrap around.
        // Case: lambda/human_bytes.
        [Val::Float(v)] if *v >= 9_223_372_036_854_775_808.0 && *v < 18_446_744_073_709_551_616.0 => *v as u64,
        [Val::Float(v)] => truncate(*v) as u64,
        _ => return Err(unexpected(args)),
    };
    Ok(Val::Str(Cow::Owned(bytes_text(bytes))))
}
