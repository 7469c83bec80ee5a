//! Nodes over time: what comes when, what ends with a group, what odd data does. Beyond what the recorded vectors hold.

use engine::testing::Bench;
use model::Precision;
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;

/// Play lines on a script whose last node is `|httpPost`, moving the clock along if asked; what was posted so far.
struct Play {
    bench: Bench,
    seen: usize,
}

impl Play {
    fn new(script: &str) -> Play {
        let script = script.replace("@OUT", "httpPost('http://out')");
        Play { bench: Bench::new(&script).expect("the script is right"), seen: 0 }
    }

    fn write(&mut self, lines: &str) -> Value {
        for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            self.bench.write(line, Precision::Seconds);
        }
        self.new_rows()
    }

    /// Move the clock to this second.
    fn clock(&mut self, second: i64) -> Value {
        self.bench.advance_to(second * SECOND);
        self.new_rows()
    }

    /// What was posted since the last look: the values of each post, times in seconds.
    fn new_rows(&mut self) -> Value {
        let posts = &self.bench.host.seen().posts;
        let new = posts[self.seen..].iter().map(|post| values(&post.body)).collect();
        self.seen = posts.len();
        Value::Array(new)
    }

    fn errors(&self, node: &str) -> i64 {
        self.bench.stat(node, "errors")
    }
}

fn values(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).expect("a posted body is JSON");
    let mut rows = body.pointer("/series/0/values").cloned().unwrap_or(json!([]));
    for row in rows.as_array_mut().expect("values are a list") {
        let text = row[0].as_str().expect("a time is a text").to_string();
        row[0] = json!(model::parse_rfc3339(&text).expect("a time is RFC 3339") / SECOND);
    }
    rows
}

#[test]
fn an_idle_group_gets_a_barrier_that_closes_its_window() {
    let mut play =
        Play::new("stream|from().measurement('m')|barrier().idle(5s)|window().period(10s).every(10s)|count('v')|@OUT");
    assert_eq!(play.clock(100), json!([]));
    assert_eq!(play.write("m v=1 100; m v=1 108"), json!([]));
    // Barriers at 113 and so on: 5 seconds after the last point, again and again.
    assert_eq!(play.clock(104), json!([]));
    assert_eq!(play.clock(106), json!([[[110, 2]]]));
    // What is older than the barrier is dropped.
    assert_eq!(play.write("m v=1 112; m v=1 113; m v=1 124"), json!([[[123, 1]]]));
}

#[test]
fn a_period_of_barriers_keeps_its_pace_and_may_end_groups() {
    let mut play = Play::new(
        "stream|from().measurement('m').groupBy('h')|barrier().period(10s).delete(TRUE)|window().period(8s).every(8s)|count('v')|@OUT",
    );
    play.clock(1000);
    assert_eq!(play.write("m,h=a v=1 1000; m,h=b v=1 1001"), json!([]));
    assert_eq!(play.clock(1010), json!([[[1008, 1]], [[1009, 1]]]));
    assert_eq!(play.bench.stat("window3", "working_cardinality"), 0);
    assert_eq!(play.bench.stat("barrier2", "working_cardinality"), 0);
    assert_eq!(play.write("m,h=a v=1 1011"), json!([]));
    assert_eq!(play.bench.stat("window3", "working_cardinality"), 1);
}

#[test]
fn statistics_tell_what_each_group_has_given() {
    let mut play = Play::new("var m = stream|from().measurement('m').groupBy('h')\nm|stats(10s).align()|@OUT");
    assert_eq!(play.clock(9), json!([]));
    assert_eq!(play.clock(10), json!([[[0, 0]]]));
    play.write("m,h=a v=1 1; m,h=a v=2 2; m,h=b v=1 3");
    assert_eq!(play.clock(20), json!([[[20, 2]], [[20, 1]]]));
}

#[test]
fn a_deadman_alerts_when_too_little_comes() {
    let mut play = Play::new("stream|from().measurement('m')|deadman(1.0, 10s)|@OUT");
    assert_eq!(play.clock(10), json!([]));
    assert_eq!(play.clock(20), json!([[[20, 0]]]));
    play.write("m v=1 21; m v=1 22; m v=1 23");
    assert_eq!(play.clock(30), json!([[[30, 3]]]));
}

