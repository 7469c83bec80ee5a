//! `[[udp]]`: ports at which points come in as line protocol.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use declare::Values;
use engine::Origin;
use tokio::runtime::Handle;

use crate::{
    config::{self, Config},
    udp::{Bound, Inlet, Listening, Taking},
};

/// Packets that may wait if the config does not say how many.
const WAITING: usize = 1000;

/// Ports that are had, though nobody reads there yet: the system keeps what comes.
pub struct BoundInputs(Vec<(Bound, Taking)>);

/// Ports that are read until the daemon stops.
pub struct UdpInputs(Mutex<Vec<Listening>>);

impl BoundInputs {
    /// # Errors
    /// A port cannot be had.
    pub fn new(config: &Config) -> anyhow::Result<BoundInputs> {
        let enabled = config.data("udp").iter().filter(|values| values.bool("enabled"));
        Ok(BoundInputs(enabled.map(|values| bind(values, config)).collect::<anyhow::Result<_>>()?))
    }

    /// Hand on what comes.
    pub fn start(self, inlet: &Arc<Inlet>) -> UdpInputs {
        let start = |(bound, taking): (Bound, Taking)| {
            tracing::info!(address = %bound.address, database = taking.origin.database, "listening on UDP");
            Listening::start(bound, taking, inlet, &Handle::current())
        };
        UdpInputs(Mutex::new(self.0.into_iter().map(start).collect()))
    }
}

impl UdpInputs {
    pub(crate) fn each(&self, mut look: impl FnMut(&Listening)) {
        self.listening().iter().for_each(&mut look);
    }

    /// Take no more.
    pub fn close(&self) {
        self.listening().clear();
    }

    fn listening(&self) -> MutexGuard<'_, Vec<Listening>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind(values: &Values, config: &Config) -> anyhow::Result<(Bound, Taking)> {
    let address = values.text("bind-address");
    let size = |key: &str| usize::try_from(values.int(key)).unwrap_or_default();
    let retention_policy = match values.text("retention-policy") {
        "" => config.top.default_retention_policy.clone(),
        given => given.to_string(),
    };
    let taking = Taking {
        origin: Origin { database: values.text("database").to_string(), retention_policy },
        waiting: if size("buffer") > 0 { size("buffer") } else { WAITING },
        waiting_key: "buffer in [[udp]]",
    };
    let bound = Bound::new(&config::socket_address(address), size("read-buffer"), &Handle::current());
    let bound = bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "cannot listen on {address} for UDP: the address is in use; stop what uses it or set bind-address in [[udp]]"
        ),
        _ => anyhow!("cannot listen on {address} for UDP (bind-address in [[udp]]): {error}"),
    })?;
    Ok((bound, taking))
}
