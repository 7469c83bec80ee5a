//! Stands for a handler whose service the config does not enable: it says so with each event.

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Outcome};

use crate::AlertHost;

pub(crate) struct Disabled {
    pub(crate) host: Arc<AlertHost>,
    pub(crate) section: &'static str,
}

impl Handler for Disabled {
    fn handle<'a>(&'a mut self, _event: &'a Event) -> BoxFuture<'a, Outcome> {
        let outcome = match self.host.configs().enabled(self.section) {
            Ok(_) => Outcome::give_up(format!("enable the task again to use [{}] of the config", self.section)),
            Err(why) => Outcome::GiveUp(why),
        };
        Box::pin(std::future::ready(outcome))
    }
}
