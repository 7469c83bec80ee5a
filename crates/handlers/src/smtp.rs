//! `smtp`: an email, `.email()` in scripts.

use std::sync::Arc;

use alert::{Kind, OpenError};
use declare::{Declaration, Declared, Setting};

use crate::AlertHost;
use crate::disabled::Disabled;

const NAME: &str = "smtp";

/// The kind `smtp`. Sending needs a client of SMTP, which is not here yet.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    Kind::of(NAME, Options::declare, move |_: Options, _| {
        if host.configs().enabled(NAME).is_ok() {
            return Err(OpenError::CannotSend { kind: NAME });
        }
        Ok(Box::new(Disabled { host: host.clone(), section: NAME }))
    })
    .method("email")
    .global(move || asked.configs().global(NAME))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    to: Vec<String>,
    to_templates: Vec<String>,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Mail each event. Without any address the config's are used.")
            .variadic("to", "The addresses.", |d| &mut d.to)
            .method("to", "to ...string", "More addresses.", |d, arguments| {
                for address in arguments {
                    d.to.push(Setting::from_argument(address)?);
                }
                Ok(())
            })
            .hidden()
            .appends("toTemplates", "More addresses, as templates.", |d| &mut d.to_templates)
            .key("to-field")
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).email('ops@example.com')")
    }
}
