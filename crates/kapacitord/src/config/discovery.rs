//! Where scrapers find their targets, and the scrapers. Accepted, kept and shown.

use declare::{DataDefault, DataKey, DataSection, Values};

use super::checks::{ids, required};
use super::keys::{
    ENABLED, INSECURE_SKIP_VERIFY, PASSWORD, SSL_CA, SSL_CERT, SSL_KEY, SSL_SERVER_NAME, USERNAME, array, duration,
    int, table, text, texts,
};

pub(super) const SECTIONS: &[DataSection] =
    &[SCRAPER, AZURE, CONSUL, DNS, EC2, FILE_DISCOVERY, GCE, MARATHON, NERVE, SERVERSET, STATIC_DISCOVERY, TRITON];

const SCRAPER: DataSection = array(
    "scraper",
    0,
    "Points scraped from metrics pages, in the format of Prometheus.",
    &[
        ENABLED,
        text("name", "", "The name by which it is known."),
        text("type", "", "The format of the pages.")
            .choices(&["prometheus"])
            .when_created(DataDefault::Text("prometheus")),
        text("db", "", "The database of the points."),
        text("rp", "", "Their retention policy."),
        text("scheme", "", "How to ask: http or https.").when_created(DataDefault::Text("http")),
        text("metrics-path", "", "The path of the metrics on each target.").when_created(DataDefault::Text("/metrics")),
        DataKey::new("params", DataDefault::TextsTable, "Parameters of the requests, by name."),
        duration("scrape-interval", "0s", "How often to ask each target.").when_created(DataDefault::Duration("1m0s")),
        duration("scrape-timeout", "0s", "How long a target may take to answer.")
            .when_created(DataDefault::Duration("10s")),
        USERNAME,
        PASSWORD,
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        SSL_SERVER_NAME,
        INSECURE_SKIP_VERIFY,
        text("bearer-token", "", "The token to sign in with.").secret(),
        DataKey::new(
            "proxy-url",
            DataDefault::Nothing,
            "The proxy to ask through, as a table of the parts of its address.",
        )
        .fixed(),
        text("discoverer-id", "", "The id of the discovery that names the targets."),
        text("discoverer-service", "", "The kind of that discovery: azure, consul, dns and so on."),
        texts("blacklist", "Targets to leave out."),
    ],
    check_scraper,
);

const AZURE: DataSection = array(
    "azure",
    0,
    "Targets found in Microsoft Azure.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        int("port", 0, "The port of the targets' metrics.").when_created(DataDefault::Int(80)),
        text("subscription-id", "", "The id of the subscription."),
        text("tenant-id", "", "The id of the tenant."),
        text("client-id", "", "The id of the client."),
        text("client-secret", "", "The client's secret.").secret(),
        duration("refresh-interval", "0s", "How often to look for changes.")
            .when_created(DataDefault::Duration("5m0s")),
    ],
    ids,
);

const CONSUL: DataSection = array(
    "consul",
    0,
    "Targets found in Consul.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        text("address", "", "Host and port of the server.").when_created(DataDefault::Text("127.0.0.1:8500")),
        text("token", "", "The token to sign in with.").secret(),
        text("datacenter", "", "The datacenter to look in."),
        text("tag-separator", "", "What joins the tags of a target.").when_created(DataDefault::Text(",")),
        text("scheme", "", "How to ask: http or https.").when_created(DataDefault::Text("http")),
        USERNAME,
        PASSWORD,
        texts("services", "The services to look for; unset for all."),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        SSL_SERVER_NAME,
        INSECURE_SKIP_VERIFY,
    ],
    check_consul,
);

const DNS: DataSection = array(
    "dns",
    0,
    "Targets found in DNS records.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("record-names", "The names to look up."),
        duration("refresh-interval", "0s", "How often to look for changes.").when_created(DataDefault::Duration("30s")),
        text("type", "", "The type of the records.")
            .choices(&["SRV", "A", "AAAA"])
            .when_created(DataDefault::Text("SRV")),
        int("port", 0, "The port of the targets' metrics."),
    ],
    check_dns,
);

const EC2: DataSection = array(
    "ec2",
    0,
    "Targets found in Amazon EC2.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        text("region", "", "The region to look in."),
        text("access-key", "", "The access key."),
        text("secret-key", "", "The secret key.").secret(),
        text("profile", "", "The profile of the credentials file."),
        duration("refresh-interval", "0s", "How often to look for changes.")
            .when_created(DataDefault::Duration("1m0s")),
        int("port", 0, "The port of the targets' metrics.").when_created(DataDefault::Int(80)),
    ],
    check_ec2,
);

