//! Recordings and replays that are looked at and ended while they run.

use serde_json::json;
use testkit::wait;

use super::{TASKS, error_of, parsed, run_task};

#[test]
fn a_replay_can_be_looked_at_and_stopped_while_it_runs() {
    let daemon = super::daemon();
    run_task(&daemon, "t", "stream|from().measurement('m')|log()");
    let body = json!({ "id": "live", "task": "t", "stop": "2100-01-01T00:00:00Z" }).to_string();
    assert_eq!(daemon.request("POST", "/kapacitor/v1/recordings/stream", body).status, 201);
    // Two points an hour apart: with the real clock the replay takes that long.
    daemon.write("m v=1 1000000000\nm v=2 3601000000000\n");
    let recording = "/kapacitor/v1/recordings/live";
    // The end of a recording by a later point.
    wait::until("points recorded", || {
        daemon.write("m v=3 4200000000000000000\n");
        (parsed(&daemon.get(recording))["status"] == "finished").then_some(())
    });
    let body = json!({ "id": "r", "task": "t", "recording": "live", "clock": "real" }).to_string();
    assert_eq!(daemon.request("POST", "/kapacitor/v1/replays", body).status, 201);
    let seen = wait::until("the task in the replay", || {
        let reply = daemon.get(&format!("{TASKS}/t?replay-id=r"));
        let task = (reply.status == 200).then(|| parsed(&reply))?;
        (task["stats"]["node-stats"]["from1"]["collected"] == 1).then_some(task)
    });
    assert_eq!((&seen["executing"], &seen["id"]), (&json!(true), &json!("t")));
    let reply = daemon.get(&format!("{TASKS}/t?replay-id=none"));
    assert_eq!((reply.status, error_of(&reply)), (400, "no running replay with ID: none".to_string()));
    run_task(&daemon, "other", "stream|from().measurement('m')|log()");
    let reply = daemon.get(&format!("{TASKS}/other?replay-id=r"));
    assert_eq!((reply.status, error_of(&reply)), (400, "replay r is not for task: other".to_string()));
    assert_eq!(daemon.request("DELETE", "/kapacitor/v1/replays/r", "").status, 204);
    wait::until("the end of the replay", || {
        (daemon.get(&format!("{TASKS}/t?replay-id=r")).status == 400).then_some(())
    });
    assert_eq!(daemon.get("/kapacitor/v1/replays/r").status, 404);
}
