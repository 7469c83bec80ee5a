//! How bad an event is.

use std::fmt;
use std::str::FromStr;

/// The level of an alert, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    #[default]
    Ok,
    Info,
    Warning,
    Critical,
}

impl model::Save for Level {
    fn save(&self, out: &mut model::Saver<'_>) {
        out.byte(*self as u8);
    }

    fn restore(from: &mut model::Saved<'_>) -> Result<Level, model::Damaged> {
        Level::ALL.get(usize::from(from.byte()?)).copied().ok_or(model::Damaged("a level is unknown"))
    }
}

impl Level {
    /// From good to bad.
    pub const ALL: [Level; 4] = [Level::Ok, Level::Info, Level::Warning, Level::Critical];

    /// As users read it: `OK`, `INFO`, `WARNING`, `CRITICAL`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Ok => "OK",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown alert level '{0}', levels are OK, INFO, WARNING and CRITICAL")]
pub struct UnknownLevel(pub String);

/// Any case is fine; a beginning of the name is enough, as `min-level=warn` has always been taken.
impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let upper = text.to_uppercase();
        let named = Level::ALL.into_iter().find(|level| level.name().starts_with(upper.as_str()));
        named.ok_or(UnknownLevel(upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_read_in_any_case() {
        assert!(Level::Ok < Level::Info && Level::Warning < Level::Critical);
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.to_string().to_lowercase().parse(), Ok(level));
        }
        assert_eq!("WARN".parse(), Ok(Level::Warning));
        assert_eq!("".parse(), Ok(Level::Ok));
        assert_eq!("bad".parse::<Level>(), Err(UnknownLevel("BAD".into())));
    }
}
