//! Regexes as scripts write them, in the syntax of RE2: `\d`, `\w`, `\s` and `\b` know ASCII only, `{` may stand for
//! itself, `\Q…\E` quotes. They are translated, as the `regex` crate reads some of this differently.

mod class;

use std::str::Chars;

use regex::Regex;
use thiserror::Error;

/// Why an expression is no regex.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("error parsing regexp: {reason}: `{part}`")]
pub struct RegexError {
    pub reason: String,
    /// The part of the expression that is wrong.
    pub part: String,
}

type Result<T> = std::result::Result<T, RegexError>;

/// The most that a counted repetition may ask for.
const MAX_REPEAT: u32 = 1000;

/// Compiles the expression between the slashes of a script's regex, with `\/` already turned into `/`.
pub fn compile_regex(regex: &str) -> Result<Regex> {
    Regex::new(&translate(regex)?).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or(&text).trim_start_matches("error: ");
        wrong(reason, regex)
    })
}

fn wrong(reason: &str, part: &str) -> RegexError {
    RegexError { reason: reason.to_string(), part: part.to_string() }
}

fn translate(regex: &str) -> Result<String> {
    let mut translation = Translation { rest: regex.chars(), out: String::with_capacity(regex.len()) };
    translation.run()?;
    Ok(translation.out)
}

struct Translation<'r> {
    rest: Chars<'r>,
    out: String,
}

impl<'r> Translation<'r> {
    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.peek() {
            let from = self.text();
            match c {
                '\\' if from.starts_with("\\Q") => self.quoted(),
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' if from.starts_with("(?") => self.group()?,
                '*' | '+' | '?' => self.repetition(from, 1)?,
                '{' => match counted(from) {
                    Some(len) => self.repetition(from, len)?,
                    None => self.literal(),
                },
                _ => {
                    self.out.push(c);
                    self.rest.next();
                }
            }
        }
        Ok(())
    }

    fn text(&self) -> &'r str {
        self.rest.as_str()
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Moves over the next `len` bytes.
    fn skip(&mut self, len: usize) -> &'r str {
        let (skipped, rest) = self.text().split_at(len);
        self.rest = rest.chars();
        skipped
    }

    /// The next `len` bytes as they are.
    fn keep(&mut self, len: usize) {
        let kept = self.skip(len);
        self.out.push_str(kept);
    }

    /// The next character for itself.
    fn literal(&mut self) {
        if let Some(c) = self.rest.next() {
            push_literal(&mut self.out, c);
        }
    }

    fn quoted(&mut self) {
        let inner = &self.text()[2..];
        let end = inner.find("\\E");
        inner[..end.unwrap_or(inner.len())].chars().for_each(|c| push_literal(&mut self.out, c));
        self.skip(2 + end.map_or(inner.len(), |end| end + 2));
    }

    /// A repetition, of which `len` bytes are the operator itself.
    fn repetition(&mut self, from: &'r str, len: usize) -> Result<()> {
        let operator = self.skip(len);
        if let Some(counts) = operator.strip_prefix('{') {
            let counts: Vec<_> =
                counts.trim_end_matches('}').split(',').map(|n| n.parse().unwrap_or(u32::MAX)).collect();
            let open = operator.ends_with(",}");
            let (least, most) = (counts[0], if open { counts[0] } else { counts[counts.len() - 1] });
            if least > most || most > MAX_REPEAT {
                return Err(wrong("invalid repeat count", operator));
            }
        }
        self.out.push_str(operator);
        if self.peek() == Some('?') {
            self.keep(1);
        }
        let next = self.text();
        if next.starts_with(['*', '+', '?']) || counted(next).is_some() {
            let end = from.len() - next.len() + counted(next).unwrap_or(1);
            return Err(wrong("invalid nested repetition operator", &from[..end]));
        }
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, or flags, of which only i, m, s and U are known.
    fn group(&mut self) -> Result<()> {
        let text = self.text();
        if text.starts_with("(?P<")
            || (text.starts_with("(?<") && !text.starts_with("(?<=") && !text.starts_with("(?<!"))
        {
            let Some(end) = text.find('>') else { return Err(wrong("invalid named capture", text)) };
            self.keep(end + 1);
            return Ok(());
        }
        let flags = text[2..].find(|c| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')).map(|len| len + 2);
        match flags.map(|end| (end, &text[end..])) {
            Some((end, rest)) if rest.starts_with([':', ')']) => {
                self.keep(end + 1);
                Ok(())
            }
            _ => {
                let len = text.char_indices().nth(flags.unwrap_or(2) + 1).map_or(text.len(), |(i, _)| i);
                Err(wrong("invalid or unsupported Perl syntax", &text[..len]))
            }
        }
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<()> {
        let text = self.text();
        match text[1..].chars().next() {
            Some('A') => self.put(2, "\\A"),
            Some('z') => self.put(2, "\\z"),
            Some('b') => self.put(2, "(?-u:\\b)"),
            Some('B') => self.put(2, "(?-u:\\B)"),
            Some(c) if perl_class(c).is_some() => {
                let (negated, members) = perl_class(c).expect("just seen");
                let class = format!("[{}{members}]", if negated { "^" } else { "" });
                self.put(2, &class);
            }
            Some('p' | 'P') => self.unicode_class()?,
            _ => {
                let c = self.escaped_char()?;
                push_literal(&mut self.out, c);
            }
        }
        Ok(())
    }

    fn put(&mut self, len: usize, translated: &str) {
        self.skip(len);
        self.out.push_str(translated);
    }

    /// The character that an escape stands for, in or out of a class.
    fn escaped_char(&mut self) -> Result<char> {
        let text = self.text();
        self.rest.next();
        let Some(c) = self.rest.next() else { return Err(wrong("trailing backslash at end of expression", "")) };
        let invalid = || wrong("invalid escape sequence", &text[..1 + c.len_utf8()]);
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => {
                let digits = match self.text().strip_prefix('{') {
                    Some(inner) => {
                        let end = inner.find('}').ok_or_else(invalid)?;
                        self.skip(end + 2);
                        &inner[..end]
                    }
                    None => {
                        let digits = self.text().get(..2).ok_or_else(invalid)?;
                        self.skip(2);
                        digits
                    }
                };
                if digits.starts_with('+') {
                    return Err(invalid());
                }
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or_else(invalid)?
            }
            '0'..='7' => {
                let more = self.text().bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                if c != '0' && more == 0 {
                    return Err(invalid());
                }
                self.skip(more);
                u32::from_str_radix(&text[1..2 + more], 8).ok().and_then(char::from_u32).ok_or_else(invalid)?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            _ => return Err(invalid()),
        })
    }
}

/// The length of a counted repetition (`{2}`, `{2,}`, `{2,5}`) at the start of `text`.
fn counted(text: &str) -> Option<usize> {
    let inner = &text.strip_prefix('{')?[..text.find('}')? - 1];
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() < 2 || !text.starts_with('0'));
    (!least.is_empty() && digits(least) && digits(most)).then_some(inner.len() + 2)
}

