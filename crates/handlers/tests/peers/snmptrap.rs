//! `snmptrap` and snmptrapd.

use alert::{Level, Outcome};
use serde_json::json;
use testkit::snmptrapd::Snmptrapd;

use crate::{World, event};

#[test]
fn traps_are_understood() {
    let mut receiver = Snmptrapd::start("our community");
    let world =
        World::new(&[("snmptrap", json!({"enabled": true, "addr": receiver.address(), "community": "our community"}))]);
    let options = json!({"trap-oid": "1.3.6.1.4.1.99999.1", "data-list": [
        {"oid": "1.3.6.1.4.1.99999.1.1", "type": "s", "value": "{{ .Level }} of {{ index .Tags \"host\" }}"},
        {"oid": "1.3.6.1.4.1.99999.1.2", "type": "i", "value": "-129"},
        {"oid": "1.3.6.1.4.1.99999.1.3", "type": "c", "value": "18446744073709551615"},
        {"oid": "1.3.6.1.4.1.99999.1.4", "type": "t", "value": "6000"},
        {"oid": "1.3.6.1.4.1.99999.1.5", "type": "n", "value": ""},
    ]});
    assert_eq!(world.send_one("snmptrap", options, &event("cpu", Level::Warning)), Outcome::Done);
    let trap = receiver.line("trap ");
    for want in [
        ".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.4.1.99999.1\t",
        ".1.3.6.1.4.1.99999.1.1 = STRING: \"WARNING of web-1\"",
        ".1.3.6.1.4.1.99999.1.2 = INTEGER: -129",
        ".1.3.6.1.4.1.99999.1.3 = Counter64: 18446744073709551615",
        ".1.3.6.1.4.1.99999.1.4 = Timeticks: (6000) 0:01:00.00",
        ".1.3.6.1.4.1.99999.1.5 = NULL",
    ] {
        assert!(trap.contains(want), "no {want:?} in {trap}");
    }
}
