//! Users: `/users` and what is below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;

/// The path of the list.
pub const PATH: &str = "/kapacitor/v1/users";

/// The fields that a list can be asked for.
pub const FIELDS: &[&str] = &["link", "name", "type", "permissions"];

/// Whether a user may do all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserType {
    #[default]
    Normal,
    Admin,
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct User {
    pub link: Link,
    pub name: String,
    #[serde(rename = "type")]
    pub user_type: UserType,
    /// `none`, `api`, `config_api`, `write_points` or `all`.
    pub permissions: Vec<String>,
}

/// The answer to a GET of the list, when all fields are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserList {
    pub users: Vec<User>,
}

/// The body of a POST or PATCH; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UserOptions {
    pub name: String,
    pub password: Option<String>,
    /// `normal` or `admin`.
    #[serde(rename = "type")]
    pub user_type: Option<String>,
    pub permissions: Option<Vec<String>>,
}
