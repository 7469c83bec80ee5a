//! What the daemon is and says about itself: its name, its HTTP server, log, statistics, the deadman's defaults.

use std::time::Duration;

use declare::{Declaration, Section, Warning};

use super::checks;

/// The keys before the first section.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Top {
    pub(crate) hostname: String,
    pub(crate) data_dir: String,
    pub(crate) skip_config_overrides: bool,
    pub(crate) default_retention_policy: String,
}

impl Default for Top {
    fn default() -> Self {
        Top {
            hostname: "localhost".into(),
            data_dir: String::new(),
            skip_config_overrides: false,
            default_retention_policy: String::new(),
        }
    }
}

impl Section for Top {
    const NAME: &'static str = "";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "The config of kapacitord. Every key stands here with its default; what is commented out is unset. Each can \
             also be set by an environment variable: KAPACITOR_HTTP_BIND_ADDRESS for bind-address of [http], \
             KAPACITOR_INFLUXDB_0_URLS_0 for the first of urls of the first [[influxdb]].",
        )
        .property("hostname", "The name by which InfluxDB reaches this host.", |d| &mut d.hostname)
        .property("data_dir", "Where the daemon keeps its own data, such as its server id.", |d| &mut d.data_dir)
        .property(
            "skip-config-overrides",
            "Whether the start ignores changes to the config that came over HTTP.",
            |d| &mut d.skip_config_overrides,
        )
        .property(
            "default-retention-policy",
            "The retention policy of points that are written without one.",
            |d| &mut d.default_retention_policy,
        )
    }

    fn check(&self) -> Result<(), String> {
        if self.hostname.is_empty() {
            return Err("must configure a hostname".to_string());
        }
        if self.data_dir.is_empty() {
            return Err("must configure a data_dir".to_string());
        }
        Ok(())
    }
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Http {
    /// `host:port`; an empty host is all interfaces.
    pub(crate) bind_address: String,
    pub(crate) auth_enabled: bool,
    pub(crate) log_enabled: bool,
    pub(crate) write_tracing: bool,
    pub(crate) pprof_enabled: bool,
    pub(crate) https_enabled: bool,
    pub(crate) https_certificate: String,
    pub(crate) https_private_key: String,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) shared_secret: String,
    pub(crate) unix_socket_enabled: Option<bool>,
    /// A path; unset for [`UNIX_SOCKET`].
    pub(crate) bind_socket: Option<String>,
    pub(crate) max_connections: i64,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
    /// Bytes.
    pub(crate) max_body_size: i64,
}

/// Where the HTTP server listens beside its port, if it is to and the config does not say where.
pub(crate) const UNIX_SOCKET: &str = "/var/run/kapacitor.sock";

impl Default for Http {
    fn default() -> Self {
        Http {
            bind_address: ":9092".into(),
            auth_enabled: false,
            log_enabled: true,
            write_tracing: false,
            pprof_enabled: false,
            https_enabled: false,
            https_certificate: "/etc/ssl/kapacitor.pem".into(),
            https_private_key: String::new(),
            shutdown_timeout: Duration::from_secs(10),
            shared_secret: String::new(),
            unix_socket_enabled: None,
            bind_socket: None,
            max_connections: 4096,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            max_body_size: 256 << 20,
        }
    }
}

impl Section for Http {
    const NAME: &'static str = "http";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about("The HTTP server: the API, and the writes of InfluxDB's subscriptions.")
            .property("bind-address", "Host and port to listen on; without a host, on all interfaces.", |d| {
                &mut d.bind_address
            })
            .property("auth-enabled", "Whether requests must name a user.", |d| &mut d.auth_enabled)
            .property("log-enabled", "Whether each request is logged.", |d| &mut d.log_enabled)
            .property("write-tracing", "Whether the log shows the text of each write.", |d| &mut d.write_tracing)
            .property("pprof-enabled", "Whether profiles can be fetched below /debug/pprof.", |d| &mut d.pprof_enabled)
            .property("https-enabled", "Whether to speak HTTPS.", |d| &mut d.https_enabled)
            .property("https-certificate", "The certificate's PEM file, which may hold the key, too.", |d| {
                &mut d.https_certificate
            })
            .property("https-private-key", "The key's PEM file, if it is another.", |d| &mut d.https_private_key)
            .property("shutdown-timeout", "How long a stop waits for requests that are under way.", |d| {
                &mut d.shutdown_timeout
            })
            .property("shared-secret", "The secret with which tokens (JWT) are signed.", |d| &mut d.shared_secret)
            .secret()
            .property("unix-socket-enabled", "Whether to listen on a Unix socket, too.", |d| &mut d.unix_socket_enabled)
            .ours()
            .property(
                "bind-socket",
                "The socket's path; unset for /var/run/kapacitor.sock. The daemon's user and group may use it.",
                |d| &mut d.bind_socket,
            )
            .ours();
        limits(it)
    }

    fn check(&self) -> Result<(), String> {
        if self.max_connections < 1 {
            return Err("max-connections must be 1 at least".to_string());
        }
        if self.max_body_size < 1 << 10 {
            return Err("max-body-size must be 1024 bytes at least".to_string());
        }
        if self.header_timeout.is_zero() || self.body_timeout.is_zero() {
            return Err("header-timeout and body-timeout must be longer than 0s".to_string());
        }
        self.port().map(drop)
    }
}

