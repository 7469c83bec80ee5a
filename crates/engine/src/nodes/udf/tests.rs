//! Functions in scripts, and the node that speaks to one.

use alert::Kinds;
use model::Precision;

use super::*;
use crate::{Letter, SavedTask, define::Surface, testing::Bench};

fn function(name: &str, wants: EdgeKind, gives: EdgeKind) -> UdfFunction {
    let options = [
        ("n", vec![Kind::Int]),
        ("x", vec![Kind::Float]),
        ("s", vec![Kind::String]),
        ("d", vec![Kind::Duration]),
        ("b", vec![Kind::Bool]),
        ("none", vec![]),
        ("pair", vec![Kind::String, Kind::Int]),
    ];
    let options = options.map(|(name, kinds)| (name.to_string(), kinds)).to_vec();
    UdfFunction { name: name.to_string(), wants, gives, options }
}

fn surface() -> Surface {
    let mut surface = Surface::new(Kinds::default());
    surface.add_function(function("tell", EdgeKind::Stream, EdgeKind::Stream));
    surface.add_function(function("turn", EdgeKind::Batch, EdgeKind::Batch));
    surface.add_function(function("pack", EdgeKind::Stream, EdgeKind::Batch));
    surface
}

fn bench(script: &str) -> Result<Bench, String> {
    Bench::on(&surface(), script, &SavedTask::default()).map(|(bench, _)| bench)
}

fn lines(bench: &Bench) -> usize {
    bench.host.seen().posts.len()
}

#[test]
fn wrong_options_are_told_with_their_place() {
    for (call, why) in [
        (".n(1.5)", "line 1 char 24: n: expected an integer, got the float 1.5"),
        (".n('1')", "expected an integer, got the string '1'"),
        (".n()", "n takes 1 argument, got 0"),
        (".n(1, 2)", "n takes 1 argument, got 2"),
        (".x(1)", "expected a float"),
        (".d('1s')", "expected a duration"),
        (".s(lambda: TRUE)", "expected a string, got a lambda"),
        (".pair(1, 'x')", "pair: expected a string for value1, got the integer 1"),
        (".none(1)", "none takes no arguments"),
        (".colour('red')", "tell has no property \"colour\""),
        (".pear('x', 1)", "did you mean pair"),
    ] {
        let error = bench(&format!("stream|from()@tell(){call}|httpOut('x')")).err().expect("an error");
        assert!(error.contains(why), "{call}: {error}");
    }
}

#[test]
fn functions_are_called_by_their_sign() {
    for (script, why) in [
        ("stream|from()@nobody()|httpOut('x')", "no user-defined function \"nobody\" is configured"),
        ("stream|from()@tel()|httpOut('x')", "did you mean @tell?"),
        ("stream|from()|tell()|httpOut('x')", "write @tell()"),
        ("stream|from().tell()|httpOut('x')", "@tell"),
        ("stream|from()@turn()|httpOut('x')", "cannot add child mismatched edges: from1:stream -> turn2:batch"),
        ("batch@turn()|httpOut('x')", "batch gives nothing on that @turn could read"),
    ] {
        let error = bench(script).err().expect("an error");
        assert!(error.contains(why), "{script}: {error}");
    }
    assert!(bench("stream@tell()|httpOut('x')").is_ok(), "a stream as a whole can be read");
    assert!(bench("stream|from()@tell(1)|httpOut('x')").is_ok(), "arguments are ignored, as in Kapacitor");
}

#[test]
fn functions_may_be_taken_as_given() {
    let mut surface = Surface::new(Kinds::default());
    surface.take_functions_as_given();
    let script = "stream|from()@anything().at(1).all('x')|alert().crit(lambda: TRUE)";
    let defined = crate::define::define(&surface, script, &crate::define::Request::default());
    assert!(defined.is_ok(), "{:?}", defined.err());
}

#[test]
fn options_go_as_the_script_says() {
    let bench =
        bench("stream|from()@tell().s('b').n(-5).d(90s).s('a').pair('p', 7).b(FALSE).none()|httpOut('x')").unwrap();
    let (start, ticket) = bench.host.seen().udfs[0].clone();
    assert_eq!((start.node.as_str(), start.function.as_str(), ticket.node), ("tell2", "tell", 2));
    let options: Vec<String> = start
        .options
        .iter()
        .map(|(name, values)| format!("{name} {}", Argument::List(values.clone()).literal()))
        .collect();
    assert_eq!(options, ["s ['b']", "n [-5]", "d [90s]", "s ['a']", "pair ['p', 7]", "b [FALSE]", "none []"]);
}

