//! A value as a script gives it to a node or property, and how it is written in a script.

use std::sync::Arc;

use serde_json::Value as Json;
use tickscript::ast::Expr;

/// A value of a call's argument list, evaluated: variables are replaced, arithmetic is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Bool(bool),
    String(String),
    /// The expression between the slashes.
    Regex(String),
    Star,
    List(Vec<Argument>),
    Lambda(Lambda),
    /// The index of a node of the same pipeline.
    Node(usize),
    /// `"name"` outside of a lambda: nowhere valid, kept so that messages can say so.
    Reference(String),
    /// `time(length, offset)` of a query's groupBy, in nanoseconds.
    Time {
        length: i64,
        offset: i64,
    },
}

/// An expression that is evaluated point by point.
#[derive(Debug, Clone)]
pub struct Lambda {
    pub expr: Arc<Expr>,
    /// The formatted source of the expression, without `lambda:`.
    pub text: String,
}

/// Two lambdas are the same if they are written the same, wherever they stand.
impl PartialEq for Lambda {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Argument {
    /// What it is in a user's words, with the value where that is short: `the string 'x'`.
    pub fn describe(&self) -> String {
        match self {
            Argument::Int(value) => format!("the integer {value}"),
            Argument::Float(_) => format!("the float {}", self.literal()),
            Argument::Duration(nanos) => format!("the duration {}", duration_literal(*nanos)),
            Argument::Bool(_) => format!("the boolean {}", self.literal()),
            Argument::String(value) => format!("the string {}", string_literal(&shorten(value))),
            Argument::Regex(_) => format!("the regular expression {}", shorten(&self.literal())),
            Argument::Star => "*".to_string(),
            Argument::List(_) => "a list".to_string(),
            Argument::Lambda(_) => "a lambda expression".to_string(),
            Argument::Node(_) => "a node".to_string(),
            Argument::Reference(name) => format!("the reference \"{}\"", shorten(name)),
            Argument::Time { .. } => "a call of time()".to_string(),
        }
    }

    /// As it is written in a script. A node is written as its number, which only the pipeline's printer can replace by
    /// a variable's name.
    pub fn literal(&self) -> String {
        match self {
            Argument::Int(value) => value.to_string(),
            Argument::Float(value) => float_literal(*value),
            Argument::Duration(nanos) => duration_literal(*nanos),
            Argument::Bool(true) => "TRUE".to_string(),
            Argument::Bool(false) => "FALSE".to_string(),
            Argument::String(value) => string_literal(value),
            Argument::Regex(text) => format!("/{}/", text.replace('/', "\\/")),
            Argument::Star => "*".to_string(),
            Argument::List(items) => {
                let items: Vec<String> = items.iter().map(Argument::literal).collect();
                format!("[{}]", items.join(", "))
            }
            Argument::Lambda(lambda) => format!("lambda: {}", lambda.text),
            Argument::Node(index) => format!("node{index}"),
            Argument::Reference(name) => format!("\"{}\"", name.replace('"', "\\\"")),
            Argument::Time { length, offset: 0 } => format!("time({})", duration_literal(*length)),
            Argument::Time { length, offset } => {
                format!("time({}, {})", duration_literal(*length), duration_literal(*offset))
            }
        }
    }

    /// As it stands in a pipeline's JSON: durations, regular expressions and lambdas are texts.
    pub fn json(&self) -> Json {
        match self {
            Argument::Int(value) => Json::from(*value),
            Argument::Float(value) => Json::from(*value),
            Argument::Duration(nanos) => Json::from(duration_literal(*nanos)),
            Argument::Bool(value) => Json::from(*value),
            Argument::String(value) | Argument::Regex(value) | Argument::Reference(value) => Json::from(value.clone()),
            Argument::Star => Json::from("*"),
            Argument::List(items) => Json::Array(items.iter().map(Argument::json).collect()),
            Argument::Lambda(lambda) => Json::from(lambda.text.clone()),
            Argument::Node(index) => Json::from(*index),
            Argument::Time { .. } => Json::from(self.literal()),
        }
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Argument::String(text.to_string())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Argument::String(text)
    }
}

/// A string as a script writes it: in single quotes, or in triple ones where a backslash would change its meaning.
pub fn string_literal(text: &str) -> String {
    let backslash_matters = text.contains("\\'") || text.ends_with('\\');
    if backslash_matters && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''{text}'''");
    }
    format!("'{}'", text.replace('\'', "\\'"))
}

/// A duration as a script writes it: one unit, the largest that leaves no fraction. What is below a microsecond cannot
/// be written and is cut.
pub fn duration_literal(nanos: i64) -> String {
    const UNITS: [(i64, &str); 6] = [
        (604_800_000_000_000, "w"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    if nanos == 0 {
        return "0s".to_string();
    }
    for (unit, name) in UNITS {
        if nanos % unit == 0 {
            return format!("{}{name}", nanos / unit);
        }
    }
    format!("{}u", nanos / 1_000)
}

/// Never with an exponent, always with a point: the language knows no other floats.
fn float_literal(value: f64) -> String {
    let text = format!("{value}");
    if text.contains('.') || !value.is_finite() { text } else { format!("{text}.0") }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_string();
    }
    text.chars().take(LONGEST).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_largest_whole_unit() {
        for (nanos, text) in [
            (0, "0s"),
            (10_000_000_000, "10s"),
            (604_800_000_000_000, "1w"),
            (90_000_000_000, "90s"),
            (-3_600_000_000_000, "-1h"),
            (1_500_000, "1500u"),
            (2_000_000, "2ms"),
        ] {
            assert_eq!(duration_literal(nanos), text);
        }
    }

    #[test]
    fn strings_survive_quotes_and_backslashes() {
        assert_eq!(string_literal("it's"), "'it\\'s'");
        assert_eq!(string_literal("C:\\"), "'''C:\\'''");
        assert_eq!(string_literal("a\\d"), "'a\\d'");
    }

    #[test]
    fn floats_have_a_point_and_no_exponent() {
        assert_eq!(Argument::Float(3.0).literal(), "3.0");
        assert_eq!(Argument::Float(1e21).literal(), "1000000000000000000000.0");
        assert_eq!(Argument::Float(0.000_001).literal(), "0.000001");
    }

    #[test]
    fn lists_and_times() {
        let list = Argument::List(vec!["a".into(), Argument::Int(1), Argument::Star, Argument::Bool(true)]);
        assert_eq!(list.literal(), "['a', 1, *, TRUE]");
        assert_eq!(Argument::Time { length: 10_000_000_000, offset: 0 }.literal(), "time(10s)");
    }
}
