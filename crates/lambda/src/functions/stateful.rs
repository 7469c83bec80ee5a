//! Functions that remember the rows before, in each group on its own, and random numbers.

use crate::{
    Type::{Float, Int},
    value::Val,
};

use super::{Call, Env, Function, Group, signature, unexpected};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        Group::Stateful,
        "count",
        &[signature(&[], Int)],
        "How often the expression was worked out in this group, this time included.",
        Call::Other(count),
    )
    .stateful(),
    Function::new(
        Group::Misc,
        "rand",
        &[signature(&[], Int), signature(&[Int], Int)],
        "A random integer that is not negative; with an argument, one below it.",
        Call::Other(rand),
    )
    .random(),
    Function::new(
        Group::Stateful,
        "sigma",
        &[signature(&[Float], Float)],
        "How many standard deviations the number is away from the mean of all numbers so far in this group, itself included.",
        Call::Other(sigma),
    )
    .stateful(),
    Function::new(
        Group::Stateful,
        "spread",
        &[signature(&[Float], Float)],
        "The difference between the greatest and the least number so far in this group.",
        Call::Other(spread),
    )
    .stateful(),
];

fn count<'a>(_: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, String> {
    Ok(Val::Int(env.state.scope(env.scope, env.scopes).count()))
}

fn sigma<'a>(args: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Float(x)] = args else { return Err(unexpected(args)) };
    Ok(Val::Float(env.state.scope(env.scope, env.scopes).sigma(*x)))
}

fn spread<'a>(args: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Float(x)] = args else { return Err(unexpected(args)) };
    Ok(Val::Float(env.state.scope(env.scope, env.scopes).spread(*x)))
}

fn rand<'a>(args: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, String> {
    let bits = next(env.random);
    match args {
        [] => Ok(Val::Int((bits >> 1) as i64)),
        // A limit of 0 gives 0, and a negative one counts as a large one without a sign. Case: lambda/rand_of_zero.
        [Val::Int(limit)] => {
            let below = (u128::from(bits) * u128::from(*limit as u64)) >> 64;
            Ok(Val::Int(below as i64 & i64::MAX))
        }
        _ => Err(unexpected(args)),
    }
}

/// SplitMix64.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
