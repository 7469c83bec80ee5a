//! Points that come in other ways than over HTTP.

use std::net::UdpSocket;

use serde_json::Value;
use testkit::{daemon::Daemon, wait};

use super::{parsed, run_task, setup};

const COUNT: &str = "stream |from().measurement('m') |stateCount(lambda: TRUE) |httpOut('x')";

fn udp(keys: &str) -> String {
    format!("[[udp]]\nenabled = true\nbind-address = \"127.0.0.1:0\"\n{keys}\n")
}

/// What is counted at each port.
fn counted(daemon: &Daemon) -> Vec<(String, Value)> {
    let vars = parsed(&daemon.get("/kapacitor/v1/debug/vars"));
    let all = vars["kapacitor"].as_object().expect("statistics by id").values();
    let ports = all.filter(|stat| stat["name"] == "udp");
    ports.map(|stat| (stat["tags"]["bind"].as_str().unwrap().to_string(), stat["values"].clone())).collect()
}

#[test]
fn points_come_by_udp() {
    let section = udp("database = \"telegraf\"\nretention-policy = \"autogen\"");
    let mut daemon = setup().config(&section).start();
    run_task(&daemon, "t", COUNT);
    let [(bind, _)] = counted(&daemon).try_into().expect("one port");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // What is sent from here to here is not lost: the system keeps it until it is read.
    client.send_to(b"m v=1 1\nm v=2 2\n", &bind).unwrap();
    client.send_to(b"m v=", &bind).unwrap();
    client.send_to(b"m v=3 3", &bind).unwrap();
    wait::until("three points", || {
        let shown = daemon.get("/kapacitor/v1/tasks/t/x").body;
        shown.contains("1970-01-01T00:00:00.000000003Z").then_some(())
    });
    let [(_, values)] = counted(&daemon).try_into().expect("one port");
    assert_eq!(
        (&values["points_rx"], &values["points_parse_fail"], &values["bytes_rx"]),
        (&3.into(), &1.into(), &27.into())
    );
    daemon.logged("UDP: packets that are no valid lines: 1; the last: ");
    assert!(daemon.stop().success());
}
