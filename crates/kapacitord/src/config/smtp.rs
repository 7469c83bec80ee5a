//! The mail server that alerts are sent by.

use std::time::Duration;

use declare::{Declaration, Section};

use super::checks;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Smtp {
    pub(crate) enabled: bool,
    pub(crate) host: String,
    pub(crate) port: i64,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) no_verify: bool,
    pub(crate) global: bool,
    pub(crate) state_changes_only: bool,
    pub(crate) from: String,
    pub(crate) to: Option<Vec<String>>,
    pub(crate) to_templates: Option<Vec<String>>,
    pub(crate) idle_timeout: Duration,
    pub(crate) implicit_tls: Option<bool>,
}

impl Default for Smtp {
    fn default() -> Self {
        Smtp {
            enabled: false,
            host: "localhost".into(),
            port: 25,
            username: String::new(),
            password: String::new(),
            no_verify: false,
            global: false,
            state_changes_only: false,
            from: String::new(),
            to: None,
            to_templates: None,
            idle_timeout: Duration::from_secs(30),
            implicit_tls: None,
        }
    }
}

impl Section for Smtp {
    const NAME: &'static str = "smtp";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Alerts by email.")
            .property("enabled", "Whether mail can be sent.", |d| &mut d.enabled)
            .at_run_time()
            .property("host", "The mail server.", |d| &mut d.host)
            .at_run_time()
            .property("port", "Its port.", |d| &mut d.port)
            .at_run_time()
            .property("username", "The user to be; empty for none.", |d| &mut d.username)
            .at_run_time()
            .property("password", "The user's password.", |d| &mut d.password)
            .at_run_time()
            .secret()
            .property("no-verify", "Whether any certificate of the server's will do.", |d| &mut d.no_verify)
            .at_run_time()
            .property("global", "Whether all alerts are mailed, also those that do not ask for it.", |d| &mut d.global)
            .at_run_time()
            .property("state-changes-only", "With global: whether only changes of level are mailed.", |d| {
                &mut d.state_changes_only
            })
            .at_run_time()
            .property("from", "The sender's address.", |d| &mut d.from)
            .at_run_time()
            .property("to", "The addresses of those who get mail if the alert names none.", |d| &mut d.to)
            .at_run_time()
            .property("toTemplates", "More addresses, as templates that the alert fills.", |d| &mut d.to_templates)
            .key("to-templates")
            .at_run_time()
            .property("idle-timeout", "How long an unused connection is kept.", |d| &mut d.idle_timeout)
            .at_run_time()
            .property(
                "implicit-tls",
                "Whether the server speaks TLS from the first byte on, as those on port 465 do in any case; unset: TLS is \
                 used if the server offers it (STARTTLS).",
                |d| &mut d.implicit_tls,
            )
            .ours()
    }

    fn check(&self) -> Result<(), String> {
        if self.host.is_empty() {
            return Err("must specify host".to_string());
        }
        if !(1..=65_535).contains(&self.port) {
            return Err(format!("port {} must be from 1 to 65535", self.port));
        }
        if self.enabled && self.from.is_empty() {
            return Err("must specify from, the sender's address".to_string());
        }
        if !self.from.is_empty() {
            checks::mail_address("from", &self.from)?;
        }
        self.to.iter().flatten().try_for_each(|to| checks::mail_address("to", to))
    }
}
