//! The config of the daemon: the list of its sections, and how they are found, loaded, checked and shown.

mod authentication;
mod brokers;
mod chat;
mod checks;
mod discovery;
mod http_post;
mod incidents;
mod influxdb;
mod ingest;
mod inputs;
mod keys;
mod memory;
mod orchestration;
mod references;
mod server;
mod shards;
mod smtp;
mod storage;
mod tls;
mod udf;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use declare::{DataSection, LoadError, Slot, Values, Warning, apply_environment, load_toml, write_sample};
use thiserror::Error;

pub(crate) use checks::socket_address;
pub(crate) use http_post::HttpPost;
pub(crate) use influxdb::{InfluxDb, QUERIES_AT_ONCE, WRITE_BUFFER};
pub(crate) use ingest::Ingest;
pub(crate) use memory::{AtLimit, Memory, TaskLimit};
pub(crate) use references::references;
pub(crate) use server::{Deadman, Http, Logging, Reporting, Stats, Top};
pub(crate) use shards::TaskShards;
pub(crate) use smtp::Smtp;
pub(crate) use storage::{Alert, Checkpoint, Load, Replay, Storage, Task};
pub(crate) use tls::Tls;
pub(crate) use udf::{Udf, UdfFunction};

/// What the daemon is told by its config file and environment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) top: Top,
    pub(crate) alert: Alert,
    pub(crate) http: Http,
    pub(crate) replay: Replay,
    pub(crate) storage: Storage,
    pub(crate) task: Task,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) memory: Memory,
    pub(crate) task_limits: Vec<TaskLimit>,
    pub(crate) task_shards: Vec<TaskShards>,
    pub(crate) ingest: Ingest,
    pub(crate) load: Load,
    pub(crate) influxdb: Vec<InfluxDb>,
    pub(crate) logging: Logging,
    pub(crate) tls: Tls,
    pub(crate) httppost: Vec<HttpPost>,
    pub(crate) smtp: Smtp,
    pub(crate) reporting: Reporting,
    pub(crate) stats: Stats,
    pub(crate) udf: Udf,
    pub(crate) deadman: Deadman,
    /// The elements of the sections that are data alone, by name.
    others: BTreeMap<&'static str, Vec<Values>>,
}

/// Why the daemon does not start with this config.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("parse config: open {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("parse config: {path}: {source}", path = path.display())]
    Load { path: PathBuf, source: LoadError },
    #[error("apply env config: {0}")]
    Environment(LoadError),
    #[error(
        "invalid configuration: {section}{colon}{why}. \
         To generate a valid configuration file run `kapacitord config > kapacitor.generated.conf`.",
        colon = if section.is_empty() { "" } else { ": " }
    )]
    Invalid { section: &'static str, why: String },
}

/// The order of the sections in the sample config, after the keys before the first of them.
const ORDER: &[&str] = &[
    "",
    "alert",
    "auth",
    "http",
    "replay",
    "storage",
    "task",
    "checkpoint",
    "memory",
    "task-limit",
    "task-shards",
    "ingest",
    "fluxtask",
    "load",
    "influxdb",
    "logging",
    "config-override",
    "tls",
    "graphite",
    "collectd",
    "opentsdb",
    "udp",
    "alerta",
    "alertmanager",
    "bigpanda",
    "discord",
    "hipchat",
    "kafka",
    "mqtt",
    "ntfy",
    "opsgenie",
    "opsgenie2",
    "pagerduty",
    "pagerduty2",
    "pushover",
    "httppost",
    "smtp",
    "snmptrap",
    "sensu",
    "servicenow",
    "slack",
    "talk",
    "teams",
    "telegram",
    "victorops",
    "webhook",
    "zenoss",
    "scraper",
    "azure",
    "consul",
    "dns",
    "ec2",
    "file-discovery",
    "gce",
    "marathon",
    "nerve",
    "serverset",
    "static-discovery",
    "triton",
    "kubernetes",
    "swarm",
    "reporting",
    "stats",
    "udf",
    "deadman",
];

/// Names that stand in files which came with Kapacitor, though it takes no notice of them.
const OBSOLETE: &[&str] =
    &["token", "reporting.enterprise-url", "reporting.stats-interval", "marathon.timeout", "static"];

/// Sections that are taken, kept and shown, though nothing is done for them: by name, with what is missing.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("graphite", "points in Graphite's format are not taken"),
    ("collectd", "points of collectd are not taken"),
    ("opentsdb", "points in OpenTSDB's formats are not taken"),
    ("scraper", "metrics pages are not scraped"),
];

