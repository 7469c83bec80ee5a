//! Regexes as scripts write them.

/// What is wrong with the expression of a regex.
pub(crate) fn check(regex: &str) -> Result<(), String> {
    regex::Regex::new(regex).map(drop).map_err(|error| error.to_string())
}