#[test]
fn selectors_of_equal_points() {
    let script =
        |call: &str| format!("stream|from().measurement('m')|window().periodCount(3).everyCount(3)|{call}|@OUT");
    let pick = |call: &str, lines: &str| Play::new(&script(call)).write(lines);
    // Of equal values the earliest, of equal times the larger value.
    assert_eq!(pick("max('v')", "m v=2,n=1 5; m v=2,n=2 3; m v=1,n=3 4"), json!([[[4, 2, 2]]]));
    assert_eq!(pick("first('v')", "m v=2 5; m v=3 5; m v=1 6"), json!([[[6, 3]]]));
    assert_eq!(pick("last('v')", "m v=2 5; m v=3 5; m v=1 4"), json!([[[4, 3]]]));
    assert_eq!(pick("first('v')", "m v=true 5; m v=false 5; m v=true 5"), json!([[[5, false]]]));
    assert_eq!(pick("last('v').usePointTimes()", "m v=\"a\" 1; m v=\"c\" 2; m v=\"b\" 2"), json!([[[2, "c"]]]));
    assert_eq!(pick("top(2, 'v').usePointTimes()", "m v=1 1; m v=2 3; m v=2 2"), json!([[[2, 2], [3, 2]]]));
    assert_eq!(pick("bottom(5, 'v')", "m v=3 1; m v=2 2; m v=-1 3"), json!([[[3, -1], [3, 2], [3, 3]]]));
    assert_eq!(pick("distinct('v')", "m v=\"b\" 1; m v=\"a\" 1; m v=\"b\" 2"), json!([[[2, "a"], [2, "b"]]]));
    assert_eq!(pick("percentile('v', 1.0)", "m v=3 1; m v=2 2; m v=1 3"), json!([]));
    assert_eq!(pick("percentile('v', 100.0)", "m v=3 1; m v=2 2; m v=1 3"), json!([[[3, 3]]]));
}

#[test]
fn aggregates_of_odd_numbers() {
    let script =
        |call: &str| format!("stream|from().measurement('m')|window().periodCount(4).everyCount(4)|{call}|@OUT");
    let aggregate = |call: &str, lines: &str| Play::new(&script(call)).write(lines);
    let big = "m v=9223372036854775807i 1; m v=9223372036854775807i 2; m v=-9223372036854775808i 3; m v=1i 4";
    assert_eq!(aggregate("sum('v')", big), json!([[[4, 9_223_372_036_854_775_807_i64]]]));
    assert_eq!(aggregate("spread('v')", big), json!([[[4, 9_223_372_036_854_775_807_i64]]]));
    assert_eq!(aggregate("mean('v')", big), json!([[[4, 2_305_843_009_213_694_000_i64]]]));
    assert_eq!(aggregate("median('v')", "m v=1i 1; m v=4i 2; m v=2i 3; m v=9i 4"), json!([[[4, 3]]]));
    assert_eq!(aggregate("mode('v')", "m v=5i 1; m v=4i 2; m v=4i 3; m v=5i 4"), json!([[[4, 5]]]));
    assert_eq!(aggregate("count('v')", "m v=true 1; m w=1 2; m v=false 3; m v=1 4"), json!([[[4, 2]]]));
}

#[test]
fn a_missing_field_and_another_type_are_errors() {
    let mut play = Play::new("stream|from().measurement('m')|mean('v')|@OUT");
    assert_eq!(play.write("m w=1 1; m v=\"a\" 1; m v=1 1; m v=2i 1; m v=3 1; m v=0 2"), json!([[[1, 2]]]));
    assert_eq!(play.errors("mean2"), 3);
    let mut play = Play::new("stream|from().measurement('m')|cumulativeSum('v')|@OUT");
    assert_eq!(play.write("m v=1 1; m w=1 2; m v=2i 3; m v=2 4"), json!([[[1, 1]], [[1, 1]], [[1, 1]], [[4, 3]]]));
    assert_eq!(play.errors("cumulativeSum2"), 2);
}

