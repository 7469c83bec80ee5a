//! Placeholders of cases: filled in before a case is played, and put back into what came out, with all else that
//! differs from run to run blanked.

use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value as Json};

use crate::case::{Case, Spec};

/// Ports that nobody listens on: what is sent there is recorded.
const PORTS: [(&str, u16); 4] = [("SINK", 18_086), ("TCP", 18_087), ("SMTP", 18_088), ("PORT", 19_092)];
/// Values below these keys change from run to run.
const VOLATILE: [&str; 12] = [
    "created",
    "modified",
    "last-enabled",
    "date",
    "avg_exec_time_ns",
    "throughput",
    "cluster_id",
    "server_id",
    "uptime",
    "version",
    "build",
    "commit",
];
/// ... unless they are one of these.
const STEADY: [&str; 4] = ["", "0001-01-01T00:00:00Z", "string", "number"];

/// The placeholders and patterns of one case while it is played.
pub(crate) struct Blanks {
    fill: Vec<(String, String)>,
    put_back: Vec<(String, String)>,
    patterns: Vec<(Regex, String)>,
    ignore: Vec<Ignored>,
}

/// A difference that does not count.
struct Ignored {
    pattern: Regex,
    /// It is about the place alone, not about what is wanted and got there.
    place_only: bool,
}

/// The port that a placeholder stands for.
pub(crate) fn port(placeholder: &str) -> u16 {
    PORTS.iter().find(|(name, _)| *name == placeholder).map_or(0, |(_, port)| *port)
}

impl Blanks {
    /// `dir` is the folder that the case may write to.
    pub(crate) fn new(case: &Case, dir: &Path) -> Result<Blanks, String> {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [("DIR", dir), ("CASE", case.folder.as_path()), ("GOLDEN", golden)];
        let fill = PORTS
            .iter()
            .map(|(name, port)| (format!("@{name}@"), port.to_string()))
            .chain(folders.iter().map(|(name, path)| (format!("@{name}@"), path.display().to_string())));
        let mut patterns = Vec::new();
        for (name, port) in PORTS {
            patterns.push((made(&format!(r"\b(127\.0\.0\.1|localhost):{port}\b"))?, format!("${{1}}:@{name}@")));
        }
        let uuid = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b";
        patterns.push((made(uuid)?, "<uuid>".to_string()));
        patterns.push((made(r#"(avg_exec_time_ns|throughput)="[^"]*""#)?, "${1}=\"<volatile>\"".to_string()));
        for (pattern, to) in &case.spec.blank {
            patterns.push((made(pattern)?, replacement(to)));
        }
        Ok(Blanks {
            fill: fill.collect(),
            put_back: folders.iter().map(|(name, path)| (path.display().to_string(), format!("@{name}@"))).collect(),
            patterns,
            ignore: case.spec.ignore.iter().map(|pattern| Ignored::new(pattern)).collect::<Result<_, _>>()?,
        })
    }

    /// Why the patterns of a case cannot be used here.
    pub(crate) fn why_not(spec: &Spec) -> Option<String> {
        let blanks = spec.blank.iter().map(|(pattern, _)| made(pattern).map(drop));
        let ignored = spec.ignore.iter().map(|pattern| Ignored::new(pattern).map(drop));
        blanks.chain(ignored).find_map(Result::err)
    }

    /// A text of the case with its placeholders filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.fill.iter().fold(text.to_string(), |text, (name, value)| text.replace(name, value))
    }

    pub(crate) fn blank_text(&self, text: &str) -> String {
        let text = self.put_back.iter().fold(text.to_string(), |text, (value, name)| text.replace(value, name));
        self.patterns.iter().fold(text, |text, (pattern, to)| pattern.replace_all(&text, to.as_str()).into_owned())
    }

    pub(crate) fn blank(&self, value: Json) -> Json {
        self.below("", value)
    }

    fn below(&self, key: &str, value: Json) -> Json {
        let steady = value.is_null() || value.as_str().is_some_and(|text| STEADY.contains(&text));
        if VOLATILE.contains(&key) && !steady {
            return Json::from("<volatile>");
        }
        match value {
            Json::String(text) => Json::String(self.blank_text(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.below("", item)).collect(),
            Json::Object(object) => {
                let items = object.into_iter().map(|(key, value)| {
                    let value = self.below(&key, value);
                    (key, value)
                });
                Json::Object(items.collect::<Map<_, _>>())
            }
            other => other,
        }
    }

    /// Whether a difference, `place: want .., got ..`, does not count.
    pub(crate) fn ignores(&self, difference: &str) -> bool {
        self.ignore.iter().any(|ignored| {
            let place = difference.split_once(": want ").map_or(difference, |(place, _)| place);
            ignored.pattern.is_match(if ignored.place_only { place } else { difference })
        })
    }
}

impl Ignored {
    fn new(pattern: &str) -> Result<Ignored, String> {
        // Python's way to say "in the place alone", which needs to look ahead.
        let place = pattern.strip_prefix("^(?:(?!: want ).)*?");
        Ok(Ignored { pattern: made(place.unwrap_or(pattern))?, place_only: place.is_some() })
    }
}

fn made(pattern: &str) -> Result<Regex, String> {
    Regex::new(&pattern.replace(r"\Z", r"\z")).map_err(|_| format!("the pattern {pattern} is not of this language"))
}

/// Python's `\1` in this language.
fn replacement(text: &str) -> String {
    let text = text.replace('$', "$$");
    (1..=9).fold(text, |text, n| text.replace(&format!("\\{n}"), &format!("${{{n}}}")))
}
