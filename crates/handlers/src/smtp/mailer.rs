//! Connections to a mail server: few, and kept for a while, since an alert seldom comes alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use alert::Outcome;
use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Section;
use crate::tls::system_has_authorities;

/// Servers on this port speak TLS from the first byte on, whatever the config says.
const TLS_PORT: u16 = 465;
/// How long a server may take until it is ready for a mail.
const CONNECTING: Duration = Duration::from_secs(30);
/// How long it may take for a mail.
const SENDING: Duration = Duration::from_secs(60);
/// Servers take few connections of one client.
const MOST_CONNECTIONS: usize = 4;

/// The mail server of a section of the config.
pub(super) struct Mailer {
    host: String,
    port: u16,
    tls: TlsParameters,
    /// TLS from the first byte on; else the server is asked for it if it can.
    implicit_tls: bool,
    login: Option<Credentials>,
    /// How long a connection is kept that is not used.
    idle_timeout: Duration,
    places: Semaphore,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// With the times since when; the last is the latest.
    connections: Vec<(AsyncSmtpConnection, Instant)>,
    /// Somebody closes them when their time has come.
    is_watched: bool,
}

/// Why a mail was not taken.
pub(super) enum Failure {
    Server(Error),
    /// It took longer than this.
    Slow(Duration),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        match failure {
            Failure::Server(why) if why.is_permanent() || why.is_client() => Outcome::GiveUp(causes(&why)),
            Failure::Server(why) => Outcome::retry(causes(&why)),
            Failure::Slow(limit) => Outcome::retry(format!("the mail server took longer than {} s", limit.as_secs())),
        }
    }
}

impl Mailer {
    pub(super) fn new(config: &Section) -> Result<Mailer, String> {
        let host = config.text("host").to_string();
        let port = u16::try_from(config.int("port")).unwrap_or_default();
        let store = if system_has_authorities() { CertificateStore::Default } else { CertificateStore::WebpkiRoots };
        let tls = TlsParameters::builder(host.clone())
            .certificate_store(store)
            .dangerous_accept_invalid_certs(config.bool("no-verify"))
            .build()
            .map_err(|why| why.to_string())?;
        let (user, password) = (config.text("username").to_string(), config.text("password").to_string());
        Ok(Mailer {
            host,
            port,
            tls,
            implicit_tls: port == TLS_PORT || config.bool("implicit-tls"),
            login: (!user.is_empty()).then(|| Credentials::new(user, password)),
            idle_timeout: config.duration("idle-timeout"),
            places: Semaphore::new(MOST_CONNECTIONS),
            idle: Mutex::default(),
        })
    }

    pub(super) async fn send(self: &Arc<Self>, mail: &Message) -> Result<(), Failure> {
        let _place = self.places.acquire().await;
        let text = mail.formatted();
        let connection = match self.send_by_kept(mail, &text).await? {
            Some(connection) => connection,
            None => {
                let mut connection = within(CONNECTING, self.connect()).await?;
                within(SENDING, connection.send(mail.envelope(), &text)).await?;
                connection
            }
        };
        self.keep(connection);
        Ok(())
    }

    /// The connection that took the mail. None if there is none, or it is of no use: servers close them when they like.
    async fn send_by_kept(&self, mail: &Message, text: &[u8]) -> Result<Option<AsyncSmtpConnection>, Failure> {
        let kept = self.idle().connections.pop();
        let Some((mut connection, _)) = kept else { return Ok(None) };
        match within(SENDING, connection.send(mail.envelope(), text)).await {
            Ok(_) => Ok(Some(connection)),
            Err(Failure::Server(why)) if !why.is_permanent() && !why.is_client() => {
                tracing::debug!("a connection to the mail server is of no use any more: {}", causes(&why));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (server, me) = ((self.host.as_str(), self.port), ClientId::default());
        let mut connection = match TcpStream::connect(server).await {
            // A text and its end are written one after the other: the end would wait until the text is acknowledged.
            Ok(stream) if !self.implicit_tls && stream.set_nodelay(true).is_ok() => {
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &me).await?
            }
            // What hinders it is told.
            _ => {
                let tls = self.implicit_tls.then(|| self.tls.clone());
                AsyncSmtpConnection::connect_tokio1(server, Some(CONNECTING), &me, tls, None).await?
            }
        };
        if connection.can_starttls() {
            connection.starttls(self.tls.clone(), &me).await?;
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }

    /// Keep a connection for the next mail.
    fn keep(self: &Arc<Self>, connection: AsyncSmtpConnection) {
        let mut idle = self.idle();
        idle.connections.push((connection, Instant::now()));
        if !std::mem::replace(&mut idle.is_watched, true) {
            tokio::spawn(close_in_time(Arc::downgrade(self), self.idle_timeout));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out those that were not used since a time. When the next one's time comes; if there is none, nobody watches.
    fn expired(&self, since: Instant) -> (Vec<AsyncSmtpConnection>, Option<Instant>) {
        let mut idle = self.idle();
        let expired = idle.connections.extract_if(.., |(_, last)| *last <= since).map(|(connection, _)| connection);
        let expired = expired.collect();
        let next = idle.connections.iter().map(|(_, last)| *last).min();
        idle.is_watched = next.is_some();
        (expired, next)
    }
}

async fn close_in_time(mailer: Weak<Mailer>, idle_timeout: Duration) {
    let mut at = Instant::now() + idle_timeout;
    loop {
        sleep_until(at).await;
        let Some(mailer) = mailer.upgrade() else { return };
        let (expired, next) = mailer.expired(Instant::now() - idle_timeout);
        for mut connection in expired {
            let _ = timeout(CONNECTING, connection.quit()).await;
        }
        let Some(next) = next else { return };
        at = next + idle_timeout;
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(Failure::Server),
        Err(_) => Err(Failure::Slow(limit)),
    }
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(why) = cause {
        let more = why.to_string();
        // Some errors say their cause themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = why.source();
    }
    text
}
