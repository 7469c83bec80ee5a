//! Who may ask: Basic credentials, `u` and `p` in the query, or a signed token, where the config wants one of them.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::Value;
use store::Store;

use super::answer::{Params, aside};
use crate::{
    config::Config,
    definitions::Refused,
    users::{COST, Users, may},
};

/// The user that subscriptions at InfluxDB write as, with a password that is made at each start.
pub const SUBSCRIBER: &str = "~subscriber";

/// Whether requests must name a user, and how that is checked.
pub struct Auth {
    required: bool,
    /// Without them any name will do.
    users: Option<Arc<Users>>,
    /// What tokens are signed with; empty if none are taken.
    secret: String,
    /// What is below `/debug` needs no user.
    debug_open: bool,
    /// The password of [`SUBSCRIBER`].
    token: String,
}

/// What a request says about who sends it.
enum Credentials {
    User { name: String, password: String },
    Token(String),
}

impl Auth {
    /// # Errors
    /// The system has no randomness.
    pub fn of(config: &Config, store: &Store) -> Result<Auth, Refused> {
        let auth = config.data("auth").iter().find(|values| values.bool("enabled"));
        let cost = |cost: i64| u32::try_from(cost).ok().filter(|cost| (4..=31).contains(cost)).unwrap_or(COST);
        let users = auth.map(|values| Users::new(store, cost(values.int("bcrypt-cost"))));
        Ok(Auth {
            required: config.http.auth_enabled,
            users: users.transpose()?.map(Arc::new),
            secret: config.http.shared_secret.clone(),
            debug_open: config.http.pprof_enabled,
            token: uuid::Uuid::new_v4().simple().to_string(),
        })
    }

    /// The password with which subscriptions must write, if they need one.
    pub fn subscription_token(&self) -> Option<&str> {
        self.required.then_some(self.token.as_str())
    }

    /// The users, if the config wants that there are any.
    pub(super) fn users(&self) -> Option<&Arc<Users>> {
        self.users.as_ref()
    }

    /// The user of a request, if it must name one.
    pub(super) async fn admit(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<String>, Refused> {
        let path = uri.path();
        if !self.required || method == Method::OPTIONS || self.debug_open && path.starts_with("/kapacitor/v1/debug/") {
            return Ok(None);
        }
        let (name, password) = match credentials(uri, headers)? {
            Credentials::User { name, password } => (name, Some(password)),
            Credentials::Token(token) => (self.user_of(&token)?, None),
        };
        if name.is_empty() {
            return Err(unauthorized("username required"));
        }
        if name == SUBSCRIBER {
            return self.admit_subscription(password.as_deref(), path).map(|()| Some(name));
        }
        let Some(users) = self.users.clone() else { return Ok(Some(name)) };
        let (method, path) = (method.clone(), path.to_string());
        aside(move || {
            let found = match password {
                Some(password) => users.check(&name, &password)?,
                // The token was signed by somebody who may name any user that there is.
                None => users.get(&name).ok(),
            };
            let user = found.ok_or_else(|| unauthorized("authorization failed"))?;
            may(&user, &method, &path).map_err(|needed| {
                Refused::new(403, format!("user {name} does not have {needed:?} privilege for API endpoint {path:?}"))
            })?;
            Ok(Some(name))
        })
        .await
    }

    /// Subscriptions may write, and see whether we are there.
    fn admit_subscription(&self, password: Option<&str>, path: &str) -> Result<(), Refused> {
        let given = password.unwrap_or_default().as_bytes();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.token.as_bytes());
        // Signatures are compared, since that takes the same time for all that is wrong.
        let right = ring::hmac::verify(&key, given, ring::hmac::sign(&key, self.token.as_bytes()).as_ref()).is_ok();
        if !right {
            return Err(unauthorized("invalid subscription token"));
        }
        match path {
            "/write" | "/kapacitor/v1/write" | "/ping" | "/kapacitor/v1/ping" => Ok(()),
            _ => Err(Refused::new(403, format!("subscriptions may write only, not ask for {path:?}"))),
        }
    }

    /// The user that a token names.
    fn user_of(&self, token: &str) -> Result<String, Refused> {
        let invalid = |why: &str| unauthorized(format!("invalid token: {why}"));
        let parts: Vec<&str> = token.split('.').collect();
        let [head, claims, signature] = parts[..] else {
            return Err(invalid("token contains an invalid number of segments"));
        };
        let json = |part: &str| decoded(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let Some(head) = json(head) else { return Err(invalid("its header is not JSON in base64")) };
        let Some(claims_json) = json(claims) else { return Err(invalid("its claims are not JSON in base64")) };
        let algorithm = match head["alg"].as_str() {
            Some("HS256") => ring::hmac::HMAC_SHA256,
            Some("HS384") => ring::hmac::HMAC_SHA384,
            Some("HS512") => ring::hmac::HMAC_SHA512,
            other => return Err(invalid(&format!("unexpected signing method {}", other.unwrap_or("of no name")))),
        };
        if self.secret.is_empty() {
            return Err(invalid("tokens are taken only with shared-secret set in [http] of the config"));
        }
        let key = ring::hmac::Key::new(algorithm, self.secret.as_bytes());
        let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
        let right = decoded(signature).is_some_and(|tag| ring::hmac::verify(&key, signed.as_bytes(), &tag).is_ok());
        if !right {
            return Err(invalid("signature is invalid"));
        }
        let now = crate::definitions::now() / 1_000_000_000;
        match claims_json["exp"].as_f64() {
            Some(end) if end <= now as f64 => return Err(invalid("token is expired")),
            Some(_) => {}
            None => return Err(unauthorized("token expiration required")),
        }
        if claims_json["nbf"].as_f64().is_some_and(|start| start > now as f64) {
            return Err(invalid("token is not valid yet"));
        }
        match &claims_json["username"] {
            Value::String(user) => Ok(user.clone()),
            Value::Null => Err(unauthorized("token must contain a username")),
            _ => Err(unauthorized("username in token must be a string")),
        }
    }
}

fn unauthorized(why: impl Into<String>) -> Refused {
    Refused::new(401, why)
}

fn credentials(uri: &Uri, headers: &HeaderMap) -> Result<Credentials, Refused> {
    let params = Params::of(uri.query());
    if !params.get("u").is_empty() && !params.get("p").is_empty() {
        return Ok(Credentials::User { name: params.get("u").to_string(), password: params.get("p").to_string() });
    }
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(Credentials::Token(token.to_string())),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            decoded(pair).and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|pair| {
                let (name, password) = pair.split_once(':')?;
                Some(Credentials::User { name: name.to_string(), password: password.to_string() })
            })
        }
        _ => None,
    };
    given.ok_or_else(|| unauthorized("unable to parse authentication credentials"))
}

