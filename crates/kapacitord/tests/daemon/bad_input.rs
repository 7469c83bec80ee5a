//! What is wrong is refused with the place and the reason, changes nothing, and hurts nobody.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{TASKS, daemon, definition, error_of, parsed, run_task, shows, task};

#[test]
fn a_bad_script_is_refused_with_its_place_and_changes_nothing() {
    let daemon = daemon();
    let good = "stream\n    |from()\n        .measurement('cpu')\n";
    run_task(&daemon, "t", good);
    let before = task(&daemon, "t");
    let bad = [
        ("stream\n    |from()\n        .mesurement('cpu')\n", "line 3 char 10", ".mesurement('cpu')", "measurement"),
        ("stream\n    |form()\n", "line 2 char 6", "|form()", "from"),
        ("stream\n    |from(\n", "line 3 char 1", "", ""),
        ("stream\n    |window().period('x')\n", "line 2 char", "|window()", ""),
        ("var x = y\nstream|from()\n", "line 1 char 9", "var x = y", ""),
        ("stream\n    |from()\n    |eval(lambda: \"a\" + )\n", "line 3 char", "|eval(lambda: \"a\" + )", ""),
    ];
    for (script, place, line, hint) in bad {
        let reply = daemon.request("PATCH", &format!("{TASKS}/t"), json!({ "script": script }).to_string());
        assert_eq!(reply.status, 400, "{script}: {}", reply.body);
        let error = error_of(&reply);
        assert!(error.contains(place) && error.contains(line), "{script}: {error}");
        assert!(hint.is_empty() || (error.contains("hint: ") && error.contains(hint)), "{script}: {error}");
        let reply = daemon.request("POST", TASKS, definition("other", script, "enabled"));
        assert_eq!(reply.status, 400, "{script}: {}", reply.body);
        assert_eq!(daemon.get(&format!("{TASKS}/other")).status, 404);
    }
    let after = task(&daemon, "t");
    for key in ["script", "status", "executing", "modified", "error"] {
        assert_eq!(before[key], after[key], "{key}");
    }
}

#[test]
fn all_that_is_wrong_with_a_script_is_told_at_once() {
    let daemon = daemon();
    let script = "stream\n    |from()\n        .mesurement('cpu')\n    |window()\n        .period('10s')\n        .every(1m\n    |httpOut(\"x\")\n";
    let reply = daemon.request("POST", TASKS, definition("t", script, "enabled"));
    assert_eq!(reply.status, 400, "{}", reply.body);
    let error = error_of(&reply);
    let expected = "invalid TICKscript: line 3 char 10: from has no property \"mesurement\"\n\
         3 |         .mesurement('cpu')\n  |          ^^^^^^^^^^\n  = hint: did you mean measurement?\n\
         line 5 char 17: period: expected a duration such as 10s, got the string '10s'\n\
         5 |         .period('10s')\n  |                 ^^^^^\n  = hint: write it without quotes\n\
         line 6 char 15: this bracket is never closed\n\
         6 |         .every(1m\n  |               ^\n  = line 7 char 5: here something else starts\n\
         7 |     |httpOut(\"x\")\n  |     ^\n\
         line 7 char 14: httpOut: expected a string for endpoint, got the reference \"x\"\n\
         7 |     |httpOut(\"x\")\n  |              ^^^\n  = hint: use single quotes for strings: 'x', double quotes name fields";
    assert_eq!(error, expected);
}

#[test]
fn a_bad_line_refuses_the_whole_write() {
    let daemon = daemon();
    run_task(&daemon, "t", "stream|from().measurement('m')|httpOut('last')");
    let target = "/kapacitor/v1/write?db=telegraf&rp=autogen";
    let reply =
        daemon.request("POST", target, "m v=1 1000000000\nm v=2 2000000000\nm v= 3000000000\nm v=4 4000000000\n");
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("line 3") && reply.body.contains("m v= 3000000000"), "{}", reply.body);
    let bad = ["m", "m v", "m v=1 x", "m,=a v=1", ",a=b v=1", "m v=\"open", "m v=1ii 1", "m v=1 99999999999999999999"];
    for line in bad {
        let reply = daemon.request("POST", target, format!("ok v=1\n{line}\n"));
        assert_eq!(reply.status, 400, "{line}: {}", reply.body);
        assert!(reply.body.contains("line 2") && reply.body.contains(line), "{line}: {}", reply.body);
    }
    // Nothing of all that was taken.
    daemon.write("m v=9 9000000000\n");
    let values = json!([["1970-01-01T00:00:09Z", 9]]);
    shows(&daemon, "t/last", &json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": values }] }));
    assert!(task(&daemon, "t")["dot"].as_str().unwrap().contains("processed=\"1\""));
}

