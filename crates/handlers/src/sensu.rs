//! `sensu`: results of checks for Sensu's client socket.

use std::sync::Arc;
use std::time::Duration;

use alert::{BoxFuture, Event, Handler, Kind, Level, Outcome};
use declare::{Declaration, Declared};
use gotemplate::Template;
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::pairs::Pairs;
use crate::render::{check_template, render, template};
use crate::{AlertHost, Configs};

const NAME: &str = "sensu";
/// For connecting, sending and the answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The kind `sensu`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let source = template(NAME, "source", &options.source)?;
        Ok(Box::new(Sensu { host: host.clone(), options, source }))
    })
    .method("sensu")
    .ready(|options| check_template("source", &options.source))
    .build()
}

#[derive(Clone, Default)]
struct Options {
    source: String,
    handlers: Vec<String>,
    metadata: Pairs,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a client of Sensu. The alert's id must be of letters, digits and the signs _ . -")
            .property("source", "What the check is about, a template.", |d| &mut d.source)
            .default_text("that of the config")
            .property("handlers", "The handlers of Sensu that get it.", |d| &mut d.handlers)
            .default_text("those of the config")
            .method_json(
                "metadata",
                "key string, value any",
                "More to tell, by name.",
                |d, arguments| d.metadata.add(arguments),
                |d| d.metadata.calls(),
                |d| d.metadata.json(),
                |d, json| d.metadata.load(json),
            )
            .example(
                "stream|from().measurement('cpu')|alert().id('cpu').crit(lambda: TRUE)\
                 .sensu().source('web').handlers('mail')",
            )
    }
}

struct Sensu {
    host: Arc<AlertHost>,
    options: Options,
    source: Template,
}

impl Handler for Sensu {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (address, line) = match self.line(&self.host.configs(), event) {
                Ok(line) => line,
                Err(why) => return Outcome::GiveUp(why),
            };
            match timeout(LIMIT, send(&address, &line)).await {
                Ok(Ok(answer)) if answer.trim() == "ok" => Outcome::Done,
                Ok(Ok(answer)) => Outcome::GiveUp(format!("{address} answered: {}", answer.trim())),
                Ok(Err(why)) => Outcome::retry(format!("{address}: {why}")),
                Err(_) => Outcome::retry(format!("{address}: no answer within {}s", LIMIT.as_secs())),
            }
        })
    }
}

impl Sensu {
    /// Where to, and the line to send.
    fn line(&self, configs: &Configs, event: &Event) -> Result<(String, String), String> {
        let config = configs.enabled(NAME)?;
        let id = &*event.state.id;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if id.is_empty() || !id.chars().all(fits) {
            return Err(format!("the alert's id \"{id}\" must be of letters, digits and the signs _ . - for Sensu"));
        }
        let status = match event.state.level {
            Level::Ok | Level::Info => 0,
            Level::Warning => 1,
            Level::Critical => 2,
        };
        let source = render(&self.source, &event.template_data())?;
        let handlers = config.or_texts(&self.options.handlers, "handlers");
        let mut check: Map<String, Json> = Map::new();
        check.insert("name".into(), id.into());
        check.insert("source".into(), config.or(&source, "source").into());
        check.insert("output".into(), Json::from(&*event.state.message));
        check.insert("status".into(), status.into());
        check.insert("handlers".into(), if handlers.is_empty() { Json::Null } else { handlers.into() });
        for (key, value) in &self.options.metadata.0 {
            check.entry(key).or_insert_with(|| value.clone());
        }
        Ok((config.text("addr").to_string(), Json::Object(check).to_string() + "\n"))
    }
}

async fn send(address: &str, line: &str) -> std::io::Result<String> {
    const LONGEST_ANSWER: u64 = 2000;
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    connection.take(LONGEST_ANSWER).read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{TcpSink, event, host, open, run};

    fn outcome(host: &Arc<AlertHost>, options: Json, id: &str) -> Outcome {
        let mut event = event(Level::Critical);
        event.state.id = id.into();
        let mut handler = open(&crate::kinds(host), "sensu", options).unwrap();
        run(handler.handle(&event))
    }

    #[test]
    fn checks_are_sent_and_answered() {
        let sink = TcpSink::start("ok");
        let section = json!({"enabled": true, "addr": sink.address, "source": "Kapacitor", "handlers": ["h1"]});
        let sensu = host(&[("sensu", section)]);
        let got = |line: String| serde_json::from_str::<Json>(&line).unwrap();
        assert_eq!(outcome(&sensu, json!({}), "svc.web-1"), Outcome::Done);
        assert_eq!(
            got(sink.next()),
            json!({"name": "svc.web-1", "source": "Kapacitor", "output": "svc/web-1 is CRITICAL", "status": 2,
                "handlers": ["h1"]})
        );
        let options = json!({"source": "{{ index .Tags \"host\" }}", "handlers": ["x"],
            "metadata": {"k": "v {{ .Level }}", "n": 3, "status": 99}});
        assert_eq!(outcome(&sensu, options, "svc.web-1"), Outcome::Done);
        assert_eq!(
            got(sink.next()),
            json!({"name": "svc.web-1", "source": "web-1", "output": "svc/web-1 is CRITICAL", "status": 2,
                "handlers": ["x"], "k": "v {{ .Level }}", "n": 3})
        );
        assert!(matches!(outcome(&sensu, json!({}), "svc/web-1"), Outcome::GiveUp(_)));
        let refusing = TcpSink::start("no such check");
        let sensu = host(&[("sensu", json!({"enabled": true, "addr": refusing.address}))]);
        assert!(matches!(outcome(&sensu, json!({}), "svc"), Outcome::GiveUp(_)));
    }
}
