//! Which events a silence means: `NAME=VALUE`, and `!=`, `=~`, `!~`.

use regex::Regex;

use super::SilenceError;
use crate::{Event, Level};

/// One condition of a silence.
#[derive(Debug)]
pub(super) struct EventMatcher {
    of: Part,
    /// It must not be so.
    negated: bool,
    test: Test,
}

/// A part of an event.
#[derive(Debug)]
enum Part {
    Id,
    Topic,
    Task,
    Level,
    Tag(String),
}

#[derive(Debug)]
enum Test {
    Equals(String),
    /// Anywhere in the text, as `=~` in scripts.
    Contains(Regex),
}

impl EventMatcher {
    pub(super) fn parse(text: &str) -> Result<EventMatcher, SilenceError> {
        let wrong = |why: String| SilenceError::Matcher { text: text.to_string(), why };
        let shape = || wrong("expected NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX".to_string());
        let at = text.find(['=', '!']).ok_or_else(shape)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let operators = [("!=", true, false), ("!~", true, true), ("=~", false, true), ("=", false, false)];
        let found = operators.iter().find(|(operator, ..)| rest.starts_with(operator)).ok_or_else(shape)?;
        let &(operator, negated, is_regex) = found;
        let value = rest[operator.len()..].trim();
        let of = match name {
            "id" => Part::Id,
            "topic" => Part::Topic,
            "task" => Part::Task,
            "level" => Part::Level,
            _ => match name.strip_prefix("tag.") {
                Some(key) if !key.is_empty() => Part::Tag(key.to_string()),
                _ => return Err(wrong(format!("there is no {name:?}: expected id, topic, task, level or tag.KEY"))),
            },
        };
        let test = match (is_regex, &of) {
            (true, _) => Test::Contains(Regex::new(value).map_err(|why| wrong(why.to_string()))?),
            (false, Part::Level) => {
                let level: Level = value.parse().map_err(|why: crate::UnknownLevel| wrong(why.to_string()))?;
                Test::Equals(level.name().to_string())
            }
            (false, _) => Test::Equals(value.to_string()),
        };
        Ok(EventMatcher { of, negated, test })
    }

    /// A tag that the event lacks counts as empty.
    pub(super) fn fits(&self, event: &Event) -> bool {
        let text = match &self.of {
            Part::Id => &event.state.id,
            Part::Topic => &event.topic,
            Part::Task => &event.data.task_name,
            Part::Level => event.state.level.name(),
            Part::Tag(key) => event.data.tag(key).map_or("", |value| value),
        };
        let fits = match &self.test {
            Test::Equals(value) => text == value,
            Test::Contains(regex) => regex.is_match(text),
        };
        fits != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventData;
    use crate::testing::event;

    #[test]
    fn all_parts_of_an_event_can_be_asked_for() {
        let mut event = event("main:cpu:alert2", "cpu:host=web-1", Level::Warning);
        event.data =
            EventData { task_name: "cpu".into(), tags: vec![("host".into(), "web-1".into())], ..EventData::default() }
                .into();
        for (text, want) in [
            ("topic=main:cpu:alert2", true),
            ("topic=~^main:cpu:", true),
            ("topic!~^main:cpu:", false),
            ("id=cpu:host=web-1", true),
            ("id=~web", true),
            ("task = cpu", true),
            ("task!=cpu", false),
            ("level=warn", true),
            ("level=~^(INFO|WARNING)$", true),
            ("tag.host=web-1", true),
            ("tag.host=~^db", false),
            ("tag.none=", true),
            ("tag.none!=", false),
        ] {
            assert_eq!(EventMatcher::parse(text).unwrap().fits(&event), want, "{text}");
        }
    }
}