#[test]
fn what_a_function_gives_is_handed_on() {
    let mut bench = bench("stream|from()@tell()|httpPost('http://x')").unwrap();
    bench.write("m v=1,s=\"a\" 1\nm v=2 2\n", Precision::Nanoseconds);
    let bodies: Vec<String> = bench.host.seen().posts.iter().map(|post| post.body.clone()).collect();
    assert!(bodies[0].contains("\"a\"") && bodies.len() == 2, "{bodies:?}");
    assert_eq!((bench.stat("tell2", "collected"), bench.stat("tell2", "emitted")), (2, 2));
}

#[test]
fn batches_go_through_as_a_whole() {
    let mut bench = bench("stream|from()|window().periodCount(2).everyCount(2)@turn()|httpPost('http://x')").unwrap();
    bench.write("m v=1 1\nm v=2 2\nm v=3 3\n", Precision::Nanoseconds);
    assert_eq!(lines(&bench), 1);
}

#[test]
fn the_end_waits_for_what_a_function_still_gives() {
    let mut bench = bench("stream|from()@pack()|last('v')|httpPost('http://x')").unwrap();
    bench.task.step(Letter::Finish);
    assert!(!bench.task.is_finished(), "the function has not ended");
    bench.settle();
    assert!(bench.task.is_finished());
}

#[test]
fn data_wait_while_a_function_is_full() {
    let mut bench = bench("stream|from()@tell()|httpPost('http://x')").unwrap();
    bench.host.seen().udfs_full = true;
    bench.write("m v=1 1\n", Precision::Nanoseconds);
    assert!(bench.task.is_full());
    bench.write("m v=2 2\n", Precision::Nanoseconds);
    bench.write("m v=3 3\n", Precision::Nanoseconds);
    assert_eq!((lines(&bench), bench.stat("tell2", "collected")), (1, 1), "only what came before it was full");
    bench.host.seen().udfs_full = false;
    bench.udf_news(0, UdfNews::Room);
    assert_eq!((lines(&bench), bench.stat("tell2", "collected")), (3, 3));
}

#[test]
fn a_chain_of_full_functions_does_not_lock_up() {
    let mut bench = bench("stream|from()@tell()@tell()|httpPost('http://x')").unwrap();
    bench.host.seen().udfs_full = true;
    bench.write("m v=1 1\n", Precision::Nanoseconds);
    assert_eq!(lines(&bench), 0, "what the first gives waits for the second");
    bench.write("m v=2 2\n", Precision::Nanoseconds);
    bench.host.seen().udfs_full = false;
    bench.udf_news(1, UdfNews::Room);
    assert_eq!(lines(&bench), 2);
}

#[test]
fn a_death_is_seen_and_the_task_goes_on() {
    let mut bench = bench("stream|from()@tell()|httpPost('http://x')").unwrap();
    bench.udf_news(0, UdfNews::Down("the process ended (exit status: 3)".to_string()));
    let trouble = bench.task.stats()[2].trouble().unwrap();
    assert!(trouble.now && trouble.what.contains("status: 3"), "{trouble:?}");
    assert_eq!((bench.task.failure(), bench.stat("tell2", "restarts")), (None, 1));
    bench.udf_news(0, UdfNews::Up);
    assert!(!bench.task.stats()[2].trouble().unwrap().now);
    bench.udf_news(0, UdfNews::Failed("I do not like 13".to_string()));
    assert_eq!(bench.task.failure(), Some("tell2: I do not like 13"));
}

#[test]
fn its_state_is_the_last_snapshot_of_the_function() {
    let script = "stream|from()@tell().n(1)|httpPost('http://x')";
    let mut first = bench(script).unwrap();
    assert_eq!(first.host.seen().udfs[0].0.snapshot, None);
    first.udf_news(0, UdfNews::Snapshot(vec![1]));
    first.udf_news(0, UdfNews::Snapshot(vec![2, 3]));
    let saved = first.saved();
    let restored = |script: &str| {
        let (bench, _) = Bench::on(&surface(), script, &saved).unwrap();
        bench.host.seen().udfs[0].0.snapshot.clone()
    };
    assert_eq!(restored(script), Some(vec![2, 3]));
    assert_eq!(restored(&script.replace("n(1)", "n(2)")), None, "with other options it begins anew");
}
