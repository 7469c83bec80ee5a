//! The network between handlers and the services that they tell: it is slow, refuses, loses answers and parts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alert::BoxFuture;
use disk::testing::Dice;
use handlers::{Answered, Posted};

/// What came to a service: its URL, the event's id, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub url: String,
    pub id: String,
    pub uid: String,
    /// For who looks for a fault: level, time and message.
    pub what: String,
}

impl Arrival {
    fn of(posted: &Posted) -> Arrival {
        let header = |name: &str| posted.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let uid = header("kapacitor-event-id").expect("each request names its event");
        let body: serde_json::Value = serde_json::from_str(&posted.body).expect("the body is JSON");
        let id = body["id"].as_str().expect("the body has the id").to_string();
        let what = format!("{} {} {}", body["level"], body["time"], body["message"]);
        Arrival { url: posted.url.clone(), id, uid, what }
    }
}

#[derive(Default)]
struct State {
    /// How often each event was sent to each service.
    attempts: HashMap<(String, String), u64>,
    arrived: Vec<Arrival>,
    /// Requests that are on their way, by their number.
    under_way: HashMap<u64, Arrival>,
    next: u64,
    /// No request gets to these services.
    away: Vec<String>,
    is_calm: bool,
    /// Requests that a service did not want, ever.
    refused: u64,
}

/// See the module. It outlives the daemon; clones are the same.
#[derive(Clone)]
pub struct Network {
    seed: u64,
    state: Arc<Mutex<State>>,
}

/// What becomes of a request.
enum Fate {
    Arrives(Duration),
    /// The answer is lost, after so long.
    Unanswered(Duration),
    Overloaded,
    NotConnected,
    NotWanted,
}

impl Network {
    pub fn new(seed: u64) -> Network {
        Network { seed, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.is_calm = true;
        state.away.clear();
    }

    /// No request gets to these services from now on, but to the others.
    pub fn part(&self, away: Vec<String>) {
        self.lock().away = away;
    }

    /// The daemon is killed: what is under way arrives, or does not.
    pub fn sender_dies(&self) {
        let mut state = self.lock();
        let mut numbers: Vec<u64> = state.under_way.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(arrival) = state.under_way.remove(&number) else { continue };
            if Dice::new(self.seed ^ number).one_in(2) {
                state.arrived.push(arrival);
            }
        }
    }

    pub fn arrived(&self) -> Vec<Arrival> {
        self.lock().arrived.clone()
    }

    /// How many requests a service did not want.
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// What a request is answered with. It hangs on the event and how often it was sent, not on what else goes on.
    pub fn answer(&self, posted: &Posted) -> BoxFuture<'static, Answered> {
        let arrival = Arrival::of(posted);
        let (fate, number) = {
            let mut state = self.lock();
            let attempts = state.attempts.entry((arrival.url.clone(), arrival.uid.clone())).or_default();
            *attempts += 1;
            let chance = arrival.uid.bytes().chain(arrival.url.bytes()).fold(self.seed + *attempts, |sum, byte| {
                sum.wrapping_mul(0x0100_0000_01B3).rotate_left(7) ^ u64::from(byte)
            });
            let fate = state.fate(&arrival, &mut Dice::new(chance));
            let number = state.next;
            if matches!(fate, Fate::Arrives(_) | Fate::Unanswered(_)) {
                state.under_way.insert(number, arrival);
                state.next += 1;
            }
            (fate, number)
        };
        let network = self.clone();
        Box::pin(async move {
            match fate {
                Fate::Arrives(after) => {
                    tokio::time::sleep(after).await;
                    network.arrive(number);
                    Ok(200)
                }
                Fate::Unanswered(after) => {
                    network.arrive(number);
                    tokio::time::sleep(after).await;
                    Err("the connection was reset".to_string())
                }
                Fate::Overloaded => Ok(503),
                Fate::NotConnected => Err("connection refused".to_string()),
                Fate::NotWanted => Ok(400),
            }
        })
    }

    /// Takes a request at once: what a network without faults does.
    pub fn take(&self, posted: &Posted) -> BoxFuture<'static, Answered> {
        self.lock().arrived.push(Arrival::of(posted));
        Box::pin(std::future::ready(Ok(200)))
    }

    fn arrive(&self, number: u64) {
        let mut state = self.lock();
        let arrival = state.under_way.remove(&number);
        state.arrived.extend(arrival);
    }
}

impl State {
    fn fate(&mut self, arrival: &Arrival, dice: &mut Dice) -> Fate {
        if self.is_calm {
            return Fate::Arrives(Duration::ZERO);
        }
        if self.away.contains(&arrival.url) {
            return Fate::NotConnected;
        }
        match dice.below(40) {
            0..3 => Fate::Unanswered(Duration::from_millis(dice.below(3000))),
            // Longer than handlers wait.
            3 => Fate::Unanswered(Duration::from_secs(100)),
            4..6 => Fate::Overloaded,
            6..8 => Fate::NotConnected,
            8 if dice.one_in(4) => {
                self.refused += 1;
                Fate::NotWanted
            }
            9..15 => Fate::Arrives(Duration::from_millis(dice.below(5000))),
            _ => Fate::Arrives(Duration::from_millis(dice.below(20))),
        }
    }
}
