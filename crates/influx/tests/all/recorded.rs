//! InfluxDB 2 and 3, by exchanges that are kept as files: `tests/data/`.

use std::sync::Mutex;

use influx::{Cell, Cluster, ClusterConfig, Compression, Credentials, Error, Generation, Language, Precision};
use influx::{Query, Rows, Write};
use testkit::http::{Answer, Request, Server};

use crate::run;

/// What is expected, and what comes back.
struct Exchange {
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    answer: Answer,
}

/// A mark's line, headers and body.
fn message(text: &str) -> (String, Vec<(String, String)>, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let first = lines.next().expect("a mark has a line").trim().to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("name: value");
        (name.to_owned(), value.to_owned())
    });
    let mut bytes = String::new();
    for line in body.trim_end_matches('\n').lines() {
        match line.strip_prefix('|') {
            Some(line) => bytes.push_str(&format!("{line}\r\n")),
            None => bytes.push_str(&format!("{line}\n")),
        }
    }
    (first, headers.collect(), bytes.into_bytes())
}

fn exchanges(name: &str) -> Vec<Exchange> {
    let path = format!("{}/tests/data/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let both = text.split(">>> ").skip(1).map(|part| part.split_once("<<< ").expect("an answer to each request"));
    let exchange = |(request, answer): (&str, &str)| {
        let (line, headers, body) = message(request);
        let (method, target) = line.split_once(' ').expect("method and target");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (status, answered, given) = message(answer);
        Exchange {
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: query.split('&').filter_map(pair).collect(),
            headers,
            body,
            answer: Answer { headers: answered, ..Answer::new(status.parse().expect("a status"), given) },
        }
    };
    both.map(exchange).collect()
}

impl Exchange {
    fn check(&self, request: &Request) {
        assert_eq!((&request.method, &request.path), (&self.method, &self.path));
        let sorted = |pairs: &[(String, String)]| {
            let mut pairs = pairs.to_vec();
            pairs.sort();
            pairs
        };
        assert_eq!(sorted(&request.query), sorted(&self.parameters));
        for (name, value) in &self.headers {
            assert_eq!(request.header(name), Some(value.as_str()), "{name}");
        }
        if !self.body.is_empty() {
            let text = |body: &[u8]| String::from_utf8_lossy(body).trim_end().to_owned();
            match serde_json::from_slice::<serde_json::Value>(&self.body) {
                Ok(json) => assert_eq!(serde_json::from_slice(&request.body).ok(), Some(json)),
                Err(_) => assert_eq!(text(&request.body), text(&self.body)),
            }
        }
    }
}

/// Does `test` to a server that plays the exchanges of a file, all of them and no more.
fn play<T>(name: &str, change: impl FnOnce(&mut ClusterConfig), test: impl AsyncFnOnce(&Cluster) -> T) -> T {
    let exchanges = exchanges(name);
    let answers = Mutex::new(exchanges.iter().map(|one| one.answer.clone()).collect::<Vec<_>>().into_iter());
    let server = Server::start(move |_| {
        answers.lock().expect("no panic").next().unwrap_or_else(|| Answer::new(599, "more than was recorded"))
    });
    let three = name.starts_with("v3");
    let mut config = ClusterConfig {
        generation: if three { Generation::Three } else { Generation::Two },
        credentials: Credentials::Token(if three { "apiv3_t0ken" } else { "t0ken" }.to_owned()),
        organization: if three { "" } else { "acme" }.to_owned(),
        compression: Compression::None,
        ..ClusterConfig::at(server.url())
    };
    change(&mut config);
    let cluster = Cluster::new(config).expect("a good configuration");
    let result = run(test(&cluster));
    let requests = server.take();
    assert_eq!(requests.len(), exchanges.len(), "{requests:?}");
    for (request, exchange) in requests.iter().zip(&exchanges) {
        exchange.check(request);
    }
    result
}

/// Writes down what comes.
#[derive(Default)]
struct Diary(Vec<String>);

impl Rows for Diary {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
        self.0.push(format!("{name} [{}] {}", tags.join(" "), columns.join(",")));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:?}")).collect();
        self.0.push(cells.join(" "));
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        self.0.push("end".to_owned());
        Ok(())
    }
}

fn flux<'q>(text: &'q str, id: &'q str) -> Query<'q> {
    let language = Language::Flux { organization: "", organization_id: id, now: Some("2023-01-31T05:41:24Z") };
    Query { text, language, ..Query::default() }
}

