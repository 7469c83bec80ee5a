//! `kapacitor service-tests`: tests whether services that handlers need can be reached.

use std::collections::BTreeMap;

use api::service_test::ServiceTestResult;
use clap::{ArgMatches, Command};

use super::{Verb, list};
use crate::cli::Context;
use crate::flags;
use crate::output::row;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("service-tests")
        .override_usage("kapacitor service-tests [service or pattern]...")
        .about("Test services that the daemon is set up with.")
        .long_about(
            "Test services that the daemon is set up with.\n\
             \n\
             \t$ kapacitor service-tests slack\n\
             \t$ kapacitor service-tests 's*'",
        )
        .arg(flags::output())
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let patterns = flags::rest(matches);
    if patterns.is_empty() {
        anyhow::bail!("must provide at least one service name or pattern.");
    }
    let mut services = Vec::new();
    for pattern in &patterns {
        services.extend(list::services(cx, pattern)?);
    }
    let mut results: Vec<(String, ServiceTestResult)> = Vec::new();
    for service in services {
        let defaults = serde_json::json!({});
        results.push((service.name, cx.wait(cx.client.post(&service.link.href, &defaults))?));
    }
    if flags::wants_json(matches) {
        return cx.print_json(&results.into_iter().collect::<BTreeMap<_, _>>());
    }
    let mut out = String::new();
    row(&mut out, &[("Service", 20), ("Success", 10)], "Message");
    for (name, result) in &results {
        let success = if result.success { "true" } else { "false" };
        row(&mut out, &[(name, 20), (success, 10)], &result.message);
    }
    cx.print(&out)
}