/// Base64, in either alphabet, with or without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let mut bits = 0u32;
        for &byte in chunk {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let bytes = match chunk.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let aligned = bits << (6 * (4 - chunk.len()) + 8);
        out.extend_from_slice(&aligned.to_be_bytes()[..bytes]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(secret: &str) -> Auth {
        Auth { required: true, users: None, secret: secret.to_string(), debug_open: true, token: "t".to_string() }
    }

    fn asked(auth: &Auth, path: &str, authorization: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let admitted = runtime.block_on(auth.admit(&Method::GET, &path.parse().unwrap(), &headers));
        admitted.map_err(|refused| refused.text)
    }

    #[test]
    fn without_a_store_any_name_will_do_but_no_name_will_not() {
        let auth = auth("");
        let none = Err("unable to parse authentication credentials".to_string());
        assert_eq!(asked(&auth, "/kapacitor/v1/ping", "Basic Y2hyb25vOnAgdzox"), Ok(Some("chrono".to_string())));
        assert_eq!(asked(&auth, "/write?u=a&p=b%20c", ""), Ok(Some("a".to_string())));
        assert_eq!(asked(&auth, "/kapacitor/v1/ping", ""), none);
        assert_eq!(asked(&auth, "/kapacitor/v1/ping", "Token a:b"), none);
        assert_eq!(asked(&auth, "/kapacitor/v1/ping", "Basic !!!"), none);
        assert_eq!(asked(&auth, "/kapacitor/v1/debug/vars", ""), Ok(None));
        assert_eq!(asked(&auth, "/write?u=~subscriber&p=t", ""), Ok(Some("~subscriber".to_string())));
        assert_eq!(asked(&auth, "/write?u=~subscriber&p=x", ""), Err("invalid subscription token".to_string()));
        assert!(asked(&auth, "/kapacitor/v1/tasks?u=~subscriber&p=t", "").is_err());
        assert_eq!(asked(&auth, "/x", "Basic Onh4"), Err("username required".to_string()));
    }

    #[test]
    fn tokens_are_checked() {
        // {"alg":"HS256","typ":"JWT"} . {"username":"bob","exp":32503680000}, and one without exp; signed with "s3cret"
        let sign = |claims: &str| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"s3cret");
            let signed = format!("{}.{}", base64(br#"{"alg":"HS256","typ":"JWT"}"#), base64(claims.as_bytes()));
            format!("Bearer {signed}.{}", base64(ring::hmac::sign(&key, signed.as_bytes()).as_ref()))
        };
        let good = sign(r#"{"username":"bob","exp":32503680000}"#);
        assert_eq!(asked(&auth("s3cret"), "/x", &good), Ok(Some("bob".to_string())));
        let text = |auth: &Auth, token: &str| asked(auth, "/x", token).unwrap_err();
        assert_eq!(text(&auth("other"), &good), "invalid token: signature is invalid");
        assert!(text(&auth(""), &good).contains("shared-secret"));
        let signed = auth("s3cret");
        assert_eq!(text(&signed, &sign(r#"{"username":"bob"}"#)), "token expiration required");
        assert_eq!(text(&signed, &sign(r#"{"username":"bob","exp":1}"#)), "invalid token: token is expired");
        assert_eq!(text(&signed, &sign(r#"{"exp":32503680000}"#)), "token must contain a username");
        // A token may not say itself that it needs no signature, or one of another kind.
        for algorithm in ["none", "None", "RS256"] {
            let head = base64(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
            let claims = base64(br#"{"username":"bob","exp":32503680000}"#);
            for token in [format!("Bearer {head}.{claims}."), format!("Bearer {head}.{claims}.{}", base64(b"x"))] {
                assert!(text(&signed, &token).contains("unexpected signing method"), "{algorithm}");
            }
        }
        assert!(text(&signed, &sign(r#"{"username":"bob","exp":"32503680000"}"#)).contains("expiration"));
        assert!(
            text(&signed, &sign(r#"{"username":"bob","exp":32503680000,"nbf":32503670000}"#)).contains("not valid yet")
        );
        assert_eq!(text(&signed, "Bearer abc"), "invalid token: token contains an invalid number of segments");
        assert!(text(&signed, "Bearer abc.def.ghi").starts_with("invalid token: "));
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let mut group = [0; 4];
            group[1..=chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes(group);
            for place in 0..=chunk.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
            }
        }
        assert_eq!(decoded(&out).unwrap(), bytes);
        out
    }
}
