//! Handlers that post, and services that answer badly or not at all.

use alert::{Level, Outcome};
use serde_json::{Value as Json, json};
use testkit::http::{Answer, Server};

use crate::{World, event, must_give_up, must_retry};