#[test]
fn a_join_of_three_by_tags() {
    let mut play = Play::new(
        "var a = stream|from().measurement('a').groupBy('h')\nvar b = stream|from().measurement('b').groupBy('h', 'c')\nvar d = stream|from().measurement('d').groupBy('h')\na|join(b, d).as('a', 'b', 'd').on('h')|@OUT",
    );
    let rows = play
        .write("a,h=x v=1 1; d,h=x v=3 1; b,h=x,c=1 v=2 1; b,h=x,c=2 v=4 1; b,h=x,c=1 v=5 2; a,h=x v=6 2; d,h=x v=7 2");
    assert_eq!(rows, json!([[[1, 1, 2, 3]], [[1, 1, 4, 3]], [[2, 6, 5, 7]]]));
}

#[test]
fn a_join_of_batches_fills_what_is_missing() {
    let mut play = Play::new(
        "var a = stream|from().measurement('a')|window().period(3s).every(3s)\nvar b = stream|from().measurement('b')|window().period(3s).every(3s)\na|join(b).as('a', 'b').fill(-1)|@OUT",
    );
    let rows = play.write("a v=1 0; b v=1 0; a v=2 1; b v=3 2; a v=9 3; b v=9 3");
    assert_eq!(rows, json!([[[0, 1, 1], [1, 2, -1], [2, -1, 3]]]));
}

#[test]
fn a_combination_needs_no_aligned_beginning() {
    let mut play = Play::new(
        "stream|from().measurement('m')|combine(lambda: \"h\" == 'a', lambda: \"h\" == 'b').as('a', 'b').tolerance(10s)|@OUT",
    );
    assert_eq!(play.write("m,h=a v=1 7; m,h=b v=2 11; m,h=a v=3 18"), json!([[[10, 1, 2]]]));
}

#[test]
fn a_group_without_the_tag_is_ungrouped_by_deleting_it() {
    let mut play = Play::new("stream|from().measurement('m').groupBy('h', 'k')|delete().tag('h')|mean('v')|@OUT");
    assert_eq!(play.write("m,h=a,k=x v=1 1; m,k=x v=3 1; m,k=x v=0 2"), json!([[[1, 2]]]));
}

#[test]
fn batches_are_divided_when_another_time_comes() {
    let mut play =
        Play::new("stream|from().measurement('m')|window().periodCount(3).everyCount(3)|groupBy('h')|count('v')|@OUT");
    assert_eq!(play.write("m,h=a v=1 1; m,h=b v=1 2; m,h=a v=1 3"), json!([]));
    assert_eq!(play.write("m,h=a v=1 4; m,h=a v=1 5; m,h=a v=1 6"), json!([[[3, 2]], [[3, 1]]]));
}

#[test]
fn flattened_names_do_not_leak_from_incomplete_points() {
    let mut play = Play::new("stream|from().measurement('m')|flatten().on('a', 'b')|@OUT");
    let lines = "m,a=1 v=1 1; m,a=1,b=2 v=2 1; m,a=1,b=2 v=3 2";
    play.write(lines);
    let body = play.bench.host.seen().posts[0].body.clone();
    assert!(body.contains("\"1.2.v\"") && !body.contains("11.2"), "{body}");
    assert_eq!(play.errors("flatten2"), 1);
}

#[test]
fn a_change_of_type_is_a_change() {
    let mut play = Play::new("stream|from().measurement('m')|changeDetect('a', 'b')|@OUT");
    let rows = play.write("m a=1,b=\"x\" 1; m a=1i,b=\"x\" 2; m a=1i,b=\"x\" 3; m a=1i,b=\"y\" 4");
    assert_eq!(rows, json!([[[1, 1, "x"]], [[2, 1, "x"]], [[4, 1, "y"]]]));
}

#[test]
fn a_window_survives_points_out_of_order_and_gaps() {
    let mut play = Play::new("stream|from().measurement('m')|window().period(4s).every(4s).align()|@OUT");
    let rows = play.write("m v=1 6; m v=2 5; m v=3 7; m v=4 8; m v=5 30; m v=6 29; m v=7 32");
    assert_eq!(rows, json!([[[6, 1], [5, 2], [7, 3]], [[8, 4]], [[30, 5], [29, 6]]]));
}
