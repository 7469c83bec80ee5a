//! `smtp`: an email, `.email()` in scripts.

mod mailer;

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, Outcome};
use declare::{Declaration, Declared, Setting};
use gotemplate::{Template, Value};
use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use tracing::warn;

use crate::render::{all_filled_in, check_template, render_all, templates};
use crate::shared::Shared;
use crate::{AlertHost, Section};
use mailer::Mailer;

const NAME: &str = "smtp";

/// The kind `smtp`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let (host, asked) = (host.clone(), host.clone());
    let mailers = Arc::new(Shared::default());
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let to_templates = templates(NAME, "toTemplates", &options.to_templates)?;
        let (host, mailers) = (host.clone(), mailers.clone());
        Ok(Box::new(Smtp { host, to: options.to, to_templates, mailers }) as Box<dyn Handler>)
    })
    .method("email")
    .ready(Options::ready)
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
        it.about("Mail each event: the message is the subject, the details are the body. Without any address the config's are used.")
            .variadic("to", "The addresses, templates.", |d| &mut d.to)
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

impl Options {
    fn ready(&self) -> Result<(), String> {
        self.to.iter().try_for_each(|address| check_template("to", address))?;
        self.to_templates.iter().try_for_each(|address| check_template("toTemplates", address))
    }
}

struct Smtp {
    host: Arc<AlertHost>,
    to: Vec<String>,
    to_templates: Vec<Template>,
    mailers: Arc<Shared<Mailer>>,
}

impl Handler for Smtp {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let configs = self.host.configs();
            let prepared = configs
                .enabled(NAME)
                .and_then(|config| Ok((self.mailers.get(NAME, config, Mailer::new)?, self.mail(config, event)?)));
            let (mailer, mail) = match prepared {
                Ok(prepared) => prepared,
                Err(why) => return Outcome::GiveUp(why),
            };
            self.host.told(match mailer.send(&mail).await {
                Ok(()) => Outcome::Done,
                Err(failure) => failure.into(),
            })
        })
    }
}

impl Smtp {
    fn mail(&self, config: &Section, event: &Event) -> Result<Message, String> {
        let from = config.text("from");
        let from: Mailbox = from.parse().map_err(|why| format!("from = \"{from}\" is no address: {why}"))?;
        // A line break would end the header.
        let subject: String = event.state.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let recipients = self.recipients(config, event)?;
        // The same each time the event is sent, so that mail programs show it once.
        let id = format!("<{}@{}>", event.uid(), from.email.domain());
        let head = Message::builder().from(from).message_id(Some(id));
        let head = recipients.into_iter().fold(head, lettre::message::MessageBuilder::to);
        let body = Body::new_with_encoding(event.state.details.to_string(), ContentTransferEncoding::QuotedPrintable);
        let body = body.map_err(|_| "the details cannot be a mail's body".to_string())?;
        head.subject(subject).header(ContentType::TEXT_HTML).body(body).map_err(|why| why.to_string())
    }

    fn recipients(&self, config: &Section, event: &Event) -> Result<Vec<Mailbox>, String> {
        let mut to = all_filled_in("to", &self.to, event)?;
        to.extend(render_all(&self.to_templates, &template_data(event))?);
        to.retain(|address| !address.is_empty());
        if to.is_empty() {
            to = all_filled_in("to", &config.texts("to"), event)?;
        }
        let mut recipients = Vec::new();
        for address in &to {
            match address.parse() {
                Ok(mailbox) => recipients.push(mailbox),
                // The others get it all the same.
                Err(why) => warn!(handler = NAME, event = %event.state.id, "\"{address}\" is no address: {why}"),
            }
        }
        match (recipients.is_empty(), to.is_empty()) {
            (false, _) => Ok(recipients),
            (true, true) => Err("no recipients: give addresses to email() or set to in [smtp] of the config".into()),
            (true, false) => Err(format!("no recipients: none of \"{}\" is an address", to.join("\", \""))),
        }
    }
}

fn template_data(event: &Event) -> Value {
    let data = &event.data;
    let fields = vec![
        ("Name", data.name.clone().into()),
        ("TaskName", data.task_name.clone().into()),
        ("Category", data.category.clone().into()),
        ("Group", data.group.clone().into()),
        ("Tags", data.template_tags()),
        ("Fields", data.template_fields()),
        ("Recoverable", data.recoverable.into()),
    ];
    Value::structure("alert.EventData", fields)
}

