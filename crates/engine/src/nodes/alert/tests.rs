//! Scripts with alerts, played on the bench.

use std::sync::Arc;

use alert::{Event, EventState, Global, Handler, Kind, Kinds, Level, OpenError, testing::Collector};
use model::Precision;

use crate::testing::Bench;

#[derive(Clone, Default)]
struct Options {
    path: String,
}

/// A kind `catch` that keeps events, refuses the path `nowhere` when it is opened, and `never` when it is defined.
fn kinds(collector: &Collector, global: Option<Global>) -> Kinds {
    let collector = collector.clone();
    let kind = Kind::of(
        "catch",
        |it: declare::Declaration<Options>| it.property("path", "Where to.", |o| &mut o.path),
        move |options: Options, place| match options.path.as_str() {
            "nowhere" => Err(OpenError::Invalid { kind: "catch", why: format!("no way from {}", place.topic) }),
            _ => Ok(Box::new(collector.clone()) as Box<dyn Handler>),
        },
    );
    let check = |options: &Options| if options.path == "never" { Err("no such path".to_string()) } else { Ok(()) };
    Kinds::new(vec![kind.method("catch").check(check).global(move || global).build()])
}

fn bench(alert: &str) -> (Bench, Collector) {
    let collector = Collector::default();
    let script = format!("stream|from().measurement('m').groupBy('g')|alert(){alert}.catch()|where(lambda: TRUE)");
    (Bench::with_handlers(&script, kinds(&collector, None)).unwrap(), collector)
}

fn refused(alert: &str) -> String {
    let kinds = kinds(&Collector::default(), None);
    Bench::with_handlers(&format!("stream|from()|alert(){alert}"), kinds).err().unwrap_or_default()
}

/// One row a second from 1 on, of one group.
fn lines(values: &[i64]) -> String {
    values.iter().enumerate().map(|(i, v)| format!("m,g=a v={v}i {}\n", i + 1)).collect()
}

/// The second, level and duration in seconds of each event.
fn shown(events: &[Event]) -> String {
    let one = |event: &Event| {
        let EventState { level, time, duration, .. } = event.state;
        format!("{}:{}+{}", time / 1_000_000_000, level, duration / 1_000_000_000)
    };
    events.iter().map(one).collect::<Vec<_>>().join(" ")
}

const LEVELS: &str = ".info(lambda: \"v\" > 1).warn(lambda: \"v\" > 2).crit(lambda: \"v\" > 3)";

#[test]
fn properties_decide_which_levels_are_told() {
    let cases: &[(&str, &[i64], &str)] = &[
        ("", &[1, 2, 4, 3, 1, 1, 2], "2:INFO+0 3:CRITICAL+1 4:WARNING+2 5:OK+3 7:INFO+0"),
        (".critReset(lambda: \"v\" < 2)", &[4, 3, 2, 1], "1:CRITICAL+0 2:CRITICAL+1 3:CRITICAL+2 4:OK+3"),
        (".warnReset(lambda: \"v\" < 1)", &[3, 2, 4, 2, 1, 0], "1:WARNING+0 2:WARNING+1 3:CRITICAL+2 4:INFO+3 5:OK+4"),
        (".critReset(lambda: \"missing\" < 2)", &[4, 3], "1:CRITICAL+0 2:WARNING+1"),
        (".stateChangesOnly()", &[2, 2, 2, 3, 3, 1, 1], "1:INFO+0 4:WARNING+3 6:OK+5"),
        (".stateChangesOnly(2s)", &[2, 2, 2, 2, 2, 1], "1:INFO+0 3:INFO+2 5:INFO+4 6:OK+5"),
        (".stateChangesOnly().stateChangesOnlyDuration(2s)", &[2, 2, 2], "1:INFO+0 3:INFO+2"),
        (".noRecoveries()", &[2, 1, 2, 1], "1:INFO+0 3:INFO+0"),
        (".noRecoveries().stateChangesOnly()", &[2, 1, 1, 2], "1:INFO+0 4:INFO+0"),
        (".history(4).flapping(0.3, 0.6)", &[2, 1, 2, 1, 1, 1, 1, 2], "1:INFO+0 2:OK+1 8:INFO+0"),
    ];
    for (property, values, want) in cases {
        let (mut bench, collector) = bench(&format!("{LEVELS}{property}"));
        bench.write(&lines(values), Precision::Seconds);
        assert_eq!(shown(&collector.events()), *want, "{property}");
        assert_eq!(bench.stat("alert2", "alerts_triggered"), collector.events().len() as i64);
        assert_eq!(bench.stat("alert2", "emitted"), collector.events().len() as i64);
    }
}

