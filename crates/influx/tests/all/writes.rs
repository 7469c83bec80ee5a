//! Writes to a real InfluxDB.

use influx::{Cell, Error, Precision, Query, Write};
use testkit::influxd::Influxd;

use crate::{cluster, run};

fn write(lines: &str) -> Write {
    Write {
        database: "plant".to_owned(),
        precision: Precision::Milliseconds,
        lines: lines.as_bytes().to_vec().into(),
        ..Write::default()
    }
}

#[test]
fn what_is_written_is_there() {
    let server = Influxd::start();
    run(async {
        let cluster = cluster(server.url());
        cluster.create_database("plant", "week").await.expect("created");
        cluster.write(&write("m,h=a v=1.5 1500\nm,h=b v=2i 1500\n")).await.expect_err("v has two types");
        cluster.write(&write("m v=1.5 1500\n")).await.expect("written");
        let found = cluster.collect(&Query::new("SELECT v FROM plant.week.m")).await.expect("an answer");
        assert!(found[0].rows.contains(&vec![Cell::Text("1970-01-01T00:00:01.5Z".into()), Cell::Number(1.5)]));
    });
}

#[test]
fn refused_writes_say_why() {
    let server = Influxd::start();
    run(async {
        let cluster = cluster(server.url());
        let missing = cluster.write(&write("m v=1\n")).await.expect_err("no database");
        assert_eq!(missing, Error::Refused { status: 404, text: "database not found: \"plant\"".to_owned() });
        assert!(!missing.is_temporary());
        cluster.create_database("plant", "").await.expect("created");
        let broken = cluster.write(&write("m v=\n")).await.expect_err("no line protocol");
        assert!(
            matches!(&broken, Error::Refused { status: 400, text } if text.contains("unable to parse")),
            "{broken}"
        );
    });
}
