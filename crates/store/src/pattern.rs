//! Globs as users write them in lists: `cpu_*`, `?x`, `[a-c]*`, `\*`; the rules of Go's `path.Match`.

/// A glob that was read once and can be asked often.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    tokens: Vec<Token>,
}

/// The glob's brackets or escapes don't close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Star,
    AnyOne,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Pattern {
    /// Reads a glob; the empty one matches everything, as in the lists of the API.
    pub fn new(text: &str) -> Result<Pattern, BadPattern> {
        let mut chars = text.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' if tokens.last() == Some(&Token::Star) => continue,
                '*' => Token::Star,
                '?' => Token::AnyOne,
                '\\' => Token::Char(chars.next().ok_or(BadPattern)?),
                '[' => class(&mut chars)?,
                other => Token::Char(other),
            });
        }
        Ok(Pattern { tokens })
    }

    /// Whether the name fits. A star and a question mark don't match a slash.
    pub fn matches(&self, name: &str) -> bool {
        if self.tokens.is_empty() {
            return true;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut token) = (0, 0);
        // Where to go on when the text after the last star turns out not to fit.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.tokens.get(token) {
                Some(Token::Star) => {
                    retry = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                Some(one) if name.get(at).is_some_and(|c| one.fits(*c)) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match retry {
                Some((after_star, start)) if start < name.len() && name[start] != '/' => {
                    retry = Some((after_star, start + 1));
                    token = after_star;
                    at = start + 1;
                }
                _ => return false,
            }
        }
    }

    /// What every name that matches begins with.
    pub(crate) fn stem(&self) -> String {
        self.tokens.iter().map_while(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect()
    }

    /// Whether only one name matches: the stem.
    pub(crate) fn is_plain(&self) -> bool {
        !self.tokens.is_empty() && self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }
}

impl Token {
    fn fits(&self, c: char) -> bool {
        match self {
            Token::Star => false,
            Token::AnyOne => c != '/',
            Token::Char(own) => *own == c,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Reads a class after its opening bracket.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, BadPattern> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
        let low = class_char(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { low };
        ranges.push((low, high));
    }
    Ok(Token::Class { negated, ranges })
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => chars.next().ok_or(BadPattern),
        Some(c) => Ok(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_go_does() {
        let table = [
            ("", "anything", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[x\\-]", "-", true),
            ("*x", "xxx", true),
            ("[cm]*_[01]", "mem_1", true),
            ("[cm]*_[01]", "mem_2", false),
            ("**_2", "net_2", true),
            ("]", "]", true),
        ];
        for (pattern, name, fits) in table {
            assert_eq!(Pattern::new(pattern).unwrap().matches(name), fits, "{pattern} on {name}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for pattern in ["[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^", "[^bc", "a[", "\\", "a\\", "[a-\\"] {
            assert_eq!(Pattern::new(pattern), Err(BadPattern), "{pattern}");
        }
    }

    #[test]
    fn knows_how_names_begin() {
        for (pattern, stem, is_plain) in
            [("a\\*b", "a*b", true), ("ab*c", "ab", false), ("*", "", false), ("", "", false)]
        {
            let pattern = Pattern::new(pattern).unwrap();
            assert_eq!((pattern.stem().as_str(), pattern.is_plain()), (stem, is_plain), "{pattern:?}");
        }
    }
}