fn write(database: &str, policy: &str, precision: Precision, lines: &'static str) -> Write {
    let (database, policy) = (database.to_owned(), policy.to_owned());
    Write { database, policy, precision, lines: lines.into(), ..Write::default() }
}

fn refused(result: Result<(), Error>) -> (u16, String) {
    match result {
        Err(Error::Refused { status, text }) => (status, text),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_cluster_of_the_right_generation_and_token_is_well() {
    assert_eq!(play("v2/check", |_| (), async |cluster| cluster.check().await).expect("well").version, "v2.7.6");
    assert_eq!(play("v3/check", |_| (), async |cluster| cluster.check().await).expect("well").version, "3.0.1");
}

#[test]
fn a_wrong_token_is_told() {
    for (name, words) in [("v2/wrong_token", "unauthorized access"), ("v3/wrong_token", "not authenticated")] {
        let error = play(name, |_| (), async |cluster| cluster.check().await).expect_err("no right");
        assert!(error.to_string().starts_with("InfluxDB refused the credentials: "), "{error}");
        assert!(error.to_string().ends_with(words), "{error}");
    }
}

#[test]
fn a_wrong_generation_is_told_with_the_right_one() {
    let server = Server::start(|_| Answer {
        headers: vec![("X-Influxdb-Version".to_owned(), "v2.7.6".to_owned())],
        ..Answer::new(204, "")
    });
    for said in [Generation::One, Generation::Three] {
        let config = ClusterConfig { generation: said, ..ClusterConfig::at(server.url()) };
        let cluster = Cluster::new(config).expect("a good configuration");
        let error = run(cluster.check()).expect_err("another generation").to_string();
        assert!(error.contains("is of version v2.7.6, but the configuration of the cluster says"), "{error}");
        assert!(error.contains("set version = \"2\""), "{error}");
    }
}

#[test]
fn flux_is_asked_and_its_tables_are_read() {
    let mut diary = Diary::default();
    let query = flux("from(bucket: \"telegraf/autogen\") |> range(start: -1h)", "");
    play("v2/flux", |_| (), async |cluster| cluster.query(&query, &mut diary).await).expect("an answer");
    let time = 1_675_140_720_000_000_000i64;
    assert_eq!(
        diary.0,
        [
            "mem [_field=used_percent host=A region=east] time,_value".to_owned(),
            format!("Time({time}) Number(15.43)"),
            format!("Time({}) Number(16.0)", time + 60_250_000_000),
            "end".to_owned(),
            "mem [_field=used_percent host=B, the second region=east] time,_value".to_owned(),
            format!("Time({time}) Number(59.25)"),
            "end".to_owned(),
            "system [_field=n_cpus host=A region=east] time,_value".to_owned(),
            format!("Time({time}) Integer(4)"),
            "end".to_owned(),
        ]
    );
}

#[test]
fn errors_of_flux_carry_its_words() {
    play(
        "v2/flux_errors",
        |_| (),
        async |cluster| {
            let mut diary = Diary::default();
            let (status, text) = refused(cluster.query(&flux("form()", "0f1e2d3c4b5a6978"), &mut diary).await);
            assert_eq!((status, text.as_str()), (400, "compilation failed: error @1:1-1:6: undefined identifier form"));
            let late = cluster.query(&flux("from()", ""), &mut diary).await.expect_err("an error after rows");
            assert_eq!(late.to_string(), "flux query error: runtime error: failed to read \"shard 7\"");
        },
    );
}

#[test]
fn influxql_is_asked_of_all_generations() {
    let text = "SELECT mean(v) FROM telegraf.autogen.cpu GROUP BY host";
    let series = play("v2/influxql", |_| (), async |cluster| cluster.collect(&Query::new(text)).await);
    assert_eq!(series.expect("an answer").len(), 2);
    play(
        "v3/influxql",
        |_| (),
        async |cluster| {
            let series = cluster.collect(&Query::new(text)).await.expect("an answer");
            assert_eq!((series.len(), series[0].rows[0][1].clone()), (1, Cell::Number(1.5)));
            let error =
                cluster.collect(&Query::new("SELECT v FROM telegraf.week.cpu")).await.expect_err("no such place");
            assert_eq!(error.to_string(), "database not found: telegraf/week");
            let two = cluster.collect(&Query::new("SELECT v FROM a.r.m, b.r.m")).await.expect_err("two places");
            assert!(two.to_string().contains("reads from a.r.m and from b.r.m"), "{two}");
        },
    );
}

#[test]
fn points_are_written_to_buckets() {
    let map = |config: &mut ClusterConfig| drop(config.buckets.insert("short.r".to_owned(), "short".to_owned()));
    play("v2/write", map, async |cluster| {
        cluster.write(&write("telegraf", "autogen", Precision::Seconds, "m,host=a v=1 1")).await.expect("written");
        let lines = "m v=1i 1\nm v=1 2";
        let (status, text) = refused(cluster.write(&write("short", "r", Precision::Microseconds, lines)).await);
        assert_eq!(status, 400);
        assert!(text.contains("partial write: field type conflict"), "{text}");
        let (status, text) = refused(cluster.write(&write("other", "", Precision::Nanoseconds, "m v=1 1")).await);
        assert_eq!((status, text.as_str()), (404, "bucket \"other\" not found"));
        let error = cluster.write(&write("other", "", Precision::Hours, "m v=1 1")).await.expect_err("no such unit");
        assert_eq!(error.to_string(), "InfluxDB 2 takes no times in the precision h: write one of ns, u, ms and s");
    });
    play(
        "v2/create",
        |_| (),
        async |cluster| {
            cluster.create_database("copy", "week").await.expect("created");
            cluster.create_database("copy", "week").await.expect("there already");
        },
    );
}

#[test]
fn points_are_written_to_databases_of_three() {
    play(
        "v3/write",
        |_| (),
        async |cluster| {
            let ok = write("telegraf", "autogen", Precision::Nanoseconds, "m,host=a v=1 1");
            cluster.write(&ok).await.expect("written");
            let (status, text) =
                refused(cluster.write(&write("telegraf", "", Precision::Seconds, "m v=1 1\nm v=2i 2")).await);
            assert_eq!(status, 400);
            assert!(text.starts_with("partial write of line protocol occurred: line 2: invalid column type"), "{text}");
            cluster.create_database("copy", "").await.expect("created");
            cluster.create_database("copy", "").await.expect("there already");
        },
    );
}

#[test]
fn sql_is_asked_of_three() {
    let tags = ["host".to_owned()];
    let query = |text| Query {
        text,
        database: "telegraf",
        policy: "autogen",
        language: Language::Sql { measurement: "cpu", tags: &tags },
    };
    play(
        "v3/sql",
        |_| (),
        async |cluster| {
            let mut diary = Diary::default();
            let text = "SELECT * FROM cpu WHERE time >= '2025-01-01T00:00:00Z'";
            cluster.query(&query(text), &mut diary).await.expect("an answer");
            let time = 1_735_689_600_000_000_000i64;
            assert_eq!(
                diary.0,
                [
                    "cpu [host=A] n,time,usage".to_owned(),
                    format!("Integer(4) Time({time}) Number(1.5)"),
                    "cpu [host=B] n,time,usage".to_owned(),
                    format!("Integer(8) Time({time}) Number(2.0)"),
                    "cpu [host=A] n,time".to_owned(),
                    format!("Integer(4) Time({})", time + 10_000_000_001),
                    "end".to_owned(),
                ]
            );
            let mut nothing = Diary::default();
            cluster.query(&query("SELECT 1 WHERE false"), &mut nothing).await.expect("an empty answer");
            assert!(nothing.0.is_empty());
            let (_, text) = refused(cluster.query(&query("SELECT * FROM cpux"), &mut nothing).await);
            assert!(text.contains("table 'public.iox.cpux' not found"), "{text}");
        },
    );
    let asked = |generation| {
        let config = ClusterConfig { generation, ..ClusterConfig::at("http://127.0.0.1:1") };
        let cluster = Cluster::new(config).expect("a good configuration");
        run(async { cluster.query(&query("SELECT 1"), &mut Diary::default()).await }).expect_err("no SQL").to_string()
    };
    assert!(asked(Generation::Two).starts_with("only InfluxDB 3 answers SQL"));
    let config = ClusterConfig { generation: Generation::Three, ..ClusterConfig::at("http://127.0.0.1:1") };
    let three = Cluster::new(config).expect("a good configuration");
    let flux = run(async { three.query(&flux("x", ""), &mut Diary::default()).await }).expect_err("no Flux");
    assert!(flux.to_string().contains("ask in SQL by |querySQL"), "{flux}");
}
