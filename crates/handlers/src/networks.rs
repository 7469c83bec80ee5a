//! Networks that no request over HTTP goes to: `-blacklist-cidrs`.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::{
    ClientBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};

/// What `private` stands for.
const PRIVATE: &str = "0.0.0.0/32,127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::1/128,fe80::/10,\
                       fc00::/7";
/// As many as reqwest follows by itself.
const MOST_REDIRECTIONS: usize = 10;

/// Networks to keep away from; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// Such as `10.0.0.0/8,fc00::/7`, or `private` for all that are nobody's own.
    ///
    /// # Errors
    /// Which of them is no network.
    pub fn parse(text: &str) -> Result<Networks, String> {
        let names = if text == "private" { PRIVATE } else { text };
        let network = |name: &str| {
            let wrong = |_| format!("{name:?} is no network: write one as 10.0.0.0/8, several with commas, or private");
            name.trim().parse::<IpNet>().map_err(wrong)
        };
        names.split(',').map(network).collect::<Result<_, _>>().map(Networks)
    }

    fn check(&self, address: IpAddr) -> Result<(), String> {
        // `::ffff:10.0.0.1` leads to 10.0.0.1.
        let address = address.to_canonical();
        match self.0.iter().find(|network| network.contains(&address)) {
            Some(network) => Err(format!("{address} is in {network}, which -blacklist-cidrs forbids")),
            None => Ok(()),
        }
    }

    /// Whether a request may go to a URL. What its name leads to is seen by the connections themselves.
    ///
    /// # Errors
    /// The network that is forbidden.
    pub fn check_url(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(address),
            // A name is looked at when it is resolved.
            Err(_) => Ok(()),
        }
    }

    /// Connections that keep away from them.
    pub(crate) fn guard(&self, builder: ClientBuilder) -> ClientBuilder {
        if self.0.is_empty() {
            return builder;
        }
        let networks = self.clone();
        let follow = move |attempt: Attempt<'_>| {
            if attempt.previous().len() > MOST_REDIRECTIONS {
                return attempt.error("too many redirections");
            }
            match networks.check_url(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(why) => attempt.error(why),
            }
        };
        builder.dns_resolver(Arc::new(self.clone())).redirect(Policy::custom(follow))
    }
}

impl Resolve for Networks {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            found.iter().try_for_each(|address| networks.check(address.ip()))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(networks: &str, url: &str) -> Result<(), String> {
        Networks::parse(networks).unwrap().check_url(&url.parse().unwrap())
    }

    #[test]
    fn addresses_of_forbidden_networks_are_refused() {
        let why = check("192.168.0.0/16, 10.0.0.0/8", "http://10.1.2.3:80/a").unwrap_err();
        assert_eq!(why, "10.1.2.3 is in 10.0.0.0/8, which -blacklist-cidrs forbids");
        for url in ["http://127.0.0.1/", "http://[::1]:9/", "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/"] {
            assert!(check("private", url).is_err(), "{url}");
        }
        for url in ["http://11.1.2.3/", "http://[2001:db8::1]/", "http://example.com/"] {
            assert_eq!(check("private", url), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["", "10.0.0.0", "10.0.0.0/8,x", "10.0.0.0/33"] {
            let why = Networks::parse(text).unwrap_err();
            assert!(why.contains("is no network"), "{text}: {why}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_at_when_they_are_resolved() {
        let networks = Networks::parse("private").unwrap();
        let why = networks.resolve("localhost".parse().unwrap()).await.err().unwrap().to_string();
        assert!(why.contains("which -blacklist-cidrs forbids"), "{why}");
    }
}