/// All sections that are data alone.
fn data_sections() -> impl Iterator<Item = &'static DataSection> {
    [
        authentication::SECTIONS,
        brokers::SECTIONS,
        chat::SECTIONS,
        discovery::SECTIONS,
        incidents::SECTIONS,
        inputs::SECTIONS,
        orchestration::SECTIONS,
    ]
    .into_iter()
    .flatten()
}

impl Default for Config {
    /// As without a file, but with paths relative to the working directory and no `data_dir`.
    fn default() -> Self {
        Config {
            top: Top::default(),
            alert: Alert::default(),
            http: Http::default(),
            replay: Replay::default(),
            storage: Storage::default(),
            task: Task::default(),
            checkpoint: Checkpoint::default(),
            memory: Memory::default(),
            task_limits: Vec::new(),
            task_shards: Vec::new(),
            ingest: Ingest::default(),
            load: Load::default(),
            influxdb: vec![InfluxDb::default()],
            logging: Logging::default(),
            tls: Tls::default(),
            httppost: vec![HttpPost::default()],
            smtp: Smtp::default(),
            reporting: Reporting::default(),
            stats: Stats::default(),
            udf: Udf::default(),
            deadman: Deadman::default(),
            others: data_sections().map(|section| (section.name, section.default_elements())).collect(),
        }
    }
}

impl Config {
    /// The file that is meant: the one given, that of KAPACITOR_CONFIG_PATH, `~/.kapacitor/kapacitor.conf`,
    /// `/etc/kapacitor/kapacitor.conf`. None for the defaults, which `/dev/null` also asks for.
    pub(crate) fn find(given: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        if let Some(given) = given.filter(|given| !given.as_os_str().is_empty()) {
            return (given != Path::new("/dev/null")).then(|| given.to_path_buf());
        }
        if let Some(path) = environment("KAPACITOR_CONFIG_PATH").filter(|path| !path.is_empty()) {
            return Some(path.into());
        }
        let home = environment("HOME").map(|home| Path::new(&home).join(".kapacitor/kapacitor.conf"));
        let mut places = home.into_iter().chain([PathBuf::from("/etc/kapacitor/kapacitor.conf")]);
        places.find(|place| std::fs::metadata(place).is_ok_and(|found| found.len() > 0))
    }

