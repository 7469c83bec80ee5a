//! Where a subscription leads.

use super::DatabasePolicy;

/// Knows under which URL we take what is written to a database.
pub trait Destinations: Send + Sync {
    /// The URL for `place`. Called when a subscription is made; may open a port for it.
    fn url(&mut self, place: &DatabasePolicy) -> Result<String, String>;

    /// Whether an existing subscription's URL still leads to us.
    fn leads_here(&self, place: &DatabasePolicy, url: &str) -> bool;

    /// The subscription of `place` was dropped.
    fn dropped(&mut self, _place: &DatabasePolicy) {}
}

/// The same HTTP address for all databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDestination {
    url: String,
}

impl HttpDestination {
    /// `protocol` is `http` or `https`; `path` may be empty.
    pub fn new(protocol: &str, host: &str, port: u16, path: &str) -> HttpDestination {
        // An address of IPv6 stands in brackets.
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let separator = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        HttpDestination { url: format!("{protocol}://{host}:{port}{separator}{path}") }
    }

    /// With a user that writes come from; both are letters, digits and `~` only.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> HttpDestination {
        if let Some((protocol, rest)) = self.url.split_once("://") {
            self.url = format!("{protocol}://{name}:{password}@{rest}");
        }
        self
    }
}

impl Destinations for HttpDestination {
    fn url(&mut self, _place: &DatabasePolicy) -> Result<String, String> {
        Ok(self.url.clone())
    }

    fn leads_here(&self, _place: &DatabasePolicy, url: &str) -> bool {
        url == self.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_an_address() {
        let url = |protocol, host, path| HttpDestination::new(protocol, host, 9092, path).url;
        assert_eq!(url("http", "host", ""), "http://host:9092");
        assert_eq!(url("https", "::1", "a/b"), "https://[::1]:9092/a/b");
        assert_eq!(url("http", "[::1]", "/a"), "http://[::1]:9092/a");
        let with_user = HttpDestination::new("http", "host", 9092, "").with_user("~a", "b");
        assert_eq!(with_user.url, "http://~a:b@host:9092");
    }
}
