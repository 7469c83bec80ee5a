//! Scripts and points with what Kapacitor made of them, each played on the bench.

use engine::testing::Bench;
use model::Precision;
use serde::Deserialize;
use serde_json::Value;

/// One script, the points written to it, and what came out.
#[derive(Deserialize)]
struct Vector {
    name: String,
    /// `@OUT` is the node that records.
    script: String,
    points: Vec<String>,
    /// Rows in the form of InfluxDB's series.
    #[serde(default)]
    output: Vec<Value>,
    /// How many errors nodes count, by their names.
    #[serde(default)]
    node_errors: std::collections::BTreeMap<String, i64>,
    /// Present if the order of the rows is free.
    order: Option<String>,
    /// Present if the task cannot be enabled.
    enable_error: Option<String>,
}

#[test]
fn nodes_do_what_kapacitor_does() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("data/node_vectors.json")).expect("the data is JSON");
    let failures: Vec<String> = vectors
        .iter()
        .filter_map(|vector| play(vector).err().map(|error| format!("{}: {error}\n    {}", vector.name, vector.script)))
        .collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), vectors.len(), failures.join("\n"));
}

fn play(vector: &Vector) -> Result<(), String> {
    // The bench knows one source of a sideload that is not there.
    let script = vector.script.replace("@OUT", "httpPost('http://out')").replace("file:///nonexistent", "nowhere");
    let mut bench = match (Bench::new(&script), &vector.enable_error) {
        (Ok(bench), None) => bench,
        (Ok(_), Some(expected)) => return Err(format!("starts, and should not: {expected}")),
        (Err(_), Some(_)) => return Ok(()),
        (Err(error), None) => return Err(error),
    };
    for point in &vector.points {
        bench.write(point, Precision::Seconds);
    }
    // Every recording ends with the task.
    bench.finish();
    let found: Vec<Value> = bench.host.seen().posts.iter().map(|post| series(&post.body)).collect::<Result<_, _>>()?;
    let (mut found, mut expected) = (found, vector.output.clone());
    if vector.order.is_some() {
        for rows in [&mut found, &mut expected] {
            rows.sort_by_key(ToString::to_string);
        }
    }
    if found.len() != expected.len() || !found.iter().zip(&expected).all(|(a, b)| same(a, b)) {
        return Err(format!("\n  expected {}\n  found    {}", Value::from(expected), Value::from(found)));
    }
    for (node, expected) in &vector.node_errors {
        let found = bench.stat(node, "errors");
        if found != *expected {
            return Err(format!("{node} has {found} errors, expected {expected}"));
        }
    }
    Ok(())
}

/// The one series of a posted body.
fn series(body: &str) -> Result<Value, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| format!("{error} in {body}"))?;
    body.pointer("/series/0").cloned().ok_or_else(|| format!("no series in {body}"))
}

/// Equal, numbers but for rounding.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