#[test]
fn unknown_paths_methods_and_fields_have_the_shape_of_errors() {
    let daemon = daemon();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/kapacitor"),
        ("GET", "/kapacitor/v1/nothing"),
        ("GET", "/kapacitor/v2/tasks"),
        ("PUT", "/kapacitor/v1/tasks"),
        ("DELETE", "/kapacitor/v1/write"),
        ("POST", "/kapacitor/v1/ping"),
        ("FROB", "/kapacitor/v1/tasks"),
        ("GET", "/kapacitor/v1/tasks/none/endpoint/more"),
        ("GET", "/%FF%FE"),
    ] {
        let reply = daemon.request(method, path, "");
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.body);
        assert_eq!(error_of(&reply), "Not Found", "{method} {path}");
    }
    let reply = daemon.get(&format!("{TASKS}?fields=statu"));
    assert_eq!(reply.status, 400);
    let error = error_of(&reply);
    assert!(error.contains("statu") && error.contains("status"), "{error}");
    // That a task is not there is told before what is wrong with the question.
    assert_eq!(daemon.get(&format!("{TASKS}/t?dot-view=x")).status, 404);
    run_task(&daemon, "t", "stream |from().measurement('m') |httpOut('x')");
    for (method, path, body) in [
        ("POST", "", "{"),
        ("POST", "", "[]"),
        ("POST", "", r#"{"id":"a/b","script":"stream"}"#),
        ("POST", "", r#"{"id":"x","script":7}"#),
        ("POST", "", r#"{"id":"x","script":"stream","status":"asleep"}"#),
        ("POST", "", r#"{"id":"x","script":"stream|from()"}"#),
        ("PATCH", "/t", r#"{"dbrps":"x"}"#),
        ("GET", "?limit=x", ""),
        ("GET", "/t?dot-view=x", ""),
        ("GET", "/t?script-format=x", ""),
    ] {
        let reply = daemon.request(method, &format!("{TASKS}{path}"), body);
        assert_eq!(reply.status, 400, "{method} {path} {body}: {}", reply.body);
        assert!(!error_of(&reply).is_empty());
    }
    assert_eq!(
        error_of(&daemon.request("PATCH", &format!("{TASKS}/none"), "{}")),
        "task does not exist, cannot update"
    );
}

#[test]
fn what_is_huge_or_deep_is_answered() {
    let mut daemon = daemon();
    let open = "(".repeat(100_000);
    let deep = [
        format!("stream|from()|where(lambda: {open}TRUE)"),
        format!("stream|from()|where(lambda: {open}TRUE{})", ")".repeat(100_000)),
        format!("stream|from()|where(lambda: {}TRUE)", "!".repeat(100_000)),
        format!("var x = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        "stream".to_string() + &"|from()".repeat(50_000),
        "x".repeat(5_000_000),
        format!("stream|from().measurement('{}", "a".repeat(5_000_000)),
    ];
    for script in deep {
        let reply = daemon.request("POST", TASKS, definition("deep", &script, "disabled"));
        assert!([200, 400].contains(&reply.status), "{}", reply.status);
        assert!(reply.body.len() < 10 << 20, "{} bytes", reply.body.len());
        daemon.request("DELETE", &format!("{TASKS}/deep"), "");
    }
    let json = "[".repeat(1_000_000);
    assert_eq!(daemon.request("POST", TASKS, json).status, 400);
    assert_eq!(daemon.get(&format!("{TASKS}/{}", "a".repeat(20_000))).status, 404);
    assert!(daemon.lives());
}

#[test]
fn a_long_script_is_a_task() {
    let daemon = daemon();
    let script: String = (0..500).map(|n| format!("stream|from().measurement('m{n}')|httpOut('e{n}')\n")).collect();
    run_task(&daemon, "long", &script);
    daemon.write("m499 v=1 1000000000\n");
    let values = json!([["1970-01-01T00:00:01Z", 1]]);
    let series = json!([{ "name": "m499", "columns": ["time", "v"], "values": values }]);
    shows(&daemon, "long/e499", &json!({ "series": series }));
}

#[test]
fn bytes_that_are_no_utf8_are_refused() {
    let mut daemon = daemon();
    let reply = daemon.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", b"ok v=1\nm,t=\xff v=1\n");
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.body.contains("line 2") && reply.body.contains("UTF-8"), "{}", reply.body);
    let reply = daemon.request("POST", TASKS, b"{\"id\":\"\xff\",\"script\":\"stream\"}");
    assert_eq!(reply.status, 400, "{}", reply.body);
    error_of(&reply);
    let reply = daemon.request("POST", "/api/v1/task?name=t&type=stream", b"stream.from().measurement('\xff')");
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(parsed(&reply)["Error"].is_string());
    assert!(daemon.lives());
}

#[test]
fn a_packed_body_that_unpacks_to_too_much_is_refused_in_bounded_memory() {
    let mut daemon = daemon();
    // 2 GiB of spaces, in members of 16 MiB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![b' '; 16 << 20]).unwrap();
    let packed = encoder.finish().unwrap().repeat(128);
    let target = "/kapacitor/v1/write?db=telegraf&rp=autogen";
    let reply = daemon.request_with("POST", target, &[("Content-Encoding", "gzip")], packed);
    assert_eq!(reply.status, 413, "{}", reply.body);
    assert!(reply.body.contains("MiB"), "{}", reply.body);
    if let Some(peak) = daemon.memory_peak() {
        assert!(peak < 2 << 30, "{} MiB", peak >> 20);
    }
    assert!(daemon.lives());
}

#[test]
fn a_body_that_is_announced_too_large_is_refused() {
    let daemon = daemon();
    let address = daemon.address();
    for (target, length) in [("/write?db=d", (1_u64 << 30) + 1), (TASKS, (1 << 30) + 1), (TASKS, u64::MAX / 2)] {
        let head = format!("POST {target} HTTP/1.0\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(testkit::wait::PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 413"), "{target}: {answer}");
        assert!(answer.contains("too large"), "{answer}");
    }
}
