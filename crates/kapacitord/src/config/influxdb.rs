//! The InfluxDB clusters that the daemon subscribes to, queries and writes to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use declare::{Declaration, Section, Shape};
use influx::{Format, Generation};

use super::checks;

/// One cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InfluxDb {
    pub(crate) enabled: bool,
    pub(crate) name: String,
    pub(crate) default: bool,
    pub(crate) urls: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) token: String,
    pub(crate) http_shared_secret: bool,
    pub(crate) ssl_ca: String,
    pub(crate) ssl_cert: String,
    pub(crate) ssl_key: String,
    pub(crate) insecure_skip_verify: bool,
    /// Zero for none.
    pub(crate) timeout: Duration,
    pub(crate) disable_subscriptions: bool,
    /// `http`, `https` or `udp`
    pub(crate) subscription_protocol: String,
    /// `cluster` or `server`
    pub(crate) subscription_mode: String,
    /// Retention policies by database; unset or empty for all.
    pub(crate) subscriptions: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) excluded_subscriptions: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) kapacitor_hostname: String,
    /// Zero for the port of `[http]`.
    pub(crate) http_port: i64,
    pub(crate) udp_bind: String,
    pub(crate) udp_buffer: i64,
    pub(crate) udp_read_buffer: i64,
    pub(crate) startup_timeout: Duration,
    pub(crate) subscriptions_sync_interval: Duration,
    pub(crate) subscription_path: String,
    /// `gzip` or `none`
    pub(crate) compression: String,
    /// `1`, `2`, `3`, or unset for what speaks as InfluxDB 1 does
    pub(crate) version: Option<String>,
    pub(crate) org: Option<String>,
    pub(crate) org_id: Option<String>,
    /// Buckets by `database.policy` or by database.
    pub(crate) buckets: Option<BTreeMap<String, String>>,
    /// Zero for any number; unset for [`QUERIES_AT_ONCE`].
    pub(crate) max_concurrent_queries: Option<i64>,
    pub(crate) query_jitter: Option<Duration>,
    /// `json`, `msgpack` or `csv`, or unset for what suits the server
    pub(crate) response_format: Option<String>,
    /// Bytes; unset for [`WRITE_BUFFER`].
    pub(crate) write_buffer: Option<i64>,
}

impl Default for InfluxDb {
    fn default() -> Self {
        InfluxDb {
            enabled: true,
            name: "default".into(),
            default: false,
            urls: vec!["http://localhost:8086".into()],
            username: String::new(),
            password: String::new(),
            token: String::new(),
            http_shared_secret: false,
            ssl_ca: String::new(),
            ssl_cert: String::new(),
            ssl_key: String::new(),
            insecure_skip_verify: false,
            timeout: Duration::ZERO,
            disable_subscriptions: false,
            subscription_protocol: "http".into(),
            subscription_mode: "cluster".into(),
            subscriptions: None,
            excluded_subscriptions: Some(BTreeMap::from([("_kapacitor".into(), vec!["autogen".into()])])),
            kapacitor_hostname: String::new(),
            http_port: 0,
            udp_bind: String::new(),
            udp_buffer: 1000,
            udp_read_buffer: 0,
            startup_timeout: Duration::from_secs(300),
            subscriptions_sync_interval: Duration::from_secs(60),
            subscription_path: String::new(),
            compression: "gzip".into(),
            version: None,
            org: None,
            org_id: None,
            buckets: None,
            max_concurrent_queries: None,
            query_jitter: None,
            response_format: None,
            write_buffer: None,
        }
    }
}

