//! Regexes that no server would take, found when the query is read rather than when it runs.
//!
//! Only faults that are faults in every dialect are named: the server has the last word.

/// What is wrong with `pattern`, if something certainly is.
pub(crate) fn fault(pattern: &str) -> Option<String> {
    let mut open = 0usize;
    let mut repeatable = false;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                // Between \Q and \E nothing has a meaning.
                Some('Q') => return None,
                Some(_) => repeatable = true,
                None => return Some("trailing backslash at end of expression".to_owned()),
            },
            '[' => {
                if !skip_class(&mut chars) {
                    return Some(format!("missing closing ]: `{pattern}`"));
                }
                repeatable = true;
            }
            '(' => {
                open += 1;
                // What follows `(?` is flags or a name.
                let after = chars.clone().next();
                if after == Some('?') {
                    chars.next();
                }
                repeatable = false;
            }
            ')' if open == 0 => return Some(format!("unexpected ): `{pattern}`")),
            ')' => {
                open -= 1;
                repeatable = true;
            }
            '|' => repeatable = false,
            '*' | '+' | '?' if !repeatable => {
                return Some(format!("missing argument to repetition operator: `{char}`"));
            }
            _ => repeatable = true,
        }
    }
    (open > 0).then(|| format!("missing closing ): `{pattern}`"))
}

/// Skips a class after its `[`; false if it does not end.
fn skip_class(chars: &mut std::str::Chars<'_>) -> bool {
    let mut first = true;
    while let Some(char) = chars.next() {
        match char {
            '^' if first => continue,
            ']' if !first => return true,
            '\\' => {
                chars.next();
            }
            '[' if chars.clone().next() == Some(':') => {
                let rest = chars.as_str();
                if let Some(end) = rest.find(":]") {
                    *chars = rest[end + 2..].chars();
                }
            }
            _ => {}
        }
        first = false;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_cannot_be_right() {
        for bad in ["(a", "a)", "[a", "*a", "a|+", "(?", "a\\", "[]", "(*a)", "[a\\]"] {
            assert!(fault(bad).is_some() || bad == "(?", "{bad}");
        }
        assert!(fault("(?").is_some());
        for good in ["", "^(lo|docker.*)$", "[0-9]+", "[]a]", "[^]a]", "a{2,3}?", "(?i)x", "(?P<n>x)", "[[:alpha:]]+"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for good in ["\\(", "\\Q(\\E", "a**", "x??", "{", "[(]", "a||b", "()", "^*"] {
            assert_eq!(fault(good), None, "{good}");
        }
    }
}
