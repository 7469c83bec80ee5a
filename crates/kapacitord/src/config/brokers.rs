//! Alerts to message brokers and over SNMP: Kafka, MQTT, traps. Accepted, kept and shown.

use declare::{DataDefault, DataKey, DataSection, Values};

use super::checks::{enabled_needs, required};
use super::keys::{
    ENABLED, INSECURE_SKIP_VERIFY, PASSWORD, SSL_CA, SSL_CERT, SSL_KEY, USERNAME, array, duration, flag, int, one,
    table, text, texts,
};

pub(super) const SECTIONS: &[DataSection] = &[KAFKA, MQTT, SNMPTRAP];

const KAFKA: DataSection = array(
    "kafka",
    1,
    "Alerts to a Kafka cluster.",
    &[
        ENABLED,
        text("id", "default", "The name by which alerts ask for it."),
        texts("brokers", "Hosts and ports of the brokers."),
        duration("timeout", "0s", "How long a write may take; 0s for 10s."),
        int("batch-size", 0, "How many messages are sent at once; 0 for 100."),
        duration(
            "batch-timeout",
            "0s",
            "How long events wait for others to go with them, unless batch-size are there; 0s for not at all.",
        ),
        flag("use-ssl", false, "Whether to speak TLS."),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
        text("sasl-username", "", "The user to be.").env_name("_SASL_USERNAME"),
        text("sasl-password", "", "The user's password.").env_name("_SASL_PASSWORD"),
        table("sasl_extensions", "Extensions of OAUTHBEARER.").env_name("_SASL_EXTENSIONS"),
        text("sasl-mechanism", "", "How to sign in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER.")
            .env_name("_SASL_MECHANISM"),
        DataKey::new("sasl-version", DataDefault::NoInt, "The version of SASL; unset for the newest.")
            .env_name("_SASL_VERSION"),
        text("sasl-gssapi-service-name", "", "Kerberos: the name of the service.")
            .env_name("_SASL_GSSAPI_SERVICE_NAME"),
        text("sasl-gssapi-auth-type", "", "Kerberos: KRB5_USER_AUTH or KRB5_KEYTAB_AUTH.")
            .env_name("_SASL_GSSAPI_AUTH_TYPE"),
        flag("sasl-gssapi-disable-pafxfast", false, "Kerberos: whether FAST is off.")
            .env_name("_SASL_GSSAPI_DISABLE_PAFXFAST"),
        text("sasl-gssapi-kerberos-config-path", "", "Kerberos: the path of krb5.conf.")
            .env_name("_SASL_GSSAPI_KERBEROS_CONFIG_PATH"),
        text("sasl-gssapi-key-tab-path", "", "Kerberos: the path of the key table.")
            .env_name("_SASL_GSSAPI_KEY_TAB_PATH"),
        text("sasl-gssapi-realm", "", "Kerberos: the realm.").env_name("_SASL_GSSAPI_REALM"),
        text("sasl-oauth-service", "", "OAuth: a known service instead of a token address.")
            .env_name("_SASL_OAUTH_SERVICE"),
        text("sasl-oauth-client-id", "", "OAuth: the client's id.").env_name("_SASL_OAUTH_CLIENT_ID"),
        text("sasl-oauth-client-secret", "", "OAuth: the client's secret.").env_name("_SASL_OAUTH_CLIENT_SECRET"),
        text("sasl-oauth-token-url", "", "OAuth: where tokens are fetched.").env_name("_SASL_OAUTH_TOKEN_URL"),
        texts("sasl-oauth-scopes", "OAuth: the scopes to ask for.").env_name("_SASL_OAUTH_SCOPES"),
        table("sasl-oauth-parameters", "OAuth: more parameters of the request.").env_name("_SASL_OAUTH_PARAMETERS"),
        duration("sasl-oauth-token-expiry-margin", "10s", "OAuth: how long before its end a token is renewed.")
            .env_name("_SASL_OAUTH_TOKEN_EXPIRY_MARGIN"),
        text("sasl-access-token", "", "OAuth: a token that does not change.").env_name("_SASL_ACCESS_TOKEN"),
        text("sasl-oauth-tenant-id", "", "OAuth: the tenant, where the service has such.")
            .env_name("_SASL_OAUTH_TENANT_ID"),
    ],
    |all| {
        for values in all.iter().filter(|values| values.bool("enabled")) {
            required(values, "id")?;
            if values.texts("brokers").is_empty() {
                return Err(format!("id {:?} must have at least one of brokers", values.text("id")));
            }
        }
        Ok(())
    },
);

const MQTT: DataSection = array(
    "mqtt",
    1,
    "Alerts to an MQTT broker.",
    &[
        ENABLED,
        text("name", "default", "The name by which alerts ask for it."),
        flag("default", false, "Whether alerts that name no broker go here."),
        text("url", "", "The broker's address, such as tcp://localhost:1883."),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
        text("client-id", "", "The name under which to sign in; empty for name."),
        USERNAME,
        PASSWORD,
    ],
    check_mqtt,
);

const SNMPTRAP: DataSection = one(
    "snmptrap",
    "Alerts as SNMP traps.",
    &[
        ENABLED,
        text("addr", "localhost:162", "Host and port to send them to."),
        text("community", "kapacitor", "The community.").secret(),
        int("retries", 1, "How often a trap is sent again."),
    ],
    |all| all.iter().try_for_each(|values| enabled_needs(values, &["addr"], &[])),
);

fn check_mqtt(all: &[Values]) -> Result<(), String> {
    for values in all {
        required(values, "name")?;
        enabled_needs(values, &["url"], &[])?;
    }
    match all.iter().filter(|values| values.bool("default")).count() {
        0 if all.len() > 1 => Err("must mark one broker with default = true".to_string()),
        0 | 1 => Ok(()),
        _ => Err("only one broker may be the default".to_string()),
    }
}