#[test]
fn statistics_count_by_level_and_failing_levels_are_skipped() {
    let (mut bench, collector) = bench(".info(lambda: \"v\" > 1).crit(lambda: \"w\" > 1)");
    bench.write(&lines(&[1, 2, 2, 1]), Precision::Seconds);
    bench.write("m,g=b v=1i,w=5i 9", Precision::Seconds);
    let stats = ["alerts_triggered", "oks_triggered", "infos_triggered", "warns_triggered", "crits_triggered"];
    assert_eq!(stats.map(|stat| bench.stat("alert2", stat)), [4, 1, 2, 0, 1]);
    assert_eq!(bench.stat("alert2", "working_cardinality"), 2);
    assert_eq!(bench.stat("alert2", "errors"), 4);
    assert_eq!(collector.events().len(), 4);
}

#[test]
fn an_event_says_where_it_comes_from() {
    let (mut bench, collector) = bench(
        ".crit(lambda: \"v\" > 3).category('c').id('{{ .TaskName }}/{{ .Group }}/{{ index .Tags \"t\" }}')\
         .message('{{ .ID }} {{ .Level }} {{ index .Fields \"v\" }} {{ .Time }} {{ .Duration }}')\
         .details('<b>{{ .Message }}</b> {{ .ServerInfo.Hostname }}')",
    );
    bench.write("m,t=<x>,g=a v=4i,s=\"y\" 5\nm,t=<x>,g=a v=5i,s=\"y\" 7", Precision::Seconds);
    let events = collector.events();
    let Event { topic, state, data, .. } = &events[1];
    assert_eq!(&**topic, "main:test:alert2");
    assert_eq!(&*state.id, "test/g=a/<x>");
    assert_eq!(&*state.message, "test/g=a/<x> CRITICAL 5 1970-01-01 00:00:07 +0000 UTC 2s");
    assert_eq!(&*state.details, "<b>test/g=a/&lt;x&gt; CRITICAL 5 1970-01-01 00:00:07 &#43;0000 UTC 2s</b> localhost");
    assert_eq!((&*data.name, &*data.task_name, &*data.category, &*data.group), ("m", "test", "c", "g=a"));
    assert_eq!(data.tags, [("g".into(), "a".into()), ("t".into(), "<x>".into())]);
    assert_eq!(data.fields[1], ("v".into(), 5.into()));
    assert!(data.recoverable);
    assert_eq!(
        &*data.series,
        concat!(
            r#"{"name":"m","tags":{"g":"a","t":"\u003cx\u003e"},"columns":["time","s","v"],"#,
            r#""values":[["1970-01-01T00:00:07Z","y",5]]}"#
        )
    );
}

#[test]
fn texts_have_defaults() {
    let collector = Collector::default();
    let script = "stream|from().measurement('m')|alert().crit(lambda: TRUE).catch()";
    let mut bench = Bench::with_handlers(script, kinds(&collector, None)).unwrap();
    bench.write("m v=4 5", Precision::Seconds);
    let state = collector.events().remove(0).state;
    assert_eq!((&*state.id, &*state.message), ("m:nil", "m:nil is CRITICAL"));
    let details = state.details.replace("&#34;", "\"");
    let want = concat!(
        r#"{"Name":"m","TaskName":"test","Group":"nil","Tags":{},"#,
        r#""ServerInfo":{"Hostname":"localhost","ClusterID":"","ServerID":""},"ID":"m:nil","Fields":{"v":4},"#,
        r#""Level":"CRITICAL","Time":"1970-01-01T00:00:05Z","Duration":0,"Message":"m:nil is CRITICAL"}"#,
        "\n"
    );
    assert_eq!(details, want);
}

#[test]
fn a_template_that_fails_costs_its_event_only() {
    let (mut bench, collector) = bench(".crit(lambda: TRUE).message('{{ slice .ID 0 (len (index .Fields \"s\")) }}')");
    bench.write("m,g=a v=1i 1", Precision::Seconds);
    let trouble = bench.task.stats()[2].trouble().unwrap();
    assert!(trouble.now && trouble.what.starts_with("template: message:1"), "{trouble:?}");
    bench.write("m,g=a s=\"xy\" 2", Precision::Seconds);
    assert!(!bench.task.stats()[2].trouble().unwrap().now);
    assert_eq!(shown(&collector.events()), "2:CRITICAL+1");
    assert_eq!(bench.stat("alert2", "errors"), 1);
    assert_eq!(bench.stat("alert2", "emitted"), 1);
    assert!(bench.host.seen().logs[0].contains("template: message:1"), "{:?}", bench.host.seen().logs);
}

