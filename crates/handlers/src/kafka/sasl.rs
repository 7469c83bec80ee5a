//! How we sign in at a Kafka cluster: with a password, or with a token of OAuth.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::{Credentials, OauthBearerCredentials, SaslConfig};
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Section;
use crate::http::plain_client;
use crate::render::with_path;

/// How a section wants to sign in.
#[derive(Clone)]
pub(super) enum SignIn {
    Password(SaslConfig),
    Token { source: Arc<TokenSource>, extensions: Vec<(String, String)> },
}

/// `None` for no signing in at all.
pub(super) fn of(section: &Section) -> Result<Option<SignIn>, String> {
    let (user, mechanism) = (section.text("sasl-username"), section.text("sasl-mechanism"));
    if user.is_empty() && mechanism.is_empty() {
        return Ok(None);
    }
    if section.json("sasl-version") == 0 {
        return Err("sasl-version = 0 is that of Kafka before 1.0, which is not supported: leave it out".to_string());
    }
    let credentials = || Credentials::new(user.to_string(), section.text("sasl-password").to_string());
    let password = |config| Ok(Some(SignIn::Password(config)));
    match mechanism {
        "" | "PLAIN" => password(SaslConfig::Plain(credentials())),
        "SCRAM-SHA-256" => password(SaslConfig::ScramSha256(credentials())),
        "SCRAM-SHA-512" => password(SaslConfig::ScramSha512(credentials())),
        "OAUTHBEARER" => {
            let source = Arc::new(TokenSource::of(section)?);
            Ok(Some(SignIn::Token { source, extensions: section.table("sasl_extensions") }))
        }
        "GSSAPI" => {
            Err("sasl-mechanism = \"GSSAPI\" (Kerberos) is not supported: use SCRAM-SHA-512, or a certificate \
             with ssl-cert"
                .to_string())
        }
        other => {
            Err(format!("sasl-mechanism = \"{other}\" is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER"))
        }
    }
}

impl SignIn {
    /// What a connection signs in with. A token is fetched first, so that what goes wrong with that is told plainly.
    pub(super) async fn config(&self) -> Result<SaslConfig, String> {
        match self {
            SignIn::Password(config) => Ok(config.clone()),
            SignIn::Token { source, extensions } => {
                source.token().await?;
                let source = source.clone();
                let callback = move || {
                    let source = source.clone();
                    let token: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
                        Box::pin(async move { source.token().await.map_err(Into::into) });
                    token
                };
                let (callback, bearer_kvs) = (Arc::new(callback), extensions.clone());
                Ok(SaslConfig::Oauthbearer(OauthBearerCredentials { callback, authz_id: None, bearer_kvs }))
            }
        }
    }
}

/// Where tokens of OAuth come from.
pub(super) enum TokenSource {
    /// The config.
    Fixed(String),
    /// A server, asked with the client's id and secret.
    Server { request: TokenRequest, last: Mutex<Option<(String, Instant)>> },
}

/// A request for a token, as RFC 6749 has it in section 4.4.
pub(super) struct TokenRequest {
    url: String,
    id: String,
    secret: String,
    /// Scope, and whatever the service wants besides.
    parameters: Vec<(String, String)>,
    /// Id and secret go into the body, and are not tried as user and password first.
    in_body: bool,
    /// How long before its end a token is renewed.
    margin: Duration,
}

