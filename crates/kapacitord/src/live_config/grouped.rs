//! Options that the config API shows and takes as one object, though their parts have keys of their own in a file.

use std::any::Any;

use declare::{Redacted, Table, parse_go_duration};
use serde_json::{Map, Value as Json};

/// Such an option.
struct Group {
    section: &'static str,
    option: &'static str,
    /// All of it is secret: whether any part is set is shown.
    secret: bool,
    parts: &'static [Part],
}

/// A part: its name in the object, and its key.
struct Part {
    name: &'static str,
    key: &'static str,
    shown: Shown,
}

enum Shown {
    AsIs,
    /// Whether it is set: an empty text, or true.
    Secret,
    /// A duration as nanoseconds.
    Nanos,
}

const fn part(name: &'static str, key: &'static str) -> Part {
    Part { name, key, shown: Shown::AsIs }
}

const fn secret(name: &'static str, key: &'static str) -> Part {
    Part { name, key, shown: Shown::Secret }
}

const GROUPS: &[Group] = &[
    Group {
        section: "httppost",
        option: "basic-auth",
        secret: true,
        parts: &[part("username", "basic-auth.username"), part("password", "basic-auth.password")],
    },
    Group {
        section: "kafka",
        option: "SASLAuth",
        secret: false,
        parts: &[
            part("SASLUsername", "sasl-username"),
            secret("SASLPassword", "sasl-password"),
            part("SASLExtensions", "sasl_extensions"),
            part("SASLMechanism", "sasl-mechanism"),
            part("SASLVersion", "sasl-version"),
            part("SASLGSSAPIServiceName", "sasl-gssapi-service-name"),
            part("SASLGSSAPIAuthType", "sasl-gssapi-auth-type"),
            part("SASLGSSAPIDisablePAFXFAST", "sasl-gssapi-disable-pafxfast"),
            part("SASLGSSAPIKerberosConfigPath", "sasl-gssapi-kerberos-config-path"),
            part("SASLGSSAPIKeyTabPath", "sasl-gssapi-key-tab-path"),
            part("SASLGSSAPIRealm", "sasl-gssapi-realm"),
            part("SASLOAUTHService", "sasl-oauth-service"),
            part("SASLOAUTHClientID", "sasl-oauth-client-id"),
            secret("SASLOAUTHClientSecret", "sasl-oauth-client-secret"),
            part("SASLOAUTHTokenURL", "sasl-oauth-token-url"),
            part("SASLOAUTHScopes", "sasl-oauth-scopes"),
            part("SASLOAUTHParams", "sasl-oauth-parameters"),
            Part { name: "SASLOAUTHExpiryMargin", key: "sasl-oauth-token-expiry-margin", shown: Shown::Nanos },
            secret("SASLAccessToken", "sasl-access-token"),
            part("SASLOAUTHTenant", "sasl-oauth-tenant-id"),
        ],
    },
    Group {
        section: "zenoss",
        option: "severity-map",
        secret: false,
        parts: &[
            part("ok", "severity-map.OK"),
            part("info", "severity-map.Info"),
            part("warning", "severity-map.Warning"),
            part("critical", "severity-map.Critical"),
        ],
    },
];

/// The keys of parts that are secret.
pub(super) fn secrets(section: &str) -> impl Iterator<Item = &'static str> {
    let groups = GROUPS.iter().filter(move |group| group.section == section);
    groups.flat_map(|group| {
        group.parts.iter().filter(|part| group.secret || matches!(part.shown, Shown::Secret)).map(|part| part.key)
    })
}

/// Puts the object in the place of its parts. `json` has all values by key.
pub(super) fn show(section: &str, json: &Map<String, Json>, shown: &mut Redacted) {
    for group in GROUPS.iter().filter(|group| group.section == section) {
        let mut object = Map::new();
        for part in group.parts {
            shown.options.remove(part.key);
            let value = json.get(part.key).cloned().unwrap_or_default();
            let value = match part.shown {
                Shown::AsIs => value,
                Shown::Secret if value.as_str().is_none_or(str::is_empty) => Json::from(""),
                Shown::Secret => Json::Bool(true),
                Shown::Nanos => Json::from(value.as_str().and_then(parse_go_duration).unwrap_or_default()),
            };
            object.insert(part.name.to_string(), value);
        }
        let value = if group.secret {
            shown.redacted.push(group.option.to_string());
            Json::Bool(object.values().any(|value| value.as_str().is_some_and(|text| !text.is_empty())))
        } else {
            Json::Object(object)
        };
        shown.options.insert(group.option.to_string(), value);
    }
}

/// Takes the objects out of the options and sets their parts; those that are not named stay as they are.
pub(super) fn set(
    section: &str,
    table: &Table,
    element: &mut dyn Any,
    options: &mut Map<String, Json>,
) -> Result<(), String> {
    for group in GROUPS.iter().filter(|group| group.section == section) {
        let option = group.option;
        let Some(value) = options.remove(option) else { continue };
        let Json::Object(object) = value else { return Err(format!("{option}: expected an object")) };
        for (name, value) in &object {
            let Some(part) = group.parts.iter().find(|part| part.name.eq_ignore_ascii_case(name)) else {
                return Err(format!("unknown option {name:?} in {option}"));
            };
            // What a secret is shown as, sent back, leaves it as it is.
            if matches!(part.shown, Shown::Secret) && value == &Json::Bool(true) {
                continue;
            }
            table.set_json(element, part.key, value).map_err(|error| format!("{option}: {error}"))?;
        }
    }
    Ok(())
}
