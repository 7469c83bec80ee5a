//! Tables: calls, values and JSON of what was declared.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{Declaration, Lambda};

#[derive(Clone, Default)]
struct Derivative {
    field: String,
    rename: String,
    unit: Duration,
    non_negative: bool,
    quiet: bool,
    tags: Vec<String>,
    pairs: Vec<(String, Argument)>,
    condition: Option<Lambda>,
}

fn declare(it: Declaration<Derivative>) -> Declaration<Derivative> {
    it.about("Compute how fast a field changes. The first row of a group is dropped.")
        .argument("field", "The field to derive.", |d| &mut d.field)
        .property("as", "The name of the result; the field's own name if not given.", |d| &mut d.rename)
        .property("unit", "The time that one unit of the result stands for.", |d| &mut d.unit)
        .flag("nonNegative", "Drop results below zero.", |d| &mut d.non_negative)
        .switch("quiet", "Log no errors.", |d| &mut d.quiet)
        .appends("tags", "Tags to keep.", |d| &mut d.tags)
        .key("keep-tags")
        .method_shown(
            "field",
            "name string, value any",
            "A constant field to add.",
            |d, arguments| {
                d.pairs.push((Setting::from_argument(&arguments[0])?, arguments[1].clone()));
                Ok(())
            },
            |d| d.pairs.iter().map(|(name, value)| vec![name.as_str().into(), value.clone()]).collect(),
        )
        .property("where", "Which rows to take.", |d| &mut d.condition)
        .example("stream |from().measurement('net') |derivative('rx').unit(1s).nonNegative()")
}

use crate::Setting;

fn set(name: &str, arguments: &[Argument]) -> Result<Derivative, SetError> {
    let mut object = Derivative::default();
    Table::of(declare).set(&mut object, name, arguments)?;
    Ok(object)
}

#[test]
fn properties_are_set() {
    assert_eq!(set("as", &["rate".into()]).unwrap().rename, "rate");
    assert_eq!(set("unit", &[Argument::Duration(1_000_000_000)]).unwrap().unit, Duration::from_secs(1));
    assert!(set("nonNegative", &[]).unwrap().non_negative);
    assert!(set("NonNegative", &[]).unwrap().non_negative);
    assert!(!set("quiet", &[Argument::Bool(false)]).unwrap().quiet);
    let list = Argument::List(vec!["a".into(), "b".into()]);
    assert_eq!(set("tags", &[list]).unwrap().tags, ["a", "b"]);
    assert_eq!(set("field", &["f".into(), Argument::Int(3)]).unwrap().pairs, [("f".into(), Argument::Int(3))]);
}

#[test]
fn arguments_are_given_in_order() {
    let table = Table::of(declare);
    let mut object = Derivative::default();
    table.construct(&mut object, "derivative", &["rx".into()]).unwrap();
    assert_eq!(object.field, "rx");
    let error = table.construct(&mut object, "derivative", &[]).unwrap_err();
    assert_eq!(error.to_string(), "derivative takes 1 argument, got 0: write derivative(field string)");
}

#[test]
fn errors_speak_the_users_words() {
    let text = |name: &str, arguments: &[Argument]| set(name, arguments).err().expect("refused").to_string();
    assert_eq!(
        text("unit", &["10s".into()]),
        "unit: argument value: expected a duration such as 10s, got the string '10s'; write it without quotes"
    );
    assert_eq!(
        text("as", &[Argument::Reference("rate".into())]),
        "as: argument value: expected a string, got the reference \"rate\"; use single quotes for strings: 'rate', \
         double quotes name fields"
    );
    assert_eq!(text("nonNegativ", &[]), "no property \"nonNegativ\", did you mean \"nonNegative\"?");
    assert_eq!(
        text("nonNegative", &[Argument::Bool(true)]),
        "nonNegative takes no arguments, got 1: write nonNegative()"
    );
    assert_eq!(
        text("field", &[Argument::Int(1), Argument::Int(1)]),
        "field: argument name: expected a string, got the integer 1; write it in single quotes: '1'"
    );
    assert_eq!(
        text("where", &[Argument::Bool(true)]),
        "where: argument value: expected a lambda expression such as lambda: \"value\" > 10, got the boolean TRUE; \
         write lambda: before the expression"
    );
}

#[test]
fn values_are_shown_in_declared_order_with_defaults_told_apart() {
    let table = Table::of(declare);
    let mut object = Derivative::default();
    table.set(&mut object, "unit", &[Argument::Duration(60_000_000_000)]).unwrap();
    table.set(&mut object, "field", &["f".into(), Argument::Float(1.0)]).unwrap();
    let changed: Vec<_> = table.values(&object).into_iter().filter(|shown| !shown.is_default).collect();
    assert_eq!(changed.len(), 2);
    assert_eq!((changed[0].name.as_str(), &changed[0].json), ("unit", &json!("1m0s")));
    assert_eq!(changed[0].calls, [[Argument::Duration(60_000_000_000)]]);
    assert_eq!(changed[1].calls, [["f".into(), Argument::Float(1.0)]]);
}

#[test]
fn json_is_set_by_key() {
    let table = Table::of(declare);
    let mut object = Derivative::default();
    let options = json!({"keep-tags": ["a"], "unit": "1m", "nope": 1, "as": 3});
    let errors = table.load_json(&mut object, options.as_object().unwrap());
    assert_eq!(object.tags, ["a"]);
    assert_eq!(object.unit, Duration::from_secs(60));
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["no property \"nope\"", "as: expected a string, got the integer 3"]);
}