impl TokenSource {
    fn of(section: &Section) -> Result<Self, String> {
        let text = |key: &str| section.text(key).to_string();
        let (fixed, service) = (text("sasl-access-token"), text("sasl-oauth-service").to_lowercase());
        let url = text("sasl-oauth-token-url");
        if !fixed.is_empty() {
            if !service.is_empty() || !url.is_empty() {
                return Err("sasl-access-token excludes sasl-oauth-service and sasl-oauth-token-url".to_string());
            }
            return Ok(TokenSource::Fixed(fixed));
        }
        let (id, secret) = (text("sasl-oauth-client-id"), text("sasl-oauth-client-secret"));
        if id.is_empty() || secret.is_empty() {
            return Err("sasl-oauth-client-id and sasl-oauth-client-secret must be set".to_string());
        }
        let mut parameters: BTreeMap<String, String> = section.table("sasl-oauth-parameters").into_iter().collect();
        let url = match service.as_str() {
            "azuread" => {
                let tenant = text("sasl-oauth-tenant-id");
                if tenant.is_empty() || !url.is_empty() {
                    return Err("AzureAD needs sasl-oauth-tenant-id, and no sasl-oauth-token-url".to_string());
                }
                with_path("https://login.microsoftonline.com", &[&tenant, "oauth2", "v2.0", "token"])?
            }
            "auth0" if parameters.get("audience").is_none_or(String::is_empty) => {
                return Err("Auth0 needs audience in sasl-oauth-parameters".to_string());
            }
            "" | "custom" | "auth0" if url.is_empty() => {
                return Err("sasl-oauth-token-url must be set".to_string());
            }
            "" | "custom" | "auth0" => url,
            other => return Err(format!("sasl-oauth-service = \"{other}\" is none of custom, auth0 and azuread")),
        };
        let scopes = section.texts("sasl-oauth-scopes");
        if !scopes.is_empty() {
            parameters.insert("scope".to_string(), scopes.join(" "));
        }
        parameters.insert("grant_type".to_string(), "client_credentials".to_string());
        let request = TokenRequest {
            url,
            id,
            secret,
            parameters: parameters.into_iter().collect(),
            in_body: service == "auth0",
            margin: section.duration("sasl-oauth-token-expiry-margin"),
        };
        Ok(TokenSource::Server { request, last: Mutex::default() })
    }

    /// A token that is good for a while.
    pub(super) async fn token(&self) -> Result<String, String> {
        let (request, last) = match self {
            TokenSource::Fixed(token) => return Ok(token.clone()),
            TokenSource::Server { request, last } => (request, last),
        };
        let mut last = last.lock().await;
        if let Some((token, until)) = &*last
            && *until > Instant::now()
        {
            return Ok(token.clone());
        }
        let (token, lasts) = request.fetch().await?;
        *last = Some((token.clone(), Instant::now() + lasts.saturating_sub(request.margin)));
        Ok(token)
    }
}

impl TokenRequest {
    async fn fetch(&self) -> Result<(String, Duration), String> {
        if !self.in_body
            && let Ok(found) = self.ask(false).await
        {
            return Ok(found);
        }
        self.ask(true).await
    }

