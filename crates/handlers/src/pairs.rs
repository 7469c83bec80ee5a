//! Properties that are called once for each of their pairs: `.header('X-A', '1').header('X-B', '2')`.

use std::collections::BTreeMap;

use declare::{Argument, Mismatch, SetError, Setting, format_go_duration};
use serde_json::Value as Json;

/// Values by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pairs(pub(crate) BTreeMap<String, Json>);

impl Pairs {
    /// A call in a script, with name and value.
    pub(crate) fn add(&mut self, arguments: &[Argument]) -> Result<(), SetError> {
        if let [name, value] = arguments {
            let value = match Argument::from_argument(value)? {
                // Services get nanoseconds.
                Argument::Duration(nanoseconds) => Json::from(nanoseconds),
                other => other.json(),
            };
            self.0.insert(String::from_argument(name)?, value);
        }
        Ok(())
    }

    /// A call in a script whose value will be a text, a duration such as `1h0m0s`.
    pub(crate) fn add_text(&mut self, arguments: &[Argument]) -> Result<(), SetError> {
        match arguments {
            [name, Argument::Duration(nanoseconds)] => {
                self.add(&[name.clone(), Argument::String(format_go_duration(*nanoseconds))])
            }
            _ => self.add(arguments),
        }
    }

    /// The calls that make it.
    pub(crate) fn calls(&self) -> Vec<Vec<Argument>> {
        let pairs = self.0.iter();
        pairs.filter_map(|(name, value)| Some(vec![name.as_str().into(), Argument::from_json(value).ok()?])).collect()
    }

    pub(crate) fn json(&self) -> Json {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// From an object of any values.
    pub(crate) fn load(&mut self, json: &Json) -> Result<(), Mismatch> {
        self.0 = BTreeMap::from_json(json)?;
        Ok(())
    }

    /// From an object of texts.
    pub(crate) fn load_texts(&mut self, json: &Json) -> Result<(), Mismatch> {
        let texts = BTreeMap::<String, String>::from_json(json)?;
        self.0 = texts.into_iter().map(|(name, text)| (name, Json::from(text))).collect();
        Ok(())
    }

    /// The values that are texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_come_from_calls_and_json() {
        let mut pairs = Pairs::default();
        pairs.add(&["b".into(), Argument::Int(5)]).unwrap();
        pairs.add(&["a".into(), "x".into()]).unwrap();
        pairs.add(&["b".into(), Argument::Bool(true)]).unwrap();
        assert_eq!(pairs.json(), json!({"a": "x", "b": true}));
        let mut durations = Pairs::default();
        durations.add(&["a".into(), Argument::Duration(1_000_000_000)]).unwrap();
        durations.add_text(&["b".into(), Argument::Duration(3_600_000_000_000)]).unwrap();
        assert_eq!(durations.json(), json!({"a": 1_000_000_000, "b": "1h0m0s"}));
        assert_eq!(pairs.calls(), [vec!["a".into(), "x".into()], vec!["b".into(), Argument::Bool(true)]]);
        let mut again = Pairs::default();
        again.load(&pairs.json()).unwrap();
        assert_eq!(again, pairs);
        assert!(again.load_texts(&json!({"a": 1})).is_err());
    }
}
