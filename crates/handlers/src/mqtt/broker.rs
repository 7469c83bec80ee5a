//! The connection to an MQTT broker: opened with the first message, and anew with the first one after it broke.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alert::Outcome;
use reqwest::Url;
use rumqttc::mqttbytes::QoS;
use rumqttc::{
    AsyncClient, ClientError, ConnectReturnCode, ConnectionError, EventLoop, MqttOptions, PublishOptions,
    TlsConfiguration, Transport,
};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::Section;
use crate::tls::Tls;

/// How long a broker has to take a message.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a connection without messages shows that it lives, in seconds.
const KEEP_ALIVE: u16 = 30;
/// The largest packet that MQTT knows.
const LARGEST: usize = 268_435_455;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) qos: QoS,
    pub(super) retained: bool,
    pub(super) message: Arc<str>,
}

/// An `[[mqtt]]` section and its connection.
pub(crate) struct Broker {
    url: Url,
    client_id: String,
    /// User and password.
    login: Option<(String, String)>,
    tls: Tls,
    link: Mutex<Option<Link>>,
}

/// A connection that was opened; it may have broken since.
#[derive(Clone)]
struct Link {
    client: AsyncClient,
    /// How it ended, once it did.
    end: watch::Receiver<Option<End>>,
}

#[derive(Debug, Clone)]
struct End {
    why: String,
    /// The broker does not want us, and will not want us later.
    refused: bool,
}

impl Broker {
    pub(super) fn of(section: &Section) -> Result<Self, String> {
        let text = |key: &str| section.text(key).to_string();
        let url = text("url");
        let wrong = |why: &dyn std::fmt::Display| format!("url of [[mqtt]] is not valid: {why}");
        let parsed = Url::parse(&url).map_err(|why| wrong(&why))?;
        if scheme(&parsed).is_none() {
            return Err(wrong(&format!("\"{}\" is none of tcp, ssl, ws, wss and unix", parsed.scheme())));
        }
        let name = if text("client-id").is_empty() { text("name") } else { text("client-id") };
        let user = text("username");
        let login = (!user.is_empty()).then(|| (user, text("password")));
        Ok(Broker { url: parsed, client_id: name, login, tls: Tls::of(section), link: Mutex::default() })
    }

    /// Sends a message, and waits until the broker has it as surely as the message wants it.
    pub(super) async fn send(&self, letter: Letter) -> Outcome {
        let place = place(&self.url);
        let retry = |why: &dyn std::fmt::Display| Outcome::retry(format!("{place}: {why}"));
        let mut link = match self.link().await {
            Ok(link) => link,
            Err(why) => return Outcome::GiveUp(format!("{place}: {why}")),
        };
        let outcome = match timeout(LIMIT, publish(&mut link, letter)).await {
            Ok(Ok(())) => return Outcome::Done,
            Ok(Err(end)) if end.refused => Outcome::GiveUp(format!("{place}: {}", end.why)),
            Ok(Err(end)) => retry(&end.why),
            Err(_) => retry(&format!("no answer within {LIMIT:?}")),
        };
        // The next one starts over, unless somebody did already.
        let mut current = self.link.lock().await;
        if current.as_ref().is_some_and(|current| current.end.same_channel(&link.end)) {
            *current = None;
        }
        outcome
    }

    async fn link(&self) -> Result<Link, String> {
        let mut link = self.link.lock().await;
        if let Some(link) = &*link
            && link.end.borrow().is_none()
        {
            return Ok(link.clone());
        }
        let (client, events) = AsyncClient::builder(self.options()?).try_build().map_err(|why| why.to_string())?;
        let (ended, end) = watch::channel(None);
        tokio::spawn(run(events, ended));
        Ok(link.insert(Link { client, end }).clone())
    }

