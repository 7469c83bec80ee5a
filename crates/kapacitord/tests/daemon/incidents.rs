//! Incidents at a service that is told by webhook, as PagerTree's guide has it: CRITICAL opens one, OK resolves it, by id.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use testkit::{
    http::{Answer, Request, Server},
    wait,
};

use super::{daemon, run_task};

/// The incidents by id; whether each is open.
type Incidents = Arc<Mutex<BTreeMap<String, bool>>>;

/// Opens and resolves as the service does. An incident that it does not know cannot be resolved.
fn service(incidents: &Incidents) -> Server {
    let incidents = Arc::clone(incidents);
    Server::start(move |request: &Request| {
        let Ok(event) = serde_json::from_slice::<Value>(&request.body) else { return Answer::new(400, "no JSON") };
        let (Some(id), Some(level)) = (event["id"].as_str(), event["level"].as_str()) else {
            return Answer::new(400, "no id or level");
        };
        let mut incidents = incidents.lock().unwrap();
        match (level, incidents.get_mut(id)) {
            ("CRITICAL", _) => drop(incidents.insert(id.to_string(), true)),
            ("OK", Some(open)) => *open = false,
            _ => return Answer::new(409, "no such incident"),
        }
        Answer::new(200, "")
    })
}

#[test]
fn critical_opens_an_incident_and_ok_resolves_it_by_id() {
    let (daemon, incidents) = (daemon(), Incidents::default());
    let service = service(&incidents);
    let script = format!(
        "stream|from().measurement('cpu').groupBy('host')|alert().id('{{{{ .Name }}}}/{{{{ index .Tags \"host\" }}}}')\
         .message('{{{{ .ID }}}} is {{{{ .Level }}}}').crit(lambda: \"idle\" < 10).stateChangesOnly().post('{}/')",
        service.url()
    );
    run_task(&daemon, "t", &script);
    let shown = |wanted: &[(&str, bool)]| {
        wait::until(&format!("the incidents {wanted:?}"), || {
            let now = incidents.lock().unwrap();
            now.iter().map(|(id, open)| (id.as_str(), *open)).eq(wanted.iter().copied()).then_some(())
        });
    };
    daemon.write("cpu,host=a idle=50 1\ncpu,host=a idle=5 2\ncpu,host=b idle=5 3\ncpu,host=b idle=4 4");
    shown(&[("cpu/a", true), ("cpu/b", true)]);
    daemon.write("cpu,host=a idle=60 5");
    shown(&[("cpu/a", false), ("cpu/b", true)]);
    daemon.write("cpu,host=b idle=60 6\ncpu,host=a idle=5 7");
    shown(&[("cpu/a", true), ("cpu/b", false)]);
}