/// Whether an escape's class is negated, and what is in it.
fn perl_class(c: char) -> Option<(bool, &'static str)> {
    let members = match c.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\t\\n\\f\\r ",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((c.is_ascii_uppercase(), members))
}

/// A character that stands for itself, in or out of a class.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_re2_does() {
        for (regex, text, matches) in [
            (r"^\d+$", "٣", false),
            (r"^\w$", "é", false),
            (r"^[^\W]$", "é", false),
            (r"\bb", "éb", true),
            (r"^\B-", "-", true),
            (r"\s", "\u{a0}", false),
            ("a{", "a{", true),
            ("a{,3}", "a{,3}", true),
            ("^a{2,3}?$", "aa", true),
            (r"^\Qa.b\E.$", "a.bc", true),
            (r"^\Qa.b\E.$", "axbc", false),
            (r"^[[]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "]", false),
            (r"^[a&&b]$", "&", true),
            (r"^[a-c-e]+$", "b-e", true),
            (r"^[[:^digit:]_]$", "x", true),
            (r"^\<\_\x41\x{42}\101$", "<_ABA", true),
            (r"^\p{^Greek}\pL$", "aα", true),
            ("(?i)HOST", "host", true),
            ("^(?s:.)$", "\n", true),
            ("^.$", "\n", false),
            ("^(?P<a>x)(?<b>y)$", "xy", true),
            ("", "anything", true),
            ("(|a)b", "b", true),
        ] {
            let compiled = compile_regex(regex).unwrap_or_else(|error| panic!("{regex}: {error}"));
            assert_eq!(compiled.is_match(text), matches, "{regex} on {text:?}");
        }
    }

    #[test]
    fn refuses_what_re2_refuses() {
        for (regex, reason) in [
            ("(", ""),
            ("a)", ""),
            ("[", "missing closing ]"),
            ("[a-", "missing closing ]"),
            ("a**", "invalid nested repetition operator"),
            ("a{2}{3}", "invalid nested repetition operator"),
            ("a{2,1}", "invalid repeat count"),
            ("a{1001}", "invalid repeat count"),
            ("*", ""),
            ("(?=a)", "invalid or unsupported Perl syntax"),
            ("(?<=a)", "invalid or unsupported Perl syntax"),
            ("(?x)a", "invalid or unsupported Perl syntax"),
            ("(?P<a", "invalid named capture"),
            (r"\1", "invalid escape sequence"),
            (r"\y", "invalid escape sequence"),
            (r"\xg", "invalid escape sequence"),
            (r"[\b]", "invalid escape sequence"),
            ("[b-a]", "invalid character class range"),
            ("[[:nothing:]]", "invalid character class range"),
            ("\\", "trailing backslash at end of expression"),
            ("(?", "invalid or unsupported Perl syntax"),
            (r"\p{", "invalid character class range"),
            (r"\p", "invalid character class range"),
        ] {
            let error = compile_regex(regex).expect_err(regex);
            assert!(error.reason.starts_with(reason), "{regex}: {error}");
        }
    }
}
