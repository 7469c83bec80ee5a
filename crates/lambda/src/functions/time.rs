//! Functions on times; hours and days are those of the daemon's time zone.

use crate::{
    Type::{Int, Time},
    value::Val,
    zone::Part,
};

use super::{Call, Env, Function, Group, Signature, signature, unexpected};

const PART: &[Signature] = &[signature(&[Time], Int)];

const fn part(name: &'static str, part: Part, doc: &'static str) -> Function {
    Function::new(Group::Time, name, PART, doc, Call::TimePart(part))
}

pub(super) static FUNCTIONS: &[Function] = &[
    part("day", Part::Day, "The day of the month, 1 to 31."),
    part("hour", Part::Hour, "The hour of the day, 0 to 23."),
    part("minute", Part::Minute, "The minute of the hour, 0 to 59."),
    part("month", Part::Month, "The month, 1 to 12."),
    Function::new(Group::Time, "now", &[signature(&[], Time)], "The current time.", Call::Other(now)).random(),
    Function::new(
        Group::Time,
        "unixNano",
        &[signature(&[Time], Int)],
        "The time as nanoseconds since 1970 in UTC.",
        Call::Other(unix_nano),
    ),
    part("weekday", Part::Weekday, "The day of the week, 0 (Sunday) to 6."),
    part("year", Part::Year, "The year, such as 2024."),
];

fn now<'a>(args: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [] = args else { return Err(unexpected(args)) };
    Ok(Val::Time(env.now))
}

fn unix_nano<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Time(time)] = args else { return Err(unexpected(args)) };
    Ok(Val::Int(*time))
}
