//! Queries to a real InfluxDB.

use influx::{Cell, Cluster, ClusterConfig, Credentials, Error, Query, Rows, parse_time};
use testkit::influxd::Influxd;

use crate::{cluster, run};

/// Counts and sums what it receives.
#[derive(Default)]
struct Totals {
    series: Vec<String>,
    ended: usize,
    rows: usize,
    sum: f64,
    last_time: Option<i64>,
}

impl Rows for Totals {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        assert_eq!(columns, ["time", "v"]);
        let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
        self.series.push(format!("{name},{}", tags.join(",")));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        let [Cell::Text(time), Cell::Number(value)] = cells else { return Err(format!("odd row {cells:?}")) };
        self.rows += 1;
        self.sum += value;
        self.last_time = parse_time(time);
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        self.ended += 1;
        Ok(())
    }
}

#[test]
fn many_rows_arrive_in_parts_of_whole_series() {
    let server = Influxd::start();
    server.query("CREATE DATABASE plant");
    let points = 25_000;
    let mut lines = String::new();
    for index in 0..points {
        lines.push_str(&format!("m,host=h{} v={index} {}\n", index % 2, 1_551_686_400_000_000_001i64 + index));
    }
    server.write("plant", &lines);
    for (group, series) in [("", &["m,"] as &[&str]), (" GROUP BY host", &["m,host=h0", "m,host=h1"])] {
        let text = format!("SELECT v FROM plant.autogen.m{group}");
        let mut totals = Totals::default();
        run(async { cluster(server.url()).query(&Query::new(&text), &mut totals).await }).expect("an answer");
        assert_eq!(totals.series, series);
        assert_eq!((totals.ended, totals.rows), (series.len(), 25_000));
        assert!((totals.sum - 312_487_500.0).abs() < 1e-6);
        assert_eq!(totals.last_time, Some(1_551_686_400_000_000_000 + points));
    }
}

#[test]
fn values_come_as_they_were_written() {
    let server = Influxd::start();
    server.query("CREATE DATABASE plant");
    server.write("plant", "m,t=sü\\ d i=-3i,f=0.1,s=\"a\\\"b\\\\ ä\",b=true 1\nm i=9007199254740993i 2\n");
    let query = Query { text: "SELECT i, f, s, b, t FROM m", database: "plant", policy: "", ..Query::default() };
    let series = run(async { cluster(server.url()).collect(&query).await }).expect("an answer");
    let text = |text: &'static str| Cell::Text(text.into());
    let expected = [
        text("1970-01-01T00:00:00.000000001Z"),
        Cell::Number(-3.0),
        Cell::Number(0.1),
        text("a\"b\\ ä"),
        Cell::Bool(true),
        text("sü d"),
    ];
    let time = text("1970-01-01T00:00:00.000000002Z");
    // Kapacitor too has floats only, so the last digit is lost.
    let other = [time, Cell::Number(9_007_199_254_740_992.0), Cell::Null, Cell::Null, Cell::Null, Cell::Null];
    assert_eq!(series[0].rows, [expected, other]);
}

#[test]
fn refusals_carry_influxdbs_words() {
    let server = Influxd::start();
    run(async {
        let cluster = cluster(server.url());
        let missing = cluster.collect(&Query::new("SELECT v FROM nowhere.autogen.m")).await;
        assert_eq!(missing, Err(Error::Query("database not found: nowhere".to_owned())));
        let wrong = cluster.collect(&Query::new("SELECT")).await.expect_err("no query");
        assert!(
            matches!(&wrong, Error::Refused { status: 400, text } if text.contains("error parsing query")),
            "{wrong}"
        );
        cluster.create_database("new one", "week").await.expect("created");
        cluster.create_database("new one", "week").await.expect("there already");
        let policies = cluster.collect(&Query::new("SHOW RETENTION POLICIES ON \"new one\"")).await.expect("policies");
        let names: Vec<_> = policies[0].column("name").filter_map(Cell::text).collect();
        assert_eq!(names, ["week"]);
        assert!(cluster.ping().await.expect("a pong").version.starts_with('1'));
    });
}

#[test]
fn a_password_is_asked_for() {
    let server = Influxd::start_with_auth();
    server.query("CREATE USER ann WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    let ask = |credentials| {
        let config = ClusterConfig { credentials, ..ClusterConfig::at(server.url()) };
        let cluster = Cluster::new(config).expect("a good configuration");
        run(async { cluster.collect(&Query::new("SHOW DATABASES")).await })
    };
    let user = |password: &str| Credentials::User { name: "ann".to_owned(), password: password.to_owned() };
    assert!(ask(user("secret")).is_ok());
    for wrong in [user("other"), Credentials::None] {
        assert!(matches!(ask(wrong), Err(Error::Auth { .. })));
    }
}
