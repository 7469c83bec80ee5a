//! A script of the dialect of v0.2 rewritten in today's, its layout and comments kept.

use tickscript::Span;

use super::{DefineError, Diagnostic, Request, Surface, define, dot, interpret::interpret, read::read};

/// A piece of a script and what stands there in today's dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) span: Span,
    pub(super) text: String,
}

impl Edit {
    pub(super) fn new(start: u32, end: u32, text: impl Into<String>) -> Edit {
        Edit { span: Span { start, end }, text: text.into() }
    }
}

/// The script in today's dialect, which describes the same pipeline; one that is of today's dialect comes back as it is.
///
/// # Errors
/// What is wrong with the script, or what cannot be rewritten without its author.
pub fn upgrade(surface: &Surface, text: &str, request: &Request) -> Result<String, DefineError> {
    let before = define(surface, text, request)?;
    let read = read(text);
    let mut edits = interpret(surface, request, &read).edits;
    edits.extend(read.script.statements.iter().filter_map(|statement| {
        let shown = text.get(statement.span.start as usize..statement.span.end as usize)?;
        shown.ends_with(';').then(|| Edit::new(statement.span.end - 1, statement.span.end, ""))
    }));
    let upgraded = apply(text, edits);
    let refused = |message: &str| {
        let place =
            before.warnings.iter().find(|warning| warning.deprecation).map_or(Span::default(), |found| found.span);
        Err(DefineError::new(text, vec![Diagnostic::error(place, message)]))
    };
    match define(surface, &upgraded, request) {
        Ok(after) if after.warnings.iter().any(|warning| warning.deprecation) => {
            refused("a part of the script is still of the old dialect once it is rewritten: rewrite it by hand")
        }
        Ok(after) if dot("t", &before.pipeline) == dot("t", &after.pipeline) => Ok(upgraded),
        Ok(_) => refused("the rewritten script describes another pipeline: rewrite this one by hand"),
        Err(error) => {
            refused(&format!("the rewritten script has errors of its own: rewrite this one by hand: {error}"))
        }
    }
}

/// The text with all edits made; of two that overlap, the one that starts first.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.span.start, u32::MAX - edit.span.end));
    edits.dedup();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let Some(kept) = text.get(at..start) else { continue };
        out.push_str(kept);
        out.push_str(&edit.text);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use alert::Kinds;

    use super::*;

    fn upgraded(text: &str) -> String {
        upgrade(&Surface::new(Kinds::default()), text, &Request::default()).expect("the script can be rewritten")
    }

    #[test]
    fn links_calls_and_quotes_are_rewritten() {
        assert_eq!(
            upgraded(
                "stream\n  .from('cpu')  // all\n  .where(lambda: \"v\" > 1)\n  .window().period(10s).every(10s)\n  .mapReduce(influxql.count(\"v\"))\n  .as(\"n\")\n  .httpOut(\"x\");\n"
            ),
            "stream\n  |from().measurement('cpu')  // all\n  .where(lambda: \"v\" > 1)\n  |window().period(10s).every(10s)\n  |count('v')\n  .as('n')\n  |httpOut('x')\n"
        );
    }

    #[test]
    fn forks_read_from_the_stream() {
        assert_eq!(
            upgraded(
                "stream.fork().measurement('a').httpOut('a')\nvar s = stream.from().measurement('b')\ns.httpOut('b')"
            ),
            "stream|from().measurement('a')|httpOut('a')\nvar s = stream|from().measurement('b')\ns|httpOut('b')"
        );
    }

    #[test]
    fn todays_dialect_stays_as_it_is() {
        let text = "stream|from().measurement( 'a' )|httpOut('x')";
        assert_eq!(upgraded(text), text);
        let mixed = "stream|from().window().period(1s).every(1s)|count('v')|httpOut('x')";
        assert_eq!(upgraded(mixed), mixed.replace(".window", "|window"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let surface = Surface::new(Kinds::default());
        let error = upgrade(&surface, "stream.from().alrt()", &Request::default()).expect_err("there is no alrt");
        assert!(error.to_string().contains("did you mean"), "{error}");
    }
}
