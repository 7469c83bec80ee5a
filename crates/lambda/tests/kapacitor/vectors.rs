//! `data/lambda_vectors.json`: single expressions on one point.

use lambda::Phase;
use serde_json::Value as Json;

use crate::rows::{evaluate, same};

const LINE: &str = "cpu,h=a v=2.5,i=3i 1700000000000000000";

/// What Kapacitor can't do, and we can.
const BETTER: [(&str, &str); 1] = [("strSubstring('hello',0,5)", "hello")];

fn check(vector: &Json) -> Result<(), String> {
    let expr = vector["expr"].as_str().unwrap();
    if vector["status"] == 400 {
        return if tickscript::parse_lambda(expr).is_err() { Ok(()) } else { Err("it was parsed".to_owned()) };
    }
    let results = evaluate(expr, &[LINE]);
    if vector["status"] == 500 {
        let error = results.err().ok_or("it was compiled")?;
        let recorded = vector["error"].as_str().unwrap();
        return if error.phase() == Phase::Enable && recorded.ends_with(&error.to_string()) {
            Ok(())
        } else {
            Err(format!("{:?}: {error}", error.phase()))
        };
    }
    let result = results.map_err(|error| format!("refused: {error}"))?.remove(0);
    if let Some((_, wanted)) = BETTER.iter().find(|(better, _)| *better == expr) {
        return if result == Ok((*wanted).into()) { Ok(()) } else { Err(format!("{result:?}")) };
    }
    match result {
        // Kapacitor's httpOut has no JSON for it.
        Ok(model::Value::Float(v)) if v.is_infinite() && vector["http_status"] == 500 => Ok(()),
        Ok(value) if same(&value, &vector["result"]) => Ok(()),
        Err(_) if vector["eval_errors"] == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn vectors_give_what_was_recorded() {
    let vectors: Vec<Json> = serde_json::from_str(include_str!("../data/lambda_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 133);
    let wrong: Vec<_> = vectors.iter().filter_map(|v| check(v).err().map(|why| format!("{v}\n    {why}"))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