    fn options(&self) -> Result<MqttOptions, String> {
        let tls = || self.tls.client().map(|tls| TlsConfiguration::Rustls(Arc::new(tls)));
        let (id, url) = (self.client_id.as_str(), &self.url);
        let host = url.host_str().unwrap_or("localhost").trim_start_matches('[').trim_end_matches(']');
        let tcp = |port| rumqttc::Broker::tcp(host, url.port().unwrap_or(port));
        let mut options = match scheme(url) {
            Some(Scheme::Tls) => {
                let mut options = MqttOptions::new(id, tcp(8883));
                options.set_transport(Transport::tls_with_config(tls()?));
                options
            }
            Some(Scheme::Ws) => {
                MqttOptions::new(id, rumqttc::Broker::websocket(url.as_str()).map_err(|why| why.to_string())?)
            }
            Some(Scheme::Wss) => {
                MqttOptions::websocket_with_tls_config(id, url.as_str(), tls()?).map_err(|why| why.to_string())?
            }
            Some(Scheme::Unix) => MqttOptions::new(id, rumqttc::Broker::unix(PathBuf::from(url.path()))),
            Some(Scheme::Tcp) | None => MqttOptions::new(id, tcp(1883)),
        };
        options.set_keep_alive(KEEP_ALIVE).set_max_packet_size(LARGEST, LARGEST);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user.clone(), password.clone());
        }
        Ok(options)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scheme {
    Tcp,
    Tls,
    Ws,
    Wss,
    Unix,
}

fn scheme(url: &Url) -> Option<Scheme> {
    Some(match url.scheme() {
        "tcp" | "mqtt" => Scheme::Tcp,
        "ssl" | "tls" | "tcps" | "mqtts" | "mqtt+ssl" => Scheme::Tls,
        "ws" => Scheme::Ws,
        "wss" => Scheme::Wss,
        "unix" => Scheme::Unix,
        _ => return None,
    })
}

/// A URL without what may be secret in it.
fn place(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Drives a connection until it breaks or nobody wants it any more.
async fn run(mut events: EventLoop, ended: watch::Sender<Option<End>>) {
    let why = loop {
        match events.poll().await {
            Ok(_) if ended.is_closed() => return,
            Ok(_) => {}
            Err(why) => break why,
        }
    };
    let refused = match &why {
        ConnectionError::ConnectionRefused(code) => *code != ConnectReturnCode::ServiceUnavailable,
        _ => false,
    };
    ended.send_replace(Some(End { why: why.to_string(), refused }));
}

async fn publish(link: &mut Link, letter: Letter) -> Result<(), End> {
    let options = PublishOptions::new(letter.qos).retain(letter.retained);
    let message = letter.message.as_bytes().to_vec();
    let notice = match link.client.publish_tracked(letter.topic.clone(), message, options).await {
        Ok(notice) => notice,
        Err(ClientError::InvalidRequest(_)) => {
            return Err(End {
                why: format!("\"{}\" is not a topic that one can send to", letter.topic),
                refused: true,
            });
        }
        Err(_) => return Err(how_it_ended(link).await),
    };
    let mut same = link.clone();
    tokio::select! {
        done = notice.wait_completion_async() => match done {
            Ok(()) => Ok(()),
            Err(_) => Err(how_it_ended(link).await),
        },
        end = how_it_ended(&mut same) => Err(end),
    }
}

async fn how_it_ended(link: &mut Link) -> End {
    let gone = || End { why: "the connection was closed".to_string(), refused: false };
    match link.end.wait_for(Option::is_some).await {
        Ok(end) => end.clone().unwrap_or_else(gone),
        Err(_) => gone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::configs;

    fn broker(url: &str) -> Result<Broker, String> {
        Broker::of(&configs(&[("mqtt", json!({"name": "n", "url": url, "username": "u"}))]).all("mqtt")[0])
    }

    #[test]
    fn urls_say_how_to_connect() {
        for (url, port) in [("tcp://h", 1883), ("mqtt://h:99", 99), ("ssl://h", 8883), ("mqtts://h:1", 1)] {
            let options = broker(url).unwrap().options().unwrap();
            assert_eq!(options.broker().tcp_address(), Some(("h", port)), "{url}");
        }
        assert_eq!(broker("tcp://[::1]:1").unwrap().options().unwrap().broker().tcp_address(), Some(("::1", 1)));
        let ws = broker("ws://h:80/mqtt").unwrap().options().unwrap();
        assert_eq!(ws.broker().websocket_url(), Some("ws://h/mqtt"));
        assert!(broker("wss://h/mqtt").unwrap().options().is_ok());
        let unix = broker("unix:///run/mqtt.sock").unwrap().options().unwrap();
        assert_eq!(unix.broker().unix_path(), Some(std::path::Path::new("/run/mqtt.sock")));
        for wrong in ["http://h", "h:1883", "nope"] {
            let why = broker(wrong).err().unwrap();
            assert!(why.starts_with("url of [[mqtt]] is not valid"), "{why}");
        }
    }
}