    /// What `kapacitord run` works with: the file over the defaults, or without one the defaults below `~/.kapacitor`;
    /// the environment over both. Not checked yet: flags may still change it.
    pub(crate) fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Config, Vec<Warning>), ConfigError> {
        let environment: Vec<(String, String)> = environment.collect();
        let base = if path.is_some() { Config::default() } else { Config::below_home(&environment) };
        base.with(path, environment)
    }

    /// What `kapacitord config` shows: the file over the defaults below `~/.kapacitor`, the environment over both.
    pub(crate) fn load_over_home(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Config, Vec<Warning>), ConfigError> {
        let environment: Vec<(String, String)> = environment.collect();
        Config::below_home(&environment).with(path, environment)
    }

    fn with(
        mut self,
        path: Option<&Path>,
        environment: Vec<(String, String)>,
    ) -> Result<(Config, Vec<Warning>), ConfigError> {
        let mut warnings = Vec::new();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
            warnings = load_toml(&text, &mut self.slots(), OBSOLETE)
                .map_err(|source| ConfigError::Load { path: path.to_path_buf(), source })?;
        }
        let more = apply_environment("KAPACITOR", environment, is_for_others, &mut self.slots());
        warnings.extend(more.map_err(ConfigError::Environment)?);
        warnings.extend(self.logging.warning());
        warnings.extend(self.without_effect());
        Ok((self, warnings))
    }

    /// What is said of sections that are enabled, though nothing is done for them.
    fn without_effect(&self) -> impl Iterator<Item = Warning> + '_ {
        let is_enabled = |section: &str| self.data(section).iter().any(|values| values.bool("enabled"));
        let enabled = WITHOUT_EFFECT.iter().filter(move |(section, _)| is_enabled(section));
        enabled.map(|(section, why)| {
            let text =
                format!("{section}.enabled has no effect: {why}; send line protocol to /write or [[udp]] instead");
            Warning { line: None, text }
        })
    }

    /// The defaults with all paths in one folder.
    fn below(folder: &Path) -> Config {
        let mut config = Config::default();
        for path in [&mut config.replay.dir, &mut config.task.dir, &mut config.storage.boltdb, &mut config.load.dir] {
            let relative = path.strip_prefix("./").unwrap_or(path);
            *path = folder.join(relative).to_string_lossy().into_owned();
        }
        config.top.data_dir = folder.to_string_lossy().into_owned();
        config
    }

    fn below_home(environment: &[(String, String)]) -> Config {
        let variable = environment.iter().find(|(name, value)| name == "HOME" && !value.is_empty());
        let home = home_of_user().or(variable.map(|(_, home)| home.clone()));
        Config::below(&Path::new(home.as_deref().unwrap_or(".")).join(".kapacitor"))
    }

    /// Whether the daemon can work with it, its references resolved.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for slot in self.clone().slots() {
            slot.check().map_err(|why| ConfigError::Invalid { section: slot.name, why })?;
        }
        if self.memory.renew_at > 0 && !self.checkpoint.enabled {
            let why = "renew-at takes [checkpoint] enabled = true: else tasks would begin anew, too".to_string();
            return Err(ConfigError::Invalid { section: "memory", why });
        }
        if self.ingest.durable && !self.checkpoint.enabled {
            let why = "durable needs checkpoints: set enabled = true in [checkpoint]".to_string();
            return Err(ConfigError::Invalid { section: "ingest", why });
        }
        Ok(())
    }

    /// The elements of a section that is data alone; none for other names.
    pub(crate) fn data(&self, section: &str) -> &[Values] {
        self.others.get(section).map_or(&[], Vec::as_slice)
    }

    /// Itself, but with one section of another config. Only for sections that can be changed while the daemon runs.
    pub(crate) fn with_section_of(&self, section: &str, other: &Config) -> Config {
        let mut config = self.clone();
        match section {
            "influxdb" => config.influxdb.clone_from(&other.influxdb),
            "httppost" => config.httppost.clone_from(&other.httppost),
            "smtp" => config.smtp.clone_from(&other.smtp),
            _ => {
                if let (Some(mine), Some(theirs)) = (config.others.get_mut(section), other.others.get(section)) {
                    mine.clone_from(theirs);
                }
            }
        }
        config
    }

    /// Whether the daemon can work with a section of it, its references resolved.
    pub(crate) fn check_section(&self, section: &str) -> Result<(), String> {
        let mut config = self.clone();
        let slots = config.slots();
        slots.iter().find(|slot| slot.name == section).map_or(Ok(()), Slot::check)
    }

    /// As a config file, each key with a comment.
    pub(crate) fn to_toml(&self) -> String {
        write_sample(&mut self.clone().slots())
    }

    /// The config file that comes with a package: all defaults, data below `/var/lib/kapacitor`.
    #[cfg(test)]
    pub(crate) fn sample() -> String {
        Config::below(Path::new("/var/lib/kapacitor")).to_toml()
    }

    /// THE LIST: all sections, in the order of the sample.
    pub(crate) fn slots(&mut self) -> Vec<Slot<'_>> {
        let mut slots = vec![
            Slot::one(&mut self.top),
            Slot::one(&mut self.alert),
            Slot::one(&mut self.http),
            Slot::one(&mut self.replay),
            Slot::one(&mut self.storage),
            Slot::one(&mut self.task),
            Slot::one(&mut self.checkpoint),
            Slot::one(&mut self.memory),
            Slot::array(&mut self.task_limits),
            Slot::array(&mut self.task_shards),
            Slot::one(&mut self.ingest),
            Slot::one(&mut self.load),
            Slot::array(&mut self.influxdb),
            Slot::one(&mut self.logging),
            Slot::one(&mut self.tls),
            Slot::array(&mut self.httppost),
            Slot::one(&mut self.smtp),
            Slot::one(&mut self.reporting),
            Slot::one(&mut self.stats),
            Slot::one(&mut self.udf),
            Slot::one(&mut self.deadman),
        ];
        for (name, elements) in &mut self.others {
            let Some(section) = data_sections().find(|section| section.name == *name) else { continue };
            let slot = section.slot(elements);
            slots.push(if *name == "kubernetes" { slot.implicit_index() } else { slot });
        }
        slots.sort_by_key(|slot| ORDER.iter().position(|name| *name == slot.name).unwrap_or(ORDER.len()));
        slots
    }
}

/// The home that the system's list of users names for the user of this process. It goes before HOME, as in Kapacitor:
/// services often run without that, or with another user's.
fn home_of_user() -> Option<String> {
    let user = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<&str>>());
    let entry = fields.find(|fields| fields.get(2) == Some(&user.as_str()))?;
    entry.get(5).filter(|home| !home.is_empty()).map(|home| home.to_string())
}

/// Variables that are not for the config: those of the programs, of container images and of cluster service discovery.
fn is_for_others(name: &str) -> bool {
    matches!(name, "CONFIG_PATH" | "URL" | "UNSAFE_SSL" | "VERSION" | "PORT")
        || name.starts_with("SERVICE_")
        || name.starts_with("PORT_")
}

#[cfg(test)]
mod tests;
