//! The JSON of each HTTP resource as the daemon and its clients know it, and the client that speaks it.
//!
//! - One file per resource: [`task`], [`template`], [`recording`], [`replay`], [`topic`], [`delivery`], [`silence`], [`service_test`],
//!   [`config`], [`user`], [`storage`], [`system`].
//! - What they share: [`vars`], [`link`], [`error`], [`time`], [`duration`]; [`number`] and [`json`] print as Go does.
//! - Feature `client`: `client`. Feature `yaml`: `yaml`, for task and handler files.
//!
//! Answers are read leniently (a list may carry a few fields only) and written whole.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod delivery;
pub mod duration;
pub mod error;
pub mod json;
pub mod link;
pub mod memory;
pub mod number;
pub mod recording;
pub mod replay;
pub mod service_test;
pub mod silence;
pub mod storage;
pub mod subscription;
pub mod system;
pub mod task;
pub mod template;
pub mod time;
pub mod topic;
pub mod user;
pub mod vars;
#[cfg(feature = "yaml")]
pub mod yaml;

/// The path that all resources are below.
pub const BASE_PATH: &str = "/kapacitor/v1";
/// The path below which logs are, and everything else once more.
pub const PREVIEW_PATH: &str = "/kapacitor/v1preview";

/// Reads null as the default, as Go's JSON does.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}
