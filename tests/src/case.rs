//! A case as it lies in its folder: what is done (`case.toml`) and what came of it (`expected.json`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    config::Config,
    step::{self, Step},
};

/// A case cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct CaseError {
    pub path: PathBuf,
    pub why: String,
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Its folder below the root of all cases: `window/tumbling`.
    pub name: String,
    pub folder: PathBuf,
    pub(crate) spec: Spec,
    pub(crate) steps: Vec<Step>,
    pub(crate) expected: Json,
}

/// `case.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct Spec {
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) order: Order,
    /// Patterns, and what each is replaced by before texts are compared.
    #[serde(default)]
    pub(crate) blank: Vec<(String, String)>,
    /// Differences that do not count.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// There is an InfluxDB.
    #[serde(default)]
    influxdb: bool,
    #[serde(default)]
    pub(crate) queries: Queries,
    /// The config of its daemon, besides the usual.
    #[serde(default)]
    pub(crate) config: String,
    #[serde(default)]
    env: toml::Table,
    #[serde(default)]
    step: Vec<toml::Table>,
    /// What a daemon of its own is set up with.
    #[serde(flatten)]
    pub(crate) rest: toml::Table,
}

/// How far the order of what came out counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    Total,
    /// Within a group: an alert's id, or a series.
    #[default]
    Group,
    None,
}

/// Whether the queries that were asked are compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Queries {
    All(bool),
    /// `"shape"`: without their times and how often each was asked.
    Shape(String),
}

impl Default for Queries {
    fn default() -> Self {
        Queries::All(false)
    }
}

impl Case {
    /// Read the case in a folder below `root`.
    ///
    /// # Errors
    /// A file is missing or is not what it should be.
    pub fn load(root: &Path, folder: &Path) -> Result<Case, CaseError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|why| CaseError { path, why: why.to_string() })
        };
        let wrong = |name: &str, why: String| CaseError { path: folder.join(name), why };
        let spec: Spec = toml::from_str(&read("case.toml")?).map_err(|why| wrong("case.toml", why.to_string()))?;
        let steps = spec.step.iter().map(step::parse).collect();
        let mut expected =
            serde_json::from_str(&read("expected.json")?).map_err(|why| wrong("expected.json", why.to_string()))?;
        let name = folder.strip_prefix(root).unwrap_or(folder).display().to_string();
        crate::known::deviate(&name, &mut expected)?;
        Ok(Case { name, folder: folder.to_path_buf(), spec, steps, expected })
    }

    /// What the case shows.
    pub fn about(&self) -> &str {
        &self.spec.about
    }

    /// Whether some of its steps are left to the daemon, so that it may pass here and fail there.
    pub fn is_part(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::LeftOut))
    }

    /// Whether its tasks find an InfluxDB.
    pub(crate) fn has_influxdb(&self) -> bool {
        self.spec.influxdb || self.folder.join("influx.json").exists()
    }

    /// Why it cannot be played in this process; `None` if it can.
    pub fn why_not(&self) -> Option<String> {
        if let Some(key) = self.spec.rest.keys().next() {
            return Some(format!("it needs a daemon with a {key:?} of its own"));
        }
        if let Some(why) = Config::why_not(&self.spec.config) {
            return Some(why);
        }
        let zone = self.spec.env.get("TZ").and_then(toml::Value::as_str);
        if let Some(name) = self.spec.env.keys().find(|name| *name != "TZ" || zone != Some("UTC")) {
            return Some(format!("it needs a process with {name} in its environment"));
        }
        if let Some(sink) = ["mail", "tcp"].into_iter().find(|sink| self.expected.get(sink).is_some()) {
            return Some(format!("it sends to a {sink} server"));
        }
        if let Some(why) = crate::blank::Blanks::why_not(&self.spec) {
            return Some(why);
        }
        if !self.steps.iter().any(Step::defines) {
            return Some("it defines no task".to_string());
        }
        let data = self.steps.iter().any(Step::writes) || self.has_influxdb();
        self.steps.iter().find_map(|step| step.why_not(&self.folder, data))
    }
}
