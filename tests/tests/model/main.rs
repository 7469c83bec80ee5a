//! The engine against a slow and obvious model of its nodes, over random data with gaps, duplicates and disorder.
#![forbid(unsafe_code)]

mod join;
mod state;
mod window;

use std::collections::BTreeMap;

use engine::testing::Bench;
use model::Precision;
use proptest::prelude::*;
use serde_json::Value as Json;

/// One point of a series: its group, when it was, and its value if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    group: usize,
    second: i64,
    value: Option<i64>,
}

const GROUPS: [&str; 2] = ["x", "y"];
/// No time of a test is before the epoch.
const BEGIN: i64 = 1000;

/// Points as they arrive. Time goes on by a few seconds, now and then not at all, or far; with `disorder` some are late.
fn points(disorder: bool) -> impl Strategy<Value = Vec<Point>> {
    let step = prop_oneof![6 => 0..4i64, 1 => 10..40i64];
    let late = if disorder { prop_oneof![3 => Just(0i64), 1 => 1..9i64].boxed() } else { Just(0i64).boxed() };
    let value = prop_oneof![5 => (0..10i64).prop_map(Some), 1 => Just(None)];
    proptest::collection::vec((0..GROUPS.len(), step, late, value), 1..40).prop_map(|steps| {
        let mut now = BEGIN;
        let point = |(group, step, late, value): (usize, i64, i64, Option<i64>)| {
            now += step;
            Point { group, second: now - late, value }
        };
        steps.into_iter().map(point).collect()
    })
}

/// The line of a point; one without a value has another field.
fn line(measurement: &str, point: &Point) -> String {
    let field = point.value.map_or("other=1i".to_string(), |value| format!("v={value}i"));
    format!("{measurement},h={} {field} {}", GROUPS[point.group], point.second)
}

/// What a row says: its time, and the field asked for.
type Given = (i64, Option<f64>);

/// What came out of a script that ends in `@OUT` by group, post by post; of each row its time and its field.
fn run(script: &str, lines: impl IntoIterator<Item = String>, field: &str) -> BTreeMap<String, Vec<Vec<Given>>> {
    let mut bench = Bench::new(&script.replace("@OUT", "httpPost('http://out')")).expect("the script is right");
    for line in lines {
        bench.write(&line, Precision::Seconds);
    }
    bench.finish();
    let mut found: BTreeMap<String, Vec<Vec<Given>>> = BTreeMap::new();
    for post in &bench.host.seen().posts {
        let body: Json = serde_json::from_str(&post.body).expect("a posted body is JSON");
        let tags = body.pointer("/series/0/tags").and_then(Json::as_object).cloned().unwrap_or_default();
        let group: Vec<&str> = tags.values().filter_map(Json::as_str).collect();
        found.entry(group.join(",")).or_default().push(rows(&body, field));
    }
    found
}

/// To nine digits: a quotient may be worked out in more than one way.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn rows(body: &Json, field: &str) -> Vec<Given> {
    let list = |place| body.pointer(place).and_then(Json::as_array).cloned().unwrap_or_default();
    let at = list("/series/0/columns").iter().position(|column| column == field);
    let row = |row: &Json| {
        let time = row[0].as_str().and_then(model::parse_rfc3339).expect("a time is RFC 3339");
        (time / 1_000_000_000, at.and_then(|at| row[at].as_f64()).map(rounded))
    };
    list("/series/0/values").iter().map(row).collect()
}

/// What a model says of each group, in the form of [`run`]; groups without any post are left out.
fn by_group(points: &[Point], model: impl Fn(&[Point]) -> Vec<Vec<Given>>) -> BTreeMap<String, Vec<Vec<Given>>> {
    let of_group = |group| points.iter().copied().filter(|point| point.group == group).collect::<Vec<Point>>();
    let posts = GROUPS.iter().enumerate().map(|(group, name)| (name.to_string(), model(&of_group(group))));
    posts.filter(|(_, posts)| !posts.is_empty()).collect()
}

/// The value as a row shows it.
fn shown(point: &Point) -> Given {
    (point.second, point.value.map(|value| value as f64))
}

/// The points with a value each.
fn valued(points: Vec<Point>) -> Vec<Point> {
    points.into_iter().map(|point| Point { value: point.value.or(Some(0)), ..point }).collect()
}
