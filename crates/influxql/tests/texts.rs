//! Queries as users write them, and as they are sent to InfluxDB.

use influxql::{Dimension, Error, Fill, Select};

const MINUTE: i64 = 60_000_000_000;
/// 2020-05-31T23:59:30Z and 2020-06-01T00:01:00Z.
const TIMES: (i64, i64) = (1_590_969_570_000_000_000, 1_590_969_660_000_000_000);
const BOUNDS: &str = "time >= '2020-05-31T23:59:30Z' AND time < '2020-06-01T00:01:00Z'";

/// The blocks of a data file: lines that begin with `> ` are input, the others the text expected.
fn pairs(data: &'static str) -> impl Iterator<Item = (&'static str, String)> {
    data.split("\n\n").filter(|block| !block.trim().is_empty()).map(|block| {
        let (input, expected) = block.trim().split_once('\n').expect("an input line and an expected line");
        (input.strip_prefix("> ").expect("input begins with '> '"), expected.replace("BOUNDS", BOUNDS))
    })
}

#[test]
fn bounded_queries_read_as_sent() {
    for (input, expected) in pairs(include_str!("data/bounded.txt")) {
        let mut select = Select::parse(input).unwrap_or_else(|error| panic!("{input}: {error}"));
        select.set_group_by(&[]).expect("no dimension is no second time");
        select.set_times(TIMES.0, TIMES.1);
        assert_eq!(select.to_string(), expected, "{input}");
    }
}

#[test]
fn printed_queries_read_back_the_same() {
    for (input, expected) in pairs(include_str!("data/plain.txt")) {
        let select = Select::parse(input).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(select.to_string(), expected, "{input}");
        let again = Select::parse(&expected).unwrap_or_else(|error| panic!("{expected}: {error}"));
        assert_eq!(again.to_string(), expected);
    }
}

#[test]
fn refusals_name_the_place() {
    for (input, expected) in pairs(include_str!("data/refused.txt")) {
        let error = Select::parse(&input.replace("\\n", "\n")).expect_err(input);
        assert_eq!(error.to_string(), expected, "{input}");
    }
}

#[test]
fn groups_are_replaced() {
    let tag = |name: &str| Dimension::Tag(name.to_owned());
    let time = |every, offset| Dimension::Time { every, offset };
    let mut select = Select::parse("SELECT mean(v) FROM plant.raw.m GROUP BY other").expect("a query");
    assert_eq!(select.group_tags(), ["other"]);
    for (dimensions, expected) in [
        (vec![time(MINUTE, 0), tag("host")], " GROUP BY time(1m, 0s), host"),
        (vec![time(MINUTE / 2, -5_000_000_000)], " GROUP BY time(30s, -5s)"),
        (vec![Dimension::Star], " GROUP BY *"),
        (vec![tag("a"), time(1440 * MINUTE, 0), tag("b c")], " GROUP BY a, time(1d, 0s), \"b c\""),
        (vec![Dimension::Regex("^a/b".to_owned())], " GROUP BY /^a\\/b/"),
        (vec![], ""),
    ] {
        select.set_group_by(&dimensions).expect("one time at most");
        assert_eq!(select.to_string(), format!("SELECT mean(v) FROM plant.raw.m{expected}"));
    }
    assert_eq!(select.set_group_by(&[time(1, 0), time(2, 0)]), Err(Error::SecondTime));
    assert!(select.set_group_by(&[time(0, 0)]).is_err());
    assert_eq!(select.group_time(), None);
}

#[test]
fn groups_align_with_the_start() {
    let mut select = Select::parse("SELECT mean(v) FROM m").expect("a query");
    select.align_group();
    select.set_group_by(&[Dimension::Time { every: MINUTE, offset: 0 }]).expect("one time");
    select.set_times(TIMES.0, TIMES.1);
    select.align_group();
    assert_eq!(select.group_time(), Some((MINUTE, MINUTE / 2)));
    assert!(select.to_string().ends_with(" GROUP BY time(1m, 30s)"), "{select}");
}

#[test]
fn fills_are_replaced() {
    let mut select = Select::parse("SELECT mean(v) FROM m fill(0)").expect("a query");
    for (fill, expected) in [
        (Fill::Null, ""),
        (Fill::named("none").expect("a fill"), " fill(none)"),
        (Fill::named("previous").expect("a fill"), " fill(previous)"),
        (Fill::named("linear").expect("a fill"), " fill(linear)"),
        (Fill::Integer(-1), " fill(-1)"),
        (Fill::Number(2.5), " fill(2.5)"),
        (Fill::Number(0.0), " fill(0)"),
        (Fill::Number(1e-7), " fill(0.0000001)"),
    ] {
        select.set_fill(fill);
        assert_eq!(select.to_string(), format!("SELECT mean(v) FROM m{expected}"));
    }
    let text = Fill::named("some").expect_err("no fill").to_string();
    assert!(text.starts_with("unexpected fill option some"), "{text}");
}

#[test]
fn facts_for_the_task() {
    let select = Select::parse("SELECT mean(m) FROM (SELECT v AS m FROM a.b.c, d..e), f").expect("a query");
    let found: Vec<_> = select.measurements().iter().map(|it| (it.database.as_str(), it.policy.as_str())).collect();
    assert_eq!(found, [("a", "b"), ("d", ""), ("", "")]);
    assert!(select.has_subquery() && !select.is_raw());
    assert!(Select::parse("SELECT v FROM a.b.c").expect("a query").is_raw());
    assert_eq!(
        Select::parse("SELECT v FROM m GROUP BY time(5m)").expect("a query").group_time(),
        Some((5 * MINUTE, 0))
    );
}

#[test]
fn depth_is_bounded_and_length_is_not() {
    for (open, close) in [("(", ")"), ("f(", ")"), ("-(", ")")] {
        let deep = format!("SELECT {}v{} FROM m", open.repeat(100_000), close.repeat(100_000));
        let text = Select::parse(&deep).expect_err("too deep").to_string();
        assert!(text.contains("nested deeper than"), "{text}");
    }
    let subqueries = format!("SELECT v FROM {}m", "(SELECT v FROM ".repeat(100_000));
    assert!(Select::parse(&subqueries).is_err());
    let long = format!("SELECT v FROM m WHERE a = 1{}", " OR b = 2".repeat(100_000));
    assert_eq!(Select::parse(&long).expect("long, not deep").to_string(), long);
}

#[test]
fn no_text_makes_it_panic() {
    let seeds = include_str!("data/plain.txt");
    let mut state = 88_172_645_463_325_252u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below a usize")
    };
    let lines: Vec<Vec<char>> = seeds.lines().map(|line| line.chars().collect()).collect();
    let signs: Vec<char> = "()'\"/\\.,;:*-+=<>!~$ \nµ1a\0€".chars().collect();
    for _ in 0..20_000 {
        let mut text = lines[random(lines.len())].clone();
        for _ in 0..=random(4) {
            if text.is_empty() {
                continue;
            }
            let at = random(text.len());
            match random(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, signs[random(signs.len())]),
                _ => text.truncate(at),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(select) = Select::parse(&text) {
            let printed = select.to_string();
            let again = Select::parse(&printed).unwrap_or_else(|error| panic!("{text:?} -> {printed:?}: {error}"));
            assert_eq!(again.to_string(), printed, "{text:?}");
        }
    }
}