impl Section for InfluxDb {
    const NAME: &'static str = "influxdb";
    const SHAPE: Shape = Shape::Array { default_elements: 1 };

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about(
                "An InfluxDB cluster. With several of these sections each must say all that it needs: only a single one \
                 keeps the defaults.",
            )
            .property("enabled", "Whether to connect to it.", |d| &mut d.enabled)
            .at_run_time()
            .when_created(false)
            .property("name", "The name by which scripts know it.", |d| &mut d.name)
            .at_run_time()
            .property("default", "Whether it is meant where no cluster is named; one of several must be.", |d| {
                &mut d.default
            })
            .at_run_time()
            .property("urls", "Where its servers listen.", |d| &mut d.urls)
            .at_run_time()
            .property("username", "The user to be.", |d| &mut d.username)
            .at_run_time()
            .property("password", "The user's password.", |d| &mut d.password)
            .at_run_time()
            .secret()
            .property("token", "A token in place of user and password.", |d| &mut d.token)
            .at_run_time()
            .secret();
        declare_own(declare_subscriptions(declare_connection(it)))
    }

    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("must specify a name for each cluster".to_string());
        }
        if !self.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')) {
            return Err(format!("name {:?} may hold only letters, numbers, '.', '-' and '_'", self.name));
        }
        if self.urls.is_empty() {
            return Err(format!("cluster {:?} must have at least one of urls", self.name));
        }
        self.urls.iter().try_for_each(|url| checks::web_url("urls", url))?;
        one_of("subscription-protocol", &self.subscription_protocol, PROTOCOLS)?;
        one_of("subscription-mode", &self.subscription_mode, MODES)?;
        one_of("compression", &self.compression, COMPRESSIONS)?;
        self.check_own()
    }

    fn check_all(all: &[Self]) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for cluster in all {
            if !names.insert(&cluster.name) {
                return Err(format!("there are two clusters of the name {:?}", cluster.name));
            }
            cluster.check()?;
        }
        let enabled: Vec<&InfluxDb> = all.iter().filter(|cluster| cluster.enabled).collect();
        let defaults: Vec<&str> =
            enabled.iter().filter(|cluster| cluster.default).map(|cluster| cluster.name.as_str()).collect();
        if defaults.len() > 1 {
            return Err(format!("only one cluster may be the default, not {}", defaults.join(" and ")));
        }
        if enabled.len() > 1 && defaults.is_empty() {
            return Err("must mark one of the enabled clusters with default = true".to_string());
        }
        Ok(())
    }
}

impl InfluxDb {
    /// Which InfluxDB it is said to be.
    pub(crate) fn generation(&self) -> Result<Generation, String> {
        Generation::named(self.version.as_deref().unwrap_or_default()).map_err(|error| error.to_string())
    }

    /// What answers to InfluxQL are asked for in; none for what suits the server.
    pub(crate) fn format(&self) -> Result<Option<Format>, String> {
        Format::named(self.response_format.as_deref().unwrap_or_default()).map_err(|error| error.to_string())
    }

    fn check_own(&self) -> Result<(), String> {
        let (generation, format) = (self.generation()?, self.format()?);
        if generation == Generation::Three && format == Some(Format::MessagePack) {
            return Err("response-format \"msgpack\" is of InfluxDB 1 and 2 alone: leave it out".to_string());
        }
        let set = |key: &Option<String>| key.as_ref().is_some_and(|text| !text.is_empty());
        let needs = |key: &str, generations: &str| {
            Err(format!("{key} is of InfluxDB {generations} alone: set version, or leave {key} out"))
        };
        match generation {
            Generation::Two => {}
            _ if set(&self.org) => return needs("org", "2"),
            _ if set(&self.org_id) => return needs("org-id", "2"),
            Generation::Three => {}
            _ if self.buckets.as_ref().is_some_and(|buckets| !buckets.is_empty()) => {
                return needs("buckets", "2 and 3");
            }
            _ => {}
        }
        for (key, value) in
            [("max-concurrent-queries", self.max_concurrent_queries), ("write-buffer", self.write_buffer)]
        {
            if value.is_some_and(|value| value < 0) {
                return Err(format!("{key} must not be negative"));
            }
        }
        Ok(())
    }
}

/// Queries that run at a time where the config does not say.
pub(crate) const QUERIES_AT_ONCE: i64 = 20;
/// Bytes of points that wait where the config does not say.
pub(crate) const WRITE_BUFFER: i64 = 64 << 20;

const PROTOCOLS: &[&str] = &["http", "https", "udp"];
const MODES: &[&str] = &["cluster", "server"];
const COMPRESSIONS: &[&str] = &["gzip", "none"];

fn one_of(key: &str, value: &str, choices: &[&str]) -> Result<(), String> {
    if choices.contains(&value) {
        Ok(())
    } else {
        Err(format!("{key} {value:?} must be one of {}", choices.join(", ")))
    }
}

fn declare_connection(it: Declaration<InfluxDb>) -> Declaration<InfluxDb> {
    it.property("http-shared-secret", "Whether to sign in by tokens made of the shared-secret of [http].", |d| {
        &mut d.http_shared_secret
    })
    .at_run_time()
    .property("ssl-ca", "The PEM file of the authority that its certificate must be from.", |d| &mut d.ssl_ca)
    .at_run_time()
    .property("ssl-cert", "The PEM file of our certificate.", |d| &mut d.ssl_cert)
    .at_run_time()
    .property("ssl-key", "The PEM file of our key.", |d| &mut d.ssl_key)
    .at_run_time()
    .property("insecure-skip-verify", "Whether any certificate of the server's will do.", |d| {
        &mut d.insecure_skip_verify
    })
    .at_run_time()
    .property("timeout", "How long a request may take; 0s for any time.", |d| &mut d.timeout)
    .at_run_time()
}

