//! In which format a cluster answers InfluxQL: what is asked for, and how what comes is known.

use crate::{Error, Generation};

/// A format of answers to InfluxQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    MessagePack,
    /// Carries neither the difference between texts and numbers, nor empty tags, nor errors of a query under way.
    Csv,
}

impl Format {
    /// The words of the config.
    pub const WORDS: &'static [&'static str] = &["json", "msgpack", "csv"];

    /// The format of a word of the config; none for the empty word.
    ///
    /// # Errors
    /// There is no such format.
    pub fn named(word: &str) -> Result<Option<Format>, Error> {
        match word {
            "" => Ok(None),
            "json" => Ok(Some(Format::Json)),
            "msgpack" => Ok(Some(Format::MessagePack)),
            "csv" => Ok(Some(Format::Csv)),
            _ => {
                let known = "write \"json\", \"msgpack\" or \"csv\"";
                Err(Error::Config(format!("response-format {word:?} is unknown, {known}")))
            }
        }
    }

    /// What is asked for where the user does not say: MessagePack of InfluxDB 1, JSON of all others.
    pub(crate) fn by_default(generation: Generation) -> Format {
        if generation == Generation::One { Format::MessagePack } else { Format::Json }
    }

    /// The header `Accept`, which older servers compare whole.
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::MessagePack => "application/x-msgpack",
            Format::Csv => "application/csv",
        }
    }

    /// That of an answer: not every server gives what it is asked for.
    pub fn of_content_type(content_type: &str) -> Format {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| media_type.eq_ignore_ascii_case(name);
        if is("application/x-msgpack") || is("application/msgpack") {
            Format::MessagePack
        } else if is("text/csv") || is("application/csv") {
            Format::Csv
        } else {
            Format::Json
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_content_types() {
        for word in Format::WORDS {
            let format = Format::named(word).unwrap().unwrap();
            assert_eq!(Format::of_content_type(format.accept()), format);
        }
        assert_eq!(Format::named(""), Ok(None));
        let error = Format::named("xml").unwrap_err().to_string();
        assert!(error.contains("\"json\", \"msgpack\" or \"csv\""), "{error}");
        for (content_type, format) in [
            ("Text/CSV; charset=utf-8", Format::Csv),
            ("application/json; charset=utf-8", Format::Json),
            ("text/plain", Format::Json),
            ("", Format::Json),
        ] {
            assert_eq!(Format::of_content_type(content_type), format, "{content_type}");
        }
    }
}
