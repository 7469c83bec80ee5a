//! What only a scripted server does: failing, answering oddly, and telling what it was sent.

use std::io::Read;
use std::time::Duration;

use influx::{Cluster, ClusterConfig, Compression, Credentials, Error, Precision, Query, Write};
use testkit::http::{Answer, Server};

use crate::{cluster, run};

const TWO_ROWS: &str = r#"{"results":[{"series":[{"name":"m","columns":["time","v"],"values":[["t",1],["u",2]]}]}]}"#;

fn config_of(servers: &[&Server]) -> ClusterConfig {
    ClusterConfig { urls: servers.iter().map(|server| server.url()).collect(), ..ClusterConfig::default() }
}

#[test]
fn a_query_is_sent_as_kapacitor_sends_it() {
    let server = Server::start(|_| Answer::new(200, TWO_ROWS));
    let query = Query { text: "SELECT v FROM m WHERE a = 'b c&d'", database: "", policy: "", ..Query::default() };
    let series = run(async { cluster(server.url()).collect(&query).await }).expect("an answer");
    assert_eq!(series[0].rows.len(), 2);
    let [request] = &server.take()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/query"));
    assert_eq!(request.parameter("q"), Some(query.text));
    assert_eq!(request.parameter("db"), Some(""));
    assert_eq!((request.parameter("rp"), request.parameter("epoch")), (None, None));
    assert_eq!(request.header("user-agent"), Some("KapacitorInfluxDBClient"));
}

#[test]
fn a_long_query_goes_into_the_body() {
    let server = Server::start(|_| Answer::new(200, "{}"));
    let text = format!("SELECT v FROM m WHERE a = '{}'", "x y".repeat(5_000));
    let query = Query { text: &text, database: "d", policy: "r", ..Query::default() };
    run(async { cluster(server.url()).collect(&query).await }).expect("an answer");
    let [request] = &server.take()[..] else { panic!("one request") };
    assert_eq!(request.parameter("q"), None);
    assert_eq!((request.parameter("db"), request.parameter("rp")), (Some("d"), Some("r")));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert!(request.body.starts_with(b"q=SELECT+v+FROM+m+WHERE+a+%3D+%27x+yx+y"), "{}", request.body.len());
}

#[test]
fn an_answer_in_odd_parts_is_put_together() {
    let server = Server::start(|_| Answer {
        chunks: TWO_ROWS.as_bytes().chunks(7).map(<[u8]>::to_vec).chain([b"\n".to_vec()]).collect(),
        ..Answer::new(200, "")
    });
    let series = run(async { cluster(server.url()).collect(&Query::new("q")).await }).expect("an answer");
    assert_eq!(series[0].rows.len(), 2);
}

#[test]
fn failures_say_what_failed() {
    for (answer, expected) in [
        (Answer::new(503, r#"{"error":"not now"}"#), Error::Refused { status: 503, text: "not now".to_owned() }),
        (
            Answer::new(401, r#"{"error":"authorization failed"}"#),
            Error::Auth { status: 401, text: "authorization failed".to_owned() },
        ),
        (Answer::new(200, r#"{"results":[{"error":"shard gone"}]}"#), Error::Query("shard gone".to_owned())),
        (Answer::new(200, ""), Error::Decode("the answer is empty".to_owned())),
    ] {
        let server = Server::start(move |_| answer.clone());
        let result = run(async { cluster(server.url()).collect(&Query::new("q")).await });
        assert_eq!(result, Err(expected));
    }
    let cut = Server::start(|_| Answer { cut: true, ..Answer::new(200, &TWO_ROWS[..50]) });
    let result = run(async { cluster(cut.url()).collect(&Query::new("q")).await });
    assert!(matches!(result, Err(Error::Connection { .. })), "{result:?}");
    let gone = cut.url();
    drop(cut);
    let error = run(async { cluster(gone.clone()).ping().await }).expect_err("nobody is there");
    assert!(error.is_temporary());
    assert!(error.to_string().starts_with(&format!("cannot reach InfluxDB at {gone}: ")), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_left() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = Server::start(move |_| {
        // Ends when the test has dropped the other end.
        held.lock().expect("no panic").recv().ok();
        Answer::new(204, "")
    });
    let config = ClusterConfig { timeout: Duration::from_millis(50), ..config_of(&[&server]) };
    let error = run(async { Cluster::new(config).expect("a good configuration").ping().await }).expect_err("no answer");
    assert_eq!(error, Error::Timeout { server: server.url(), timeout: Duration::from_millis(50) });
    drop(release);
}

#[test]
fn another_server_takes_over() {
    let (good, busy, gone) = (
        Server::start(|_| Answer::new(200, TWO_ROWS)),
        Server::start(|_| Answer::new(503, "")),
        Server::start(|_| Answer::new(200, "")).url(),
    );
    let mut config = config_of(&[&busy, &good]);
    config.urls.insert(0, gone);
    run(async {
        let cluster = Cluster::new(config).expect("a good configuration");
        for _ in 0..6 {
            cluster.collect(&Query::new("q")).await.expect("one server answers");
        }
    });
    assert_eq!(good.take().len(), 6);
    // It failed once and was avoided from then on.
    assert_eq!(busy.take().len(), 1);
}

#[test]
fn credentials_are_shown() {
    let server = Server::start(|_| Answer::new(204, ""));
    for (credentials, expected) in [
        (Credentials::None, None),
        (Credentials::User { name: "ann".to_owned(), password: "s:e".to_owned() }, Some("Basic YW5uOnM6ZQ==")),
        (Credentials::Token("abc".to_owned()), Some("Token abc")),
        (Credentials::Bearer("abc".to_owned()), Some("Bearer abc")),
    ] {
        let config = ClusterConfig { credentials, ..config_of(&[&server]) };
        run(async { Cluster::new(config).expect("a good configuration").ping().await }).expect("a pong");
        assert_eq!(server.take()[0].header("authorization"), expected);
    }
}

#[test]
fn a_ping_tells_the_version() {
    let headers = vec![("X-Influxdb-Version".to_owned(), "1.8.10".to_owned())];
    let old = Server::start(move |_| Answer { headers: headers.clone(), ..Answer::new(204, "") });
    let new = Server::start(|_| Answer::new(200, r#"{"version":"3.0.2"}"#));
    for (server, version) in [(&old, "1.8.10"), (&new, "3.0.2")] {
        let pong = run(async { cluster(server.url()).ping().await }).expect("a pong");
        assert_eq!(pong.version, version);
    }
}

#[test]
fn writes_carry_their_parameters() {
    let server = Server::start(|_| Answer::new(204, ""));
    let write = Write {
        database: "d".to_owned(),
        policy: "r".to_owned(),
        precision: Precision::Seconds,
        consistency: "one".to_owned(),
        lines: b"m v=1 1\n".to_vec().into(),
    };
    for compression in [Compression::Gzip, Compression::None] {
        let config = ClusterConfig { compression, ..config_of(&[&server]) };
        run(async { Cluster::new(config).expect("a good configuration").write(&write).await }).expect("written");
        let [request] = &server.take()[..] else { panic!("one request") };
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/write"));
        let parameters = ["db", "rp", "precision", "consistency"].map(|name| request.parameter(name));
        assert_eq!(parameters, [Some("d"), Some("r"), Some("s"), Some("one")]);
        let mut lines = Vec::new();
        if request.header("content-encoding") == Some("gzip") {
            flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut lines).expect("gzip");
        } else {
            assert_eq!(compression, Compression::None);
            lines.clone_from(&request.body);
        }
        assert_eq!(lines, b"m v=1 1\n");
    }
}