#[test]
fn batches_are_decided_by_their_highest_or_lowest_row() {
    let played = |alert: &str, values: &[i64]| {
        let collector = Collector::default();
        let script = format!(
            "stream|from().measurement('m').groupBy('g')|window().periodCount(3).everyCount(3)|alert(){alert}.catch()\
             |where(lambda: TRUE)"
        );
        let mut bench = Bench::with_handlers(&script, kinds(&collector, None)).unwrap();
        bench.write(&lines(values), Precision::Seconds);
        assert_eq!(bench.stat("alert3", "emitted"), collector.events().len() as i64);
        collector.events()
    };
    let values = [2, 4, 4, 1, 1, 1, 3, 2, 4];
    let events = played(LEVELS, &values);
    assert_eq!(shown(&events), "2:CRITICAL+0 6:OK+4 9:CRITICAL+0");
    assert_eq!(events[0].data.fields, [("v".into(), 4.into())]);
    assert_eq!(events[0].data.tags, [("g".into(), "a".into())]);
    assert!(events[0].data.series.contains(r#""columns":["time","v"],"values":[["1970-01-01T00:00:01Z",2],["#));
    let events = played(&format!("{LEVELS}.all()"), &values);
    assert_eq!(shown(&events), "3:INFO+0 6:OK+3 9:INFO+0");
    assert_eq!(events[2].data.fields, [("v".into(), 4.into())]);
}

#[test]
fn events_are_put_on_the_rows_that_go_on() {
    let marks = ".id('i').message('is {{ .Level }}').levelTag('g').idTag('id').levelField('v').messageField('m')\
                 .idField('w').durationField('d')";
    for (before, after) in [("", ""), ("|window().periodCount(1).everyCount(1)", "|last('v').as('v')")] {
        let script = format!(
            "stream|from().measurement('m').groupBy('g'){before}|alert().crit(lambda: \"v\" > 3){marks}\
             |where(lambda: \"g\" == 'CRITICAL' AND \"id\" == 'i' AND \"v\" == 'CRITICAL' AND \"m\" == 'is CRITICAL' \
             AND \"w\" == 'i' AND \"d\" == 0s + 0s OR \"d\" == 0){after}"
        );
        let mut bench = Bench::with_handlers(&script, Kinds::default()).unwrap();
        bench.write(&lines(&[1, 5, 1]), Precision::Seconds);
        let alert = if before.is_empty() { "alert2" } else { "alert3" };
        let filter = if before.is_empty() { "where3" } else { "where4" };
        assert_eq!(bench.stat(alert, "emitted"), 2, "{before}");
        assert_eq!(bench.stat(alert, "alerts_triggered"), 2);
        assert_eq!(bench.stat(filter, "collected"), 2);
    }
}

#[test]
fn topics_are_told_and_remember_for_the_next_start() {
    let collector = Collector::default();
    let script = "stream|from().measurement('m').groupBy('g')|alert().id('{{ .Group }}').crit(lambda: \"v\" > 3)\
                  .stateChangesOnly().topic('t')";
    let mut bench = Bench::with_handlers(script, Kinds::default()).unwrap();
    let topics = Arc::clone(crate::Host::topics(&*bench.host));
    topics.register("t", collector.subscription("c"));
    let state = |id: &str, level| EventState {
        id: id.into(),
        message: "".into(),
        details: "".into(),
        time: 1_000_000_000,
        duration: 0,
        level,
    };
    topics.update_event("t", state("g=a", Level::Critical));
    bench.write("m,g=a v=4i 5\nm,g=b v=4i 5\nm,g=a v=4i 6\nm,g=a v=1i 7", Precision::Seconds);
    assert_eq!(shown(&collector.events()), "5:CRITICAL+0 7:OK+6");
    assert_eq!(topics.event_state("t", "g=b").map(|state| state.level), Some(Level::Critical));
}

#[test]
fn topics_forget_ids_that_are_ok_with_their_groups() {
    let collector = Collector::default();
    let script = "stream|from().measurement('m').groupBy('g').expireGroups(1m)|alert().id('{{ .Group }}')\
                  .crit(lambda: \"v\" > 3).stateChangesOnly().topic('t').catch()";
    let mut bench = Bench::with_handlers(script, kinds(&collector, None)).unwrap();
    let topics = Arc::clone(crate::Host::topics(&*bench.host));
    let known = |topic: &str| {
        let events = topics.events(topic, Level::Ok).unwrap();
        events.iter().map(|event| format!("{} {}", event.id, event.level)).collect::<Vec<_>>().join(", ")
    };
    // c is well again, and then not.
    bench.write("m,g=a v=4i 1\nm,g=b v=4i 1\nm,g=c v=4i 1\nm,g=d v=1i 1", Precision::Seconds);
    bench.write("m,g=a v=1i 2\nm,g=c v=1i 2\nm,g=c v=4i 3", Precision::Seconds);
    for topic in ["t", "main:test:alert2"] {
        assert_eq!(known(topic), "g=b CRITICAL, g=c CRITICAL, g=a OK");
    }
    bench.advance_to(200 * 1_000_000_000);
    for topic in ["t", "main:test:alert2"] {
        assert_eq!(known(topic), "g=b CRITICAL, g=c CRITICAL", "what is not OK waits for its recovery");
        assert_eq!(topics.topic(topic).unwrap().level, Level::Critical);
    }
    // They come again, and go on as the topics know them.
    let told = collector.events().len();
    bench.write("m,g=a v=4i 300\nm,g=b v=1i 300\nm,g=c v=4i 300", Precision::Seconds);
    assert_eq!(shown(&collector.events()[told..]), "300:CRITICAL+0 300:OK+299");
}

#[test]
fn a_nodes_own_topic_lives_as_long_as_the_task() {
    let (mut bench, collector) = bench(".crit(lambda: \"v\" > 3).topic('t')");
    let topics = Arc::clone(crate::Host::topics(&*bench.host));
    bench.write(&lines(&[4]), Precision::Seconds);
    assert_eq!(collector.events().len(), 1);
    assert_eq!(topics.topic("main:test:alert2").map(|topic| topic.level), Some(Level::Critical));
    assert_eq!(&*topics.handlers("main:test:alert2")[0].kind, "catch");
    bench.finish();
    assert_eq!(topics.topic("main:test:alert2"), None);
    assert_eq!(topics.topic("t").map(|topic| topic.level), Some(Level::Critical));
}

#[test]
fn a_nodes_own_topic_ends_with_a_task_that_is_dropped() {
    let (bench, _) = bench(".crit(lambda: TRUE)");
    let topics = Arc::clone(crate::Host::topics(&*bench.host));
    assert!(topics.topic("main:test:alert2").is_some());
    drop(bench);
    assert!(topics.topic("main:test:alert2").is_none());
}

#[test]
fn alerts_inhibit_others_of_a_category() {
    let script = "var data = stream|from().measurement('m').groupBy('g')
        data|alert().crit(lambda: \"v\" > 3).inhibit('c', 'g')
        data|alert().category('c').info(lambda: \"v\" > 1).idField('id')|where(lambda: TRUE)";
    let mut bench = Bench::with_handlers(script, Kinds::default()).unwrap();
    bench.write("m,g=a v=2i 1\nm,g=a v=4i 2\nm,g=b v=2i 3\nm,g=a v=2i 4\nm,g=a v=2i 5", Precision::Seconds);
    assert_eq!(bench.stat("alert3", "alerts_inhibited"), 1);
    assert_eq!(bench.stat("alert3", "alerts_triggered"), 4);
    assert_eq!(bench.stat("alert3", "emitted"), 5);
}

#[test]
fn the_config_may_give_handlers_to_all_alerts() {
    let collector = Collector::default();
    let script = "stream|from().measurement('m').groupBy('g')|alert().crit(lambda: \"v\" > 3)";
    let global = Some(Global { state_changes_only: true });
    for script in [script.to_string(), format!("{script}.catch()")] {
        let collector = Collector::default();
        let mut bench = Bench::with_handlers(&script, kinds(&collector, global)).unwrap();
        bench.write(&lines(&[4, 4, 4]), Precision::Seconds);
        assert_eq!(shown(&collector.events()), "1:CRITICAL+0");
    }
    assert!(collector.events().is_empty());
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let cases = [
        (".id('{{ .Foo')", "template: id:1: unclosed action"),
        (".flapping(2.0, 3.0)", "alert flap thresholds are percentages and should be between 0 and 1"),
        (".crit(TRUE)", "write lambda: before the expression"),
        (".stateChangesOnly(1)", "stateChangesOnly"),
        (".crit(lambda: 1 + 'a' > 2)", "crit"),
        (".catch().path('nowhere')", "catch: no way from main:test:alert2"),
        (".catch().path('never')", "catch: no such path"),
    ];
    for (alert, want) in cases {
        let got = refused(alert);
        assert!(got.contains(want), "{alert}: {got}");
    }
    assert_eq!(refused(".history(-1).flapping(0.1, 0.2)"), "");
}

#[test]
fn every_property_is_declared_and_every_example_runs() {
    let table = declare::Table::of(<super::Alert as crate::Definition>::declare);
    assert_eq!(declare::check_table(&table), []);
    let names = "all category crit critReset details durationField flapHigh flapLow flapping history id idField idTag \
                 info infoReset inhibit levelField levelTag message messageField noRecoveries stateChangesOnly \
                 stateChangesOnlyDuration topic warn warnReset";
    for name in names.split_whitespace() {
        assert!(table.find(name).is_some(), "{name}");
    }
    for example in table.examples() {
        assert_eq!(Bench::new(example).err(), None, "{example}");
    }
}
