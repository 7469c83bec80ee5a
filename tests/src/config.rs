//! The part of a case's config that alert handlers and `|httpPost` read; what it does not say is as in the sample config.

use std::{collections::BTreeMap, fs, path::Path};

use engine::HttpEndpoint;
use handlers::Configs;
use serde_json::{Map, Value as Json};

/// The sections that the handlers played here read.
const SECTIONS: [&str; 17] = [
    "alerta",
    "bigpanda",
    "discord",
    "hipchat",
    "httppost",
    "opsgenie",
    "opsgenie2",
    "pagerduty",
    "pagerduty2",
    "pushover",
    "servicenow",
    "slack",
    "talk",
    "teams",
    "telegram",
    "victorops",
    "zenoss",
];

/// The elements of each section by its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config(BTreeMap<String, Vec<Map<String, Json>>>);

impl Config {
    /// Why a config cannot be played here.
    pub(crate) fn why_not(text: &str) -> Option<String> {
        match text.parse::<toml::Table>() {
            Err(_) => Some("its config cannot be read here".to_string()),
            Ok(table) => {
                let other = table.keys().find(|name| !SECTIONS.contains(&name.as_str()));
                other.map(|name| format!("it needs a daemon with a section [{name}]"))
            }
        }
    }

    /// From the text of a config, its placeholders filled in.
    pub(crate) fn parse(text: &str) -> Result<Config, String> {
        let given: toml::Table = text.parse().map_err(|why: toml::de::Error| why.to_string())?;
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc/kapacitor/kapacitor.conf");
        let sample = fs::read_to_string(&sample).map_err(|why| format!("{}: {why}", sample.display()))?;
        let sample: toml::Table = sample.parse().map_err(|why: toml::de::Error| why.to_string())?;
        let sections = given.iter().map(|(name, section)| {
            // Where there may be several elements, each begins empty.
            let defaults = sample.get(name).filter(|section| !section.is_array()).map(elements).unwrap_or_default();
            let defaults = defaults.into_iter().next().unwrap_or_default();
            let made = elements(section).into_iter().map(|element| {
                let mut made = defaults.clone();
                made.extend(element);
                made
            });
            (name.clone(), made.collect())
        });
        Ok(Config(sections.collect()))
    }

    /// As the handlers read it.
    pub(crate) fn configs(&self) -> Configs {
        self.0.iter().fold(Configs::default(), |configs, (name, elements)| configs.with(name, elements.clone()))
    }

    /// A named endpoint, for `|httpPost`.
    pub(crate) fn endpoint(&self, name: &str) -> Option<HttpEndpoint> {
        let section = self.0.get("httppost")?.iter().find(|section| text(section, "endpoint") == name)?;
        let template = |key: &str| {
            let file = text(section, &format!("{key}-file"));
            let own = Some(text(section, key)).filter(|own| !own.is_empty());
            own.or_else(|| fs::read_to_string(file).ok())
        };
        let headers = section.get("headers").and_then(Json::as_object).into_iter().flatten();
        let user = text(section, "basic-auth.username");
        Some(HttpEndpoint {
            url: text(section, "url"),
            headers: headers
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string()))
                .collect(),
            basic_auth: (!user.is_empty()).then(|| (user, text(section, "basic-auth.password"))),
            row_template: template("row-template"),
            alert_template: template("alert-template"),
        })
    }
}

fn text(section: &Map<String, Json>, key: &str) -> String {
    section.get(key).and_then(Json::as_str).unwrap_or_default().to_string()
}

/// The elements of a section, values by key; those of tables also by `table.key`.
fn elements(section: &toml::Value) -> Vec<Map<String, Json>> {
    let all = section.as_array().map_or(std::slice::from_ref(section), Vec::as_slice);
    let maps = all.iter().filter_map(|element| serde_json::to_value(element).ok()?.as_object().cloned());
    let with_parts = maps.map(|mut map| {
        let inner = map.iter().filter_map(|(name, value)| Some((name, value.as_object()?)));
        let parts: Vec<(String, Json)> = inner
            .flat_map(|(name, table)| table.iter().map(move |(key, value)| (format!("{name}.{key}"), value.clone())))
            .collect();
        map.extend(parts);
        map
    });
    with_parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_in_the_sample() {
        let config = "[[slack]]\nurl = 'http://a'\n[talk]\nurl = 'http://b'\n[zenoss.severity-map]\nOK = 'x'";
        let config = Config::parse(config).unwrap();
        let (slack, talk) = (&config.0["slack"][0], &config.0["talk"][0]);
        assert_eq!((text(slack, "url"), slack.len()), ("http://a".to_string(), 1));
        assert_eq!((text(talk, "url"), &talk["enabled"]), ("http://b".to_string(), &Json::from(false)));
        assert_eq!(text(&config.0["zenoss"][0], "severity-map.OK"), "x");
        assert!(Config::why_not("[udf]").is_some());
        assert!(Config::why_not("[[slack]]").is_none());
    }

    #[test]
    fn endpoints_have_names() {
        let text = "[[httppost]]\nendpoint = 'a'\nurl = 'http://a'\nbasic-auth = { username = 'u', password = 'p' }";
        let config = Config::parse(text).unwrap();
        let endpoint = config.endpoint("a").unwrap();
        assert_eq!(endpoint.basic_auth, Some(("u".to_string(), "p".to_string())));
        assert_eq!(endpoint.row_template, None);
        assert_eq!(config.endpoint("b"), None);
    }
}