fn declare_subscriptions(it: Declaration<InfluxDb>) -> Declaration<InfluxDb> {
    it.property("disable-subscriptions", "Whether to leave its subscriptions alone.", |d| &mut d.disable_subscriptions)
        .at_run_time()
        .property("subscription-protocol", "How it is to send its points.", |d| &mut d.subscription_protocol)
        .at_run_time()
        .choices(PROTOCOLS)
        .refilled()
        .property(
            "subscription-mode",
            "Whether subscriptions are named after this cluster's id or this server's.",
            |d| &mut d.subscription_mode,
        )
        .at_run_time()
        .choices(MODES)
        .refilled()
        .property("subscriptions", "Which to subscribe to, retention policies by database; unset for all.", |d| {
            &mut d.subscriptions
        })
        .at_run_time()
        .property("excluded-subscriptions", "Which not to subscribe to.", |d| &mut d.excluded_subscriptions)
        .at_run_time()
        .when_created(serde_json::json!({ "_kapacitor": ["autogen"] }))
        .property("kapacitor-hostname", "The host to which it sends points; empty for hostname.", |d| {
            &mut d.kapacitor_hostname
        })
        .at_run_time()
        .property("http-port", "The port to which it sends points; 0 for that of [http].", |d| &mut d.http_port)
        .at_run_time()
        .property("udp-bind", "The address to listen on for points over UDP.", |d| &mut d.udp_bind)
        .at_run_time()
        .property("udp-buffer", "How many packets may wait.", |d| &mut d.udp_buffer)
        .at_run_time()
        .refilled()
        .property("udp-read-buffer", "The size of the socket's buffer in bytes; 0 for the system's.", |d| {
            &mut d.udp_read_buffer
        })
        .at_run_time()
        .property("startup-timeout", "How long the start waits for it.", |d| &mut d.startup_timeout)
        .at_run_time()
        .refilled()
        .property("subscriptions-sync-interval", "How often to look for new databases.", |d| {
            &mut d.subscriptions_sync_interval
        })
        .at_run_time()
        .refilled()
        .property("subscription-path", "A path to put before /write in the subscriptions' address.", |d| {
            &mut d.subscription_path
        })
        .at_run_time()
        .property("compression", "How writes to it are packed.", |d| &mut d.compression)
        .at_run_time()
        .choices(COMPRESSIONS)
        .refilled()
}

/// Keys that Kapacitor has not got. They are not changed at run time, so that its clients do not meet them.
fn declare_own(it: Declaration<InfluxDb>) -> Declaration<InfluxDb> {
    it.property(
        "version",
        "Which InfluxDB it is, which is checked: \"1\", \"2\" or \"3\". Unset: it is spoken to as InfluxDB 1, as Kapacitor \
         does.",
        |d| &mut d.version,
    )
    .ours()
    .property("org", "The organisation of an InfluxDB 2; unset for that of the token.", |d| &mut d.org)
    .ours()
    .property("org-id", "The organisation of an InfluxDB 2 by its id, in place of org.", |d| &mut d.org_id)
    .ours()
    .property(
        "buckets",
        "The buckets of an InfluxDB 2, or databases of an InfluxDB 3, by what scripts call them: \"db.rp\" or \"db\"; \
         those not named are \"db/rp\".",
        |d| &mut d.buckets,
    )
    .ours()
    .property("max-concurrent-queries", "How many queries may run there at a time; 0 for any number, unset for 20.", |d| {
        &mut d.max_concurrent_queries
    })
    .ours()
    .property(
        "query-jitter",
        "Queries of tasks are asked up to this much later than on time, each node by a time of its own; unset for 0s.",
        |d| &mut d.query_jitter,
    )
    .ours()
    .property(
        "response-format",
        "What answers to queries in InfluxQL are asked for in: \"json\", \"msgpack\", or \"csv\", which does not tell texts \
         from numbers. Unset: msgpack of an InfluxDB 1, json of others.",
        |d| &mut d.response_format,
    )
    .ours()
    .property(
        "write-buffer",
        "How many bytes of points may wait to be written there; beyond it the oldest are dropped. Unset for 67108864.",
        |d| &mut d.write_buffer,
    )
    .ours()
}
