//! Subscriptions by UDP: a port for each database and retention policy, and what comes in there.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use engine::Origin;
use influx::{DatabasePolicy, Destinations};
use tokio::runtime::Handle;

use crate::{
    config::InfluxDb,
    udp::{Bound, Inlet, Listening, Taking},
};

/// See the module.
pub struct UdpDestination {
    host: String,
    /// The address to listen at, without a port.
    bind: String,
    waiting: usize,
    read_buffer: usize,
    inlet: Arc<Inlet>,
    runtime: Handle,
    open: HashMap<DatabasePolicy, Listening>,
}

impl UdpDestination {
    /// `host` is where InfluxDB finds us.
    pub fn new(config: &InfluxDb, host: &str, inlet: Arc<Inlet>, runtime: Handle) -> UdpDestination {
        let size = |value: i64| usize::try_from(value).unwrap_or_default();
        UdpDestination {
            host: host.to_string(),
            bind: config.udp_bind.clone(),
            waiting: size(config.udp_buffer),
            read_buffer: size(config.udp_read_buffer),
            inlet,
            runtime,
            open: HashMap::new(),
        }
    }

    fn url_of(&self, port: u16) -> String {
        let bracketed = self.host.contains(':') && !self.host.starts_with('[');
        if bracketed { format!("udp://[{}]:{port}", self.host) } else { format!("udp://{}:{port}", self.host) }
    }

    fn listen(&self, place: &DatabasePolicy) -> std::io::Result<Listening> {
        let bind = self.bind.rsplit_once(':').map_or(self.bind.as_str(), |(host, _)| host);
        let bind = if bind.is_empty() { "0.0.0.0" } else { bind };
        let bound = Bound::new(&format!("{bind}:0"), self.read_buffer, &self.runtime)?;
        let taking = Taking {
            origin: Origin { database: place.database.clone(), retention_policy: place.policy.clone() },
            waiting: self.waiting,
            waiting_key: "udp-buffer in [[influxdb]]",
        };
        Ok(Listening::start(bound, taking, &self.inlet, &self.runtime))
    }
}

impl Destinations for UdpDestination {
    fn url(&mut self, place: &DatabasePolicy) -> Result<String, String> {
        let port = match self.open.get(place) {
            Some(listening) => listening.address.port(),
            None => {
                let listening = self
                    .listen(place)
                    .map_err(|error| format!("cannot listen for UDP at {:?} (udp-bind): {error}", self.bind))?;
                let port = listening.address.port();
                self.open.insert(place.clone(), listening);
                port
            }
        };
        Ok(self.url_of(port))
    }

    fn leads_here(&self, place: &DatabasePolicy, url: &str) -> bool {
        self.open.get(place).is_some_and(|listening| url == self.url_of(listening.address.port()))
    }

    fn dropped(&mut self, place: &DatabasePolicy) {
        self.open.remove(place);
    }
}

/// Whether nobody on this machine listens at a port for UDP.
pub(crate) fn is_unused(port: u16) -> bool {
    UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], port))).is_ok()
}

#[cfg(test)]
mod tests {
    use model::Schema;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::http::Ingress;

    #[test]
    fn each_place_has_a_port_until_it_is_dropped() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let budget = Arc::new(Semaphore::new(2));
        let inlet = Arc::new(Inlet::new(Schema::new(), Arc::new(Ingress::default()), Arc::clone(&budget)));
        let config = InfluxDb { udp_bind: "127.0.0.1".into(), udp_read_buffer: 100_000, ..InfluxDb::default() };
        let mut udp = UdpDestination::new(&config, "me", Arc::clone(&inlet), runtime.handle().clone());
        let place = |policy: &str| DatabasePolicy { database: "d".to_string(), policy: policy.to_string() };
        let (one, other) = (udp.url(&place("a")).unwrap(), udp.url(&place("b")).unwrap());
        assert_ne!(one, other);
        assert_eq!(udp.url(&place("a")).unwrap(), one);
        assert!(udp.leads_here(&place("a"), &one) && !udp.leads_here(&place("b"), &one));
        let port: u16 = one.strip_prefix("udp://me:").unwrap().parse().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let origin = Origin { database: "d".to_string(), retention_policy: "a".to_string() };
        let points = || inlet.ingress.all().into_iter().map(|(_, _, points)| points).sum::<u64>();
        testkit::wait::until("points by UDP", || {
            client.send_to(b"m v=1 1\nm v=2 2\nbad", ("127.0.0.1", port)).unwrap();
            client.send_to(b"m v=1 1\nm v=2 2\n", ("127.0.0.1", port)).unwrap();
            (points() >= 2).then_some(())
        });
        assert_eq!(*inlet.ingress.all()[0].0, origin);
        // Nobody takes the points of the test, so each packet's share comes back.
        testkit::wait::until("the budget", || (budget.available_permits() == 2).then_some(()));
        udp.dropped(&place("a"));
        assert!(!udp.leads_here(&place("a"), &one));
    }
}