/// What no client may take more of.
fn limits(it: Declaration<Http>) -> Declaration<Http> {
    it.property("max-connections", "How many clients may be connected at once; further ones get 503.", |d| {
        &mut d.max_connections
    })
    .ours()
    .property(
        "header-timeout",
        "How long a client may take for the head of a request, and be silent between two requests.",
        |d| &mut d.header_timeout,
    )
    .ours()
    .property(
        "body-timeout",
        "How long a client may take for the body of a request; one second more for each 16 KiB of it.",
        |d| &mut d.body_timeout,
    )
    .ours()
    .property(
        "write-timeout",
        "How long a request waits for room (see write-queue in [memory]) before it gets 503 with Retry-After.",
        |d| &mut d.write_timeout,
    )
    .ours()
    .property("max-body-size", "How many bytes the body of a request may have, as it comes and unpacked.", |d| {
        &mut d.max_body_size
    })
    .ours()
}

impl Http {
    /// The path of the Unix socket, if there is to be one.
    pub(crate) fn unix_socket(&self) -> Option<&str> {
        let path = self.bind_socket.as_deref().filter(|path| !path.is_empty()).unwrap_or(UNIX_SOCKET);
        self.unix_socket_enabled.unwrap_or_default().then_some(path)
    }

    /// The port to listen on; 0 for any that is free.
    pub(crate) fn port(&self) -> Result<u16, String> {
        checks::port(&self.bind_address)
    }
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Logging {
    /// `STDERR`, `STDOUT` or a path.
    pub(crate) file: String,
    pub(crate) level: String,
}

const LEVELS: &[&str] = &["DEBUG", "INFO", "WARN", "ERROR"];

impl Default for Logging {
    fn default() -> Self {
        Logging { file: "STDERR".into(), level: "DEBUG".into() }
    }
}

impl Section for Logging {
    const NAME: &'static str = "logging";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The log of the daemon.")
            .property("file", "Where the log goes: STDERR, STDOUT or the path of a file.", |d| &mut d.file)
            .property("level", "What is logged: this level and those above it.", |d| &mut d.level)
            .choices(LEVELS)
    }
}

impl Logging {
    /// A level that does not exist does not keep the daemon from its work.
    pub(super) fn warning(&self) -> Option<Warning> {
        let is_known = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(&self.level));
        (!is_known).then(|| Warning {
            line: None,
            text: format!("logging.level {:?} is none of {}", self.level, LEVELS.join(", ")),
        })
    }
}

/// Reports about the use of the daemon, which this one never sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reporting {
    pub(crate) enabled: bool,
    pub(crate) url: String,
}

impl Default for Reporting {
    fn default() -> Self {
        Reporting { enabled: true, url: "https://usage.influxdata.com".into() }
    }
}

impl Section for Reporting {
    const NAME: &'static str = "reporting";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Accepted so that existing files load; this daemon reports to nobody.")
            .property("enabled", "Has no effect.", |d| &mut d.enabled)
            .property("url", "Has no effect.", |d| &mut d.url)
    }
}

/// The daemon's own statistics as points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stats {
    pub(crate) enabled: bool,
    pub(crate) stats_interval: Duration,
    pub(crate) database: String,
    pub(crate) retention_policy: String,
    pub(crate) timing_sample_rate: f64,
    pub(crate) timing_movavg_size: i64,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            enabled: true,
            stats_interval: Duration::from_secs(10),
            database: "_kapacitor".into(),
            retention_policy: "autogen".into(),
            timing_sample_rate: 0.1,
            timing_movavg_size: 1000,
        }
    }
}

impl Section for Stats {
    const NAME: &'static str = "stats";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Points about the daemon itself, which tasks can read like any others.")
            .property("enabled", "Whether there are such points.", |d| &mut d.enabled)
            .property("stats-interval", "How often they are made.", |d| &mut d.stats_interval)
            .property("database", "The database they belong to.", |d| &mut d.database)
            .property("retention-policy", "Their retention policy.", |d| &mut d.retention_policy)
            .property("timing-sample-rate", "Which share of the work of nodes is timed, from 0.0 to 1.0.", |d| {
                &mut d.timing_sample_rate
            })
            .property("timing-movavg-size", "Over how many timings their average is taken.", |d| {
                &mut d.timing_movavg_size
            })
    }
}

/// What a deadman does if its script does not say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deadman {
    pub(crate) interval: Duration,
    pub(crate) threshold: f64,
    pub(crate) id: String,
    pub(crate) message: String,
    pub(crate) global: bool,
}

impl Default for Deadman {
    fn default() -> Self {
        Deadman {
            interval: Duration::from_secs(10),
            threshold: 0.0,
            id: "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'".into(),
            message: "{{ .ID }} is {{ if eq .Level \"OK\" }}alive{{ else }}dead{{ end }}: \
                      {{ index .Fields \"emitted\" | printf \"%0.3f\" }} points/INTERVAL."
                .into(),
            global: false,
        }
    }
}

impl Section for Deadman {
    const NAME: &'static str = "deadman";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("The deadman's switch: an alert when too few points arrive.")
            .property("interval", "Over which time points are counted.", |d| &mut d.interval)
            .property("threshold", "Alert if no more points than this arrive in an interval.", |d| &mut d.threshold)
            .property(
                "id",
                "The alert's id, a template; NODE_NAME stands for the name of the node that is watched.",
                |d| &mut d.id,
            )
            .property("message", "The alert's message, a template; INTERVAL stands for the interval.", |d| {
                &mut d.message
            })
            .property("global", "Whether every task gets a deadman by itself.", |d| &mut d.global)
    }
}
