//! Functions that choose, and that ask whether something is there.

use crate::{
    Type::{Bool, Duration, Float, Int, Missing, Regex, String as Text, Time},
    value::Val,
};

use super::{Call, Env, Function, Group, signature, unexpected};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        Group::Conditional,
        "if",
        &[
            signature(&[Bool, Bool, Bool], Bool),
            signature(&[Bool, Duration, Duration], Duration),
            signature(&[Bool, Float, Float], Float),
            signature(&[Bool, Int, Int], Int),
            signature(&[Bool, Regex, Regex], Regex),
            signature(&[Bool, Text, Text], Text),
            signature(&[Bool, Time, Time], Time),
        ],
        "The second argument if the first is true, else the third. Both are worked out, and have the same type.",
        Call::Other(choose),
    ),
    Function::new(
        Group::Misc,
        "isPresent",
        &[
            signature(&[Bool], Bool),
            signature(&[Float], Bool),
            signature(&[Int], Bool),
            signature(&[Missing], Bool),
            signature(&[Text], Bool),
        ],
        "Whether the row has a field or tag of that name.",
        Call::Other(is_present),
    ),
];

fn choose<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    match args {
        [Val::Bool(condition), then, otherwise] if then.type_of() == otherwise.type_of() => {
            Ok(std::mem::replace(if *condition { then } else { otherwise }, Val::Missing))
        }
        _ => Err(unexpected(args)),
    }
}

fn is_present<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [value] = args else { return Err(unexpected(args)) };
    Ok(Val::Bool(!matches!(value, Val::Missing)))
}
