//! `tcp`: a connection per event, with its JSON and an empty line.

use std::sync::Arc;
use std::time::Duration;

use alert::{BoxFuture, Event, Handler, Kind, OpenError, Outcome};
use declare::{Declaration, Declared, Setting};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const NAME: &str = "tcp";
/// For connecting and sending.
const LIMIT: Duration = Duration::from_secs(30);

/// The kind `tcp`.
pub(crate) fn kind() -> Arc<Kind> {
    Kind::of(NAME, Options::declare, |options: Options, _| {
        if options.address.is_empty() {
            return Err(OpenError::Invalid { kind: NAME, why: "must specify address, host:port".into() });
        }
        Ok(Box::new(Tcp { address: options.address }))
    })
    .method("tcp")
    .build()
}

#[derive(Clone, Default)]
struct Options {
    address: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event as JSON over a TCP connection of its own.")
            .argument("address", "Where to connect to: host:port.", |d| &mut d.address)
            .method("address", "value string", "Where to connect to: host:port.", |d, arguments| {
                d.address = Setting::from_argument(&arguments[0])?;
                Ok(())
            })
            .hidden()
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).tcp('localhost:7000')")
    }
}

struct Tcp {
    address: String,
}

impl Handler for Tcp {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let text = event.json() + "\n\n";
            match timeout(LIMIT, send(&self.address, &text)).await {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(why)) => Outcome::retry(format!("{}: {why}", self.address)),
                Err(_) => Outcome::retry(format!("{}: no connection within {}s", self.address, LIMIT.as_secs())),
            }
        })
    }

    fn at_once(&self) -> usize {
        4
    }
}

async fn send(address: &str, text: &str) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(text.as_bytes()).await?;
    connection.shutdown().await
}

#[cfg(test)]
mod tests {
    use alert::Level;
    use serde_json::json;

    use super::*;
    use crate::testing::{TcpSink, event, host, send};

    #[test]
    fn each_event_has_a_connection() {
        let sink = TcpSink::start("");
        for level in [Level::Info, Level::Ok] {
            assert_eq!(send(&host(&[]), "tcp", json!({"address": sink.address}), level), Outcome::Done);
            assert_eq!(sink.next(), event(level).json() + "\n\n");
        }
        let refused = send(&host(&[]), "tcp", json!({"address": "127.0.0.1:1"}), Level::Info);
        assert!(matches!(refused, Outcome::Retry { .. }), "{refused:?}");
    }
}