    async fn ask(&self, in_body: bool) -> Result<(String, Duration), String> {
        let told = |why: &dyn std::fmt::Display| format!("no token from sasl-oauth-token-url: {why}");
        let client = plain_client(&self.url)?;
        let mut parameters = self.parameters.clone();
        let mut request = client.post(&self.url);
        if in_body {
            parameters.push(("client_id".to_string(), self.id.clone()));
            parameters.push(("client_secret".to_string(), self.secret.clone()));
        } else {
            request = request.basic_auth(&self.id, Some(&self.secret));
        }
        let answer = request.form(&parameters).send().await.map_err(|why| told(&why.without_url()))?;
        let status = answer.status();
        let json: Json = match answer.bytes().await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(why) => return Err(told(&why.without_url())),
        };
        let Some(token) = json["access_token"].as_str().filter(|_| status.is_success()) else {
            let error = json["error"].as_str().unwrap_or("no access_token in the answer");
            return Err(told(&format!("{status}: {error}")));
        };
        // Some write the number as a text; without one it is asked for each time.
        let lasts = json["expires_in"].as_u64().or_else(|| json["expires_in"].as_str()?.parse().ok());
        Ok((token.to_string(), Duration::from_secs(lasts.unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, HttpSink, configs, run};

    fn section(json: Json) -> Section {
        configs(&[("kafka", json)]).all("kafka")[0].clone()
    }

    #[test]
    fn mechanisms_are_known_by_name() {
        assert!(of(&section(json!({}))).unwrap().is_none());
        let config = |mechanism: &str| {
            let json = json!({"sasl-username": "u", "sasl-password": "p", "sasl-mechanism": mechanism});
            of(&section(json)).map(|sign_in| run(sign_in.unwrap().config()).unwrap())
        };
        assert!(matches!(config(""), Ok(SaslConfig::Plain(_))));
        assert!(matches!(config("SCRAM-SHA-256"), Ok(SaslConfig::ScramSha256(_))));
        assert!(matches!(config("SCRAM-SHA-512"), Ok(SaslConfig::ScramSha512(_))));
        for (mechanism, want) in [("GSSAPI", "Kerberos"), ("MD5", "none of PLAIN"), ("OAUTHBEARER", "client-id")] {
            let why = config(mechanism).unwrap_err();
            assert!(why.contains(want), "{why}");
        }
        assert!(of(&section(json!({"sasl-username": "u", "sasl-version": 0}))).is_err());
    }

    #[test]
    fn tokens_are_fetched_and_kept() {
        let token = Answer::code(200).text(r#"{"access_token": "t1", "expires_in": 3600}"#);
        let sink = HttpSink::start(vec![Answer::code(401), token]);
        let source = TokenSource::of(&section(json!({
            "sasl-mechanism": "OAUTHBEARER", "sasl-oauth-client-id": "me", "sasl-oauth-client-secret": "s",
            "sasl-oauth-token-url": sink.url("/token"), "sasl-oauth-scopes": ["a", "b"],
            "sasl-oauth-token-expiry-margin": "10s"})));
        let source = source.unwrap();
        for _ in 0..2 {
            assert_eq!(run(source.token()), Ok("t1".to_string()));
        }
        let got = sink.requests();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].header("authorization"), Some("Basic bWU6cw=="));
        assert_eq!(got[1].body, "grant_type=client_credentials&scope=a+b&client_id=me&client_secret=s");
    }

    #[test]
    fn a_refused_token_does_not_tell_the_secret() {
        let sink = HttpSink::start(vec![Answer::code(401).text(r#"{"error": "invalid_client"}"#)]);
        let source = TokenSource::of(&section(json!({
            "sasl-oauth-service": "auth0", "sasl-oauth-parameters": {"audience": "kafka"},
            "sasl-oauth-client-id": "me", "sasl-oauth-client-secret": "hidden",
            "sasl-oauth-token-url": sink.url("/token?hidden")})));
        let why = run(source.unwrap().token()).unwrap_err();
        assert_eq!(why, "no token from sasl-oauth-token-url: 401 Unauthorized: invalid_client");
    }

    #[test]
    fn services_of_tokens_have_their_needs() {
        let why = |more: Json| {
            let mut json = json!({"sasl-oauth-client-id": "me", "sasl-oauth-client-secret": "s"});
            json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            TokenSource::of(&section(json)).err()
        };
        assert!(why(json!({})).unwrap().contains("sasl-oauth-token-url"));
        assert!(why(json!({"sasl-oauth-service": "auth0"})).unwrap().contains("audience"));
        assert!(why(json!({"sasl-oauth-service": "azuread"})).unwrap().contains("tenant"));
        assert!(why(json!({"sasl-oauth-service": "acme"})).unwrap().contains("none of"));
        assert!(why(json!({"sasl-access-token": "t", "sasl-oauth-service": "auth0"})).unwrap().contains("excludes"));
        assert_eq!(why(json!({"sasl-access-token": "t"})), None);
        assert_eq!(why(json!({"sasl-oauth-service": "AzureAD", "sasl-oauth-tenant-id": "x"})), None);
    }
}
