//! `data/functions.json` and `data/operators.json`: what there is to call and to compute with.

use lambda::{Type, functions};
use serde_json::{Value as Json, json};

use crate::rows::evaluate;

/// Its symbol, and rows of left type, right type and type of the result.
type Operator = (String, Vec<(String, String, String)>);

#[test]
fn functions_have_their_signatures() {
    let recorded: Vec<Json> = serde_json::from_str(include_str!("../data/functions.json")).unwrap();
    assert_eq!(recorded.len(), functions().count());
    for wanted in &recorded {
        let found = lambda::function(wanted["name"].as_str().unwrap()).unwrap();
        let args = |args: &[Type]| args.iter().map(|t| t.name()).collect::<Vec<_>>();
        let signatures: Vec<Json> = found.signatures.iter().map(|s| json!([args(s.args), s.returns.name()])).collect();
        let mut sorted = wanted["signatures"].as_array().unwrap().clone();
        sorted.sort_by_key(Json::to_string);
        let mut signatures = signatures;
        signatures.sort_by_key(Json::to_string);
        assert_eq!(signatures, sorted, "{}", found.name);
        assert_eq!(json!(found.stateful), wanted["stateful"], "{}", found.name);
        assert_eq!(json!(found.deterministic), wanted["deterministic"], "{}", found.name);
    }
}

#[test]
fn operators_take_what_was_recorded_and_nothing_else() {
    const OPERANDS: [(&str, &str); 7] = [
        ("float", "float(\"i\")"),
        ("int", "\"i\""),
        ("string", "string(\"i\")"),
        ("boolean", "bool(\"i\")"),
        ("duration", "duration(\"i\", 1s)"),
        ("time", "\"time\""),
        ("regex", "if(TRUE, /x/, /x/)"),
    ];
    let recorded: Vec<Operator> = serde_json::from_str(include_str!("../data/operators.json")).unwrap();
    for (op, table) in &recorded {
        for (left, left_text) in OPERANDS {
            for (right, right_text) in OPERANDS {
                let wanted =
                    table.iter().find(|(l, r, _)| l == left && r == right).map(|(.., returns)| returns.as_str());
                let expr = format!("{left_text} {op} {right_text}");
                let result = evaluate(&expr, &["m i=1i 0"]).map(|mut all| all.remove(0));
                let found = result.ok().and_then(Result::ok).map(|value| value.field_type().name());
                assert_eq!(found, wanted, "{expr}");
            }
        }
    }
}