#[cfg(test)]
mod tests {
    use alert::Level;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::testing::{SmtpSink, event, host, open, run, send};

    fn section(sink: &SmtpSink, more: &Json) -> Json {
        let mut section = json!({"enabled": true, "host": "127.0.0.1", "port": sink.port,
            "from": "Kapa <kapacitor@example.test>", "to": ["ops@example.test"]});
        section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        section
    }

    #[test]
    fn events_are_mailed() {
        let sink = SmtpSink::start("250 ok");
        let smtp = host(&[("smtp", section(&sink, &json!({})))]);
        assert_eq!(send(&smtp, "smtp", json!({}), Level::Critical), Outcome::Done);
        let mail = sink.next();
        assert!(mail.contains("MAIL FROM:<kapacitor@example.test>") && mail.contains("RCPT TO:<ops@example.test>"));
        assert!(mail.contains("From: Kapa <kapacitor@example.test>\r\n"), "{mail}");
        assert!(mail.contains("Subject: svc/web-1 is CRITICAL\r\n"), "{mail}");
        assert!(mail.contains("Content-Type: text/html; charset=utf-8\r\n"), "{mail}");
        assert!(mail.contains("\r\n\r\n<b>details</b>"), "{mail}");
        let id = format!("Message-ID: <{}@example.test>\r\n", event(Level::Critical).uid());
        assert!(mail.contains(&id), "{mail}");
        let options = json!({"to": ["a@x.test", "nobody"], "to-field": [
            "{{ index .Tags \"host\" }}@x.test", "{{ index .Tags \"none\" }}"]});
        let mut handler = open(&crate::kinds(&smtp), "smtp", options).unwrap();
        let mut odd = event(Level::Info);
        odd.state.message = "Überlast\r\nBcc: all@x.test".into();
        assert_eq!(run(handler.handle(&odd)), Outcome::Done);
        let mail = sink.next();
        assert!(mail.contains("RCPT TO:<a@x.test>") && mail.contains("RCPT TO:<web-1@x.test>"), "{mail}");
        assert!(!mail.contains("ops@") && !mail.contains("\nBcc:"), "{mail}");
    }

    #[test]
    fn a_storm_of_mails_needs_one_connection() {
        let sink = SmtpSink::start("250 ok");
        let smtp = host(&[("smtp", section(&sink, &json!({"idle-timeout": "10m"})))]);
        let kinds = crate::kinds(&smtp);
        let open = || open(&kinds, "smtp", json!({})).unwrap();
        let (mut one, mut other) = (open(), open());
        run(async {
            for _ in 0..10 {
                assert_eq!(one.handle(&event(Level::Critical)).await, Outcome::Done);
                assert_eq!(other.handle(&event(Level::Info)).await, Outcome::Done);
            }
        });
        let mails: Vec<String> = (0..20).map(|_| sink.next()).collect();
        assert_eq!(mails.iter().filter(|mail| mail.contains("EHLO ")).count(), 1);
        // Its loop has ended, and the connection with it.
        assert_eq!(run(one.handle(&event(Level::Info))), Outcome::Done);
        assert!(sink.next().contains("EHLO "));
    }

    #[test]
    fn refusals_tell_whether_to_try_again() {
        for (answer, again) in [("451 later", true), ("554 never", false)] {
            let sink = SmtpSink::start(answer);
            let outcome = send(&host(&[("smtp", section(&sink, &json!({})))]), "smtp", json!({}), Level::Info);
            assert_eq!(matches!(outcome, Outcome::Retry { .. }), again, "{outcome:?}");
        }
        let gone = json!({"enabled": true, "host": "127.0.0.1", "port": 1, "from": "a@x.test", "to": ["b@x.test"]});
        assert!(matches!(send(&host(&[("smtp", gone)]), "smtp", json!({}), Level::Info), Outcome::Retry { .. }));
        let sink = SmtpSink::start("250 ok");
        let nobody = host(&[("smtp", section(&sink, &json!({"to": null})))]);
        let outcome = send(&nobody, "smtp", json!({}), Level::Info);
        assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains("no recipients")), "{outcome:?}");
    }
}
