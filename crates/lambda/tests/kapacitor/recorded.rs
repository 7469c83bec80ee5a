//! `data/recorded.json`: the expressions of the conformance cases, each on all points of its case.

use model::Value;
use serde_json::Value as Json;

use crate::rows::{evaluate, same};

/// Case and name of expressions where we do better: the last character can be reached, and none is cut.
const BETTER: [(&str, &str); 3] = [
    ("lambda/string_replace_substring", "sub_0_n"),
    ("lambda/string_replace_substring", "sub_1_len"),
    ("lambda/string_replace_substring", "sub_n_n"),
];

fn check(case: &Json, expression: &Json, lines: &[&str]) -> Vec<String> {
    let (name, expr) = (expression[0].as_str().unwrap(), expression[1].as_str().unwrap());
    if BETTER.contains(&(case["case"].as_str().unwrap(), name)) {
        return Vec::new();
    }
    let results = match evaluate(expr, lines) {
        Ok(results) => results,
        Err(error) => return vec![format!("{name}: {expr}: {error}")],
    };
    let wanted = expression[2].as_array().unwrap();
    assert_eq!(results.len(), wanted.len());
    let wrong = |(i, result): (usize, &Result<Value, _>)| {
        let fine = match (result, &wanted[i]) {
            // In a node with several expressions another one may have failed.
            (_, Json::Null) if case["json"] == true => true,
            // A number that has no JSON and no line protocol.
            (Ok(Value::Float(v)), Json::Null) => !v.is_finite(),
            (Ok(value), wanted) => same(value, wanted),
            (Err(_), wanted) => wanted.is_null(),
        };
        (!fine).then(|| format!("{name}: {expr} on {}: {result:?}, wanted {}", lines[i], wanted[i]))
    };
    results.iter().enumerate().filter_map(wrong).collect()
}

#[test]
fn expressions_give_what_was_recorded() {
    let cases: Vec<Json> = serde_json::from_str(include_str!("../data/recorded.json")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in &cases {
        let lines: Vec<&str> = case["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        for expression in case["expressions"].as_array().unwrap() {
            wrong.extend(check(case, expression, &lines));
            count += 1;
        }
    }
    assert!(count > 700);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