const FILE_DISCOVERY: DataSection = array(
    "file-discovery",
    0,
    "Targets listed in files.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("files", "The files, JSON or YAML; the last part of a path may hold *."),
        duration("refresh-interval", "0s", "How often to look for changes.")
            .when_created(DataDefault::Duration("5m0s")),
    ],
    check_files,
);

const GCE: DataSection = array(
    "gce",
    0,
    "Targets found in Google Compute Engine.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        text("project", "", "The project to look in."),
        text("zone", "", "The zone to look in."),
        text("filter", "", "Which instances to take."),
        duration("refresh-interval", "0s", "How often to look for changes.")
            .when_created(DataDefault::Duration("1m0s")),
        int("port", 0, "The port of the targets' metrics.").when_created(DataDefault::Int(80)),
        text("tag-separator", "", "What joins the tags of a target.").when_created(DataDefault::Text(",")),
    ],
    ids,
);

const MARATHON: DataSection = array(
    "marathon",
    0,
    "Targets found in Marathon.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("servers", "The addresses of the servers."),
        duration("refresh-interval", "0s", "How often to look for changes.").when_created(DataDefault::Duration("30s")),
        text("bearer-token", "", "The token to sign in with.").secret(),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        SSL_SERVER_NAME,
        INSECURE_SKIP_VERIFY,
    ],
    ids,
);

const NERVE: DataSection = array(
    "nerve",
    0,
    "Targets found by Nerve in Zookeeper.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("servers", "The addresses of the servers."),
        texts("paths", "The paths to look at."),
        duration("timeout", "0s", "How long to wait for a server.").when_created(DataDefault::Duration("10s")),
    ],
    check_paths,
);

const SERVERSET: DataSection = array(
    "serverset",
    0,
    "Targets found in serversets in Zookeeper.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("servers", "The addresses of the servers."),
        texts("paths", "The paths to look at."),
        duration("timeout", "0s", "How long to wait for a server.").when_created(DataDefault::Duration("10s")),
    ],
    check_paths,
);

const STATIC_DISCOVERY: DataSection = array(
    "static-discovery",
    0,
    "Targets listed here.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        texts("targets", "Hosts and ports."),
        table("labels", "Labels of all targets, by name."),
    ],
    ids,
);

const TRITON: DataSection = array(
    "triton",
    0,
    "Targets found in Triton.",
    &[
        ENABLED,
        text("id", "", "The name by which scrapers ask for it."),
        text("account", "", "The account to use."),
        text("dns-suffix", "", "What follows a target's name."),
        text("endpoint", "", "The address of the discovery service."),
        int("port", 0, "The port of the targets' metrics.").when_created(DataDefault::Int(9163)),
        duration("refresh-interval", "0s", "How often to look for changes.")
            .when_created(DataDefault::Duration("1m0s")),
        int("version", 0, "The version of its API.").when_created(DataDefault::Int(1)),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        SSL_SERVER_NAME,
        INSECURE_SKIP_VERIFY,
    ],
    ids,
);

fn check_scraper(all: &[Values]) -> Result<(), String> {
    for values in all {
        ["name", "db", "rp"].iter().try_for_each(|key| required(values, key))?;
        if values.text("type") != "prometheus" {
            return Err(format!("scraper {:?}: type must be \"prometheus\"", values.text("name")));
        }
    }
    Ok(())
}

fn check_consul(all: &[Values]) -> Result<(), String> {
    ids(all)?;
    all.iter().try_for_each(|values| required(values, "address"))
}

fn check_dns(all: &[Values]) -> Result<(), String> {
    ids(all)?;
    for values in all {
        let kind = values.text("type");
        match kind.to_uppercase().as_str() {
            "SRV" => {}
            "A" | "AAAA" if values.int("port") == 0 => return Err(format!("must specify port with type {kind}")),
            "A" | "AAAA" => {}
            _ => return Err(format!("type {kind:?} must be one of SRV, A, AAAA")),
        }
    }
    Ok(())
}

fn check_ec2(all: &[Values]) -> Result<(), String> {
    ids(all)?;
    all.iter().try_for_each(|values| required(values, "region"))
}

/// The files are JSON or YAML, and only the last part of a path may hold a wildcard, one.
fn check_files(all: &[Values]) -> Result<(), String> {
    ids(all)?;
    for file in all.iter().flat_map(|values| values.texts("files")) {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let has_ending = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"].iter().any(|end| name.ends_with(end));
        if !has_ending || folder.contains('*') || name.matches('*').count() > 1 {
            return Err(format!("{file:?} must end in .json, .yml or .yaml and have no * but one in its last part"));
        }
    }
    Ok(())
}

fn check_paths(all: &[Values]) -> Result<(), String> {
    ids(all)?;
    match all.iter().flat_map(|values| values.texts("paths")).find(|path| !path.starts_with('/')) {
        Some(path) => Err(format!("{path:?} of paths must start with /")),
        None => Ok(()),
    }
}
