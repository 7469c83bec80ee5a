//! Subscriptions at InfluxDB: `/subscriptions` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/subscriptions";
/// Drops those that are left over.
pub const PRUNE_PATH: &str = "/kapacitor/v1/subscriptions/prune";

/// Whose a subscription is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// This daemon's.
    Own,
    /// It leads to this daemon, but bears the id of one that is no more: all comes twice.
    LeftOver,
    /// Somebody else's.
    #[default]
    Other,
}

impl Owner {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            Owner::Own => "own",
            Owner::LeftOver => "left-over",
            Owner::Other => "other",
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Subscription {
    /// The InfluxDB, by its name in the config.
    pub cluster: String,
    pub database: String,
    pub retention_policy: String,
    pub name: String,
    /// `ANY` or `ALL`
    pub mode: String,
    /// Without the passwords in them.
    pub destinations: Vec<String>,
    pub owner: Owner,
}

/// The answer to a GET of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SubscriptionList {
    pub subscriptions: Vec<Subscription>,
    /// Clusters whose subscriptions cannot be listed, and why.
    pub errors: Vec<String>,
}

/// The body of `POST /subscriptions/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Prune {
    /// Those to drop, by cluster, database, retention policy and name; all that are left over if there are none here.
    /// What is not left over is never dropped.
    pub subscriptions: Vec<Subscription>,
}
