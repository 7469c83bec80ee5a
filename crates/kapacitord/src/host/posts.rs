//! POSTs of nodes, sent in the background: in order for each node, nodes beside each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::{Answer, HttpRequest};
use handlers::Networks;
use tokio::sync::mpsc;

use super::Mail;

/// Requests that may wait for one node.
const WAITING: usize = 10_000;
/// A node that posts nothing for this long loses its sender.
const IDLE: Duration = Duration::from_secs(30);
/// Without a limit of the node's own.
const TIMEOUT: Duration = Duration::from_secs(60);

type Node = (Arc<str>, usize);
type Queue = mpsc::Sender<(HttpRequest, Mail)>;

pub(super) struct Posts {
    runtime: tokio::runtime::Handle,
    client: reqwest::Client,
    careless: reqwest::Client,
    networks: Networks,
    queues: Mutex<HashMap<Node, Queue>>,
}

impl Posts {
    pub(super) fn new(runtime: tokio::runtime::Handle, networks: &Networks) -> Posts {
        let client = |careless: bool| {
            let builder = handlers::connections(careless, networks).unwrap_or_default();
            builder.connect_timeout(Duration::from_secs(10)).build().unwrap_or_default()
        };
        Posts {
            runtime,
            client: client(false),
            careless: client(true),
            networks: networks.clone(),
            queues: Mutex::default(),
        }
    }

    pub(super) fn send(&self, request: HttpRequest, mail: Mail) {
        let node = mail.node();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(node.clone()).or_insert_with(|| self.start());
        match queue.try_send((request, mail)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed((request, mail))) => {
                let queue = self.start();
                // A fresh queue takes its first request.
                let _ = queue.try_send((request, mail));
                queues.insert(node, queue);
            }
            Err(mpsc::error::TrySendError::Full((_, mail))) => {
                mail.send(Answer::Failed(format!("{WAITING} requests wait already; this one is dropped")));
            }
        }
        if queues.len() > 1000 {
            queues.retain(|_, queue| !queue.is_closed());
        }
    }

    fn start(&self) -> Queue {
        let (send, mut receive) = mpsc::channel::<(HttpRequest, Mail)>(WAITING);
        let (client, careless, networks) = (self.client.clone(), self.careless.clone(), self.networks.clone());
        self.runtime.spawn(async move {
            while let Ok(Some((request, mail))) = tokio::time::timeout(IDLE, receive.recv()).await {
                let client = if request.skip_tls_verification { &careless } else { &client };
                mail.send(post(client, &networks, request).await);
            }
        });
        send
    }
}

async fn post(client: &reqwest::Client, networks: &Networks, request: HttpRequest) -> Answer {
    let timeout = u64::try_from(request.timeout).ok().filter(|&nanos| nanos > 0).map_or(TIMEOUT, Duration::from_nanos);
    let mut sending = client.post(&request.url).timeout(timeout);
    for (name, value) in &request.headers {
        sending = sending.header(name, value);
    }
    if let Some((user, password)) = &request.basic_auth {
        sending = sending.basic_auth(user, Some(password));
    }
    // What is no URL is told by who sends.
    if let Ok(url) = request.url.parse()
        && let Err(why) = networks.check_url(&url)
    {
        return Answer::Failed(why);
    }
    let answer = match sending.body(request.body).send().await {
        Ok(answer) => answer,
        Err(error) => return Answer::Failed(text_of(&error)),
    };
    let status = answer.status().as_u16();
    // The body is read to its end, so that the connection can be used again.
    match answer.text().await {
        Ok(body) => Answer::Http { status, body: if request.wants_body { body } else { String::new() } },
        Err(error) => Answer::Failed(text_of(&error)),
    }
}

/// An error with what caused it: reqwest's own text names the URL alone.
pub(super) fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
