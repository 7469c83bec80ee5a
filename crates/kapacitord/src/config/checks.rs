//! What is asked of values in many sections: addresses that can be reached, names that are given.

use declare::Values;

/// Refuses an address that no client can use: one without a scheme or host.
pub(super) fn url(key: &str, text: &str) -> Result<(), String> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(()),
        Ok(_) => Err(format!("{key} {:?} names no host", beginning(text))),
        // The text may be secret, and so may all of a URL but its beginning.
        Err(error) => Err(format!("{key} is no URL: {error}")),
    }
}

/// Scheme and host of a URL.
fn beginning(text: &str) -> String {
    match reqwest::Url::parse(text) {
        Ok(url) => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        Err(_) => String::new(),
    }
}

/// Refuses what is no pattern of tasks' ids.
pub(super) fn task_ids(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("must specify task, the ids that are meant; * for all".to_string());
    }
    if store::pattern::Pattern::new(pattern).is_err() {
        return Err(format!("task {pattern:?} is not a pattern: a bracket or an escape does not close"));
    }
    Ok(())
}

/// Refuses an address that is not of the web.
pub(super) fn web_url(key: &str, text: &str) -> Result<(), String> {
    url(key, text)?;
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(());
    }
    Err(format!("{key} {:?} must start with http:// or https://", beginning(text)))
}

/// Refuses an address that no mail can be sent to: `user@host`, or `A name <user@host>`.
pub(super) fn mail_address(key: &str, text: &str) -> Result<(), String> {
    let address = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((_, address)) => address,
        None => text.trim(),
    };
    let is_good = address.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !address.contains(|c: char| c.is_whitespace() || c == '<' || c == '>');
    if is_good { Ok(()) } else { Err(format!("{key} {text:?} is no email address")) }
}

/// Refuses an empty key, saying what it is needed for.
pub(super) fn required(values: &Values, key: &str) -> Result<(), String> {
    if values.text(key).is_empty() { Err(format!("must specify {key}")) } else { Ok(()) }
}

/// Refuses an enabled element without these keys, and with a URL that is none.
pub(super) fn enabled_needs(values: &Values, keys: &[&str], urls: &[&str]) -> Result<(), String> {
    if !values.bool("enabled") {
        return Ok(());
    }
    keys.iter().try_for_each(|key| required(values, key))?;
    urls.iter().filter(|key| !values.text(key).is_empty()).try_for_each(|key| web_url(key, values.text(key)))
}

/// The port of a `bind-address`; 0 for any that is free.
pub(super) fn port(address: &str) -> Result<u16, String> {
    let Some((_, port)) = address.rsplit_once(':') else {
        return Err(format!("bind-address {address:?} has no port: write host:port, or :port for all interfaces"));
    };
    port.parse().map_err(|_| format!("bind-address {address:?} has no port from 0 to 65535"))
}

/// An address to listen on, with a host: none is all addresses of this machine.
pub(crate) fn socket_address(given: &str) -> String {
    if given.starts_with(':') { format!("0.0.0.0{given}") } else { given.to_string() }
}

/// Accepts everything.
pub(super) fn nothing(_all: &[Values]) -> Result<(), String> {
    Ok(())
}

/// For elements with a `workspace`: all but the default named if there are several, only the default one global.
pub(super) fn workspaces(all: &[Values]) -> Result<(), String> {
    for (index, values) in all.iter().enumerate() {
        let name = values.text("workspace");
        // The default one may stay without a name, as it is before others are added.
        if all.len() > 1 && name.is_empty() && !values.bool("default") {
            return Err("must specify workspace, as there are several".to_string());
        }
        if all[..index].iter().any(|other| other.text("workspace") == name) {
            return Err(format!("workspace {name:?} stands twice"));
        }
        if values.bool("global") && !values.bool("default") {
            return Err(format!("workspace {name:?} is global, but only the default one may be"));
        }
        if values.bool("state-changes-only") && !values.bool("global") {
            return Err(format!("workspace {name:?} has state-changes-only, but only a global one may have it"));
        }
    }
    if all.len() > 1 && !all.iter().any(|values| values.bool("default")) {
        return Err("must mark one workspace with default = true".to_string());
    }
    Ok(())
}

/// For elements with a `name` that must be given once, one of which is the default if there are several.
pub(super) fn named(all: &[Values], keys: &[&str], urls: &[&str]) -> Result<(), String> {
    for (index, values) in all.iter().enumerate() {
        required(values, "name")?;
        enabled_needs(values, keys, urls)?;
        let name = values.text("name");
        if all[..index].iter().any(|other| other.text("name") == name) {
            return Err(format!("name {name:?} stands twice"));
        }
    }
    match all.iter().filter(|values| values.bool("default")).count() {
        0 | 1 => Ok(()),
        _ => Err("only one may be the default".to_string()),
    }
}

/// For elements with an `id` that must be given.
pub(super) fn ids(all: &[Values]) -> Result<(), String> {
    all.iter().try_for_each(|values| required(values, "id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b.c", "A b <a@b>", " a@b "] {
            assert_eq!(mail_address("to", good), Ok(()), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "<a@b"] {
            assert!(mail_address("to", bad).is_err(), "{bad}");
        }
        assert!(web_url("url", "http://localhost:8086").is_ok());
        for bad in ["nonsense://", "nonsense://a", "localhost:8086", "http://"] {
            assert!(web_url("url", bad).is_err(), "{bad}");
        }
    }
}
