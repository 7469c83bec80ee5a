//! Clusters whose services scripts may scale: Kubernetes, Docker Swarm. Accepted, kept and shown.

use declare::{DataSection, Values};

use super::checks::required;
use super::keys::{ENABLED, INSECURE_SKIP_VERIFY, SSL_CA, SSL_CERT, SSL_KEY, array, flag, fresh, text, texts};

pub(super) const SECTIONS: &[DataSection] = &[KUBERNETES, SWARM];

const RESOURCES: &[&str] = &["", "node", "pod", "service", "endpoint", "endpoints"];

const KUBERNETES: DataSection = fresh(
    "kubernetes",
    0,
    "A Kubernetes cluster, for |k8sAutoscale.",
    &[
        ENABLED,
        text("id", "", "The name by which scripts know it."),
        flag("in-cluster", false, "Whether the daemon runs in it, so that it needs no more to be told."),
        texts("api-servers", "The addresses of its API."),
        text("token", "", "The token to sign in with.").secret(),
        text("ca-path", "", "The PEM file of the authority that its certificate must be from."),
        text("namespace", "", "The namespace of scripts that name none."),
        text("resource", "", "What to discover.").choices(&["node", "pod", "service", "endpoints", ""]),
    ],
    check_kubernetes,
);

const SWARM: DataSection = array(
    "swarm",
    0,
    "A Docker Swarm cluster, for |swarmAutoscale.",
    &[
        ENABLED,
        text("id", "", "The name by which scripts know it."),
        texts("servers", "The addresses of its managers."),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| {
        let empty = all.iter().find(|values| values.bool("enabled") && values.texts("servers").is_empty());
        match empty {
            Some(values) => Err(format!("id {:?} must have at least one of servers", values.text("id"))),
            None => Ok(()),
        }
    },
);

fn check_kubernetes(all: &[Values]) -> Result<(), String> {
    for values in all {
        if all.len() > 1 {
            required(values, "id")?;
        }
        if !values.bool("enabled") {
            continue;
        }
        let has_servers = !values.texts("api-servers").is_empty();
        if values.bool("in-cluster") {
            let given = ["token", "ca-path", "namespace"].into_iter().find(|key| !values.text(key).is_empty());
            if let Some(key) = given.or(has_servers.then_some("api-servers")) {
                return Err(format!("must not specify {key} with in-cluster"));
            }
        } else if !has_servers {
            return Err("must have at least one of api-servers, or in-cluster".to_string());
        }
        if !RESOURCES.contains(&values.text("resource")) {
            return Err(format!("resource {:?} must be one of node, pod, service, endpoints", values.text("resource")));
        }
    }
    Ok(())
}
