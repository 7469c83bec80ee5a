//! Character references of HTML (`&amp;`, `&#39;`) in the values of attributes, read as a browser reads them.

const NAMES: [(&str, char); 7] =
    [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}'), ("copy", '\u{a9}')];

/// The text with its character references replaced; the names that matter to escaping are known.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(&rest[1..]) {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[1 + length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character named after an `&`, and how long its name is.
fn reference(text: &str) -> Option<(char, usize)> {
    let semicolon = |length: usize| length + usize::from(text[length..].starts_with(';'));
    if let Some(number) = text.strip_prefix('#') {
        let (digits, base, skipped) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 2),
            None => (number, 10, 1),
        };
        let length = digits.chars().take_while(|digit| digit.is_digit(base)).count();
        let code = u32::from_str_radix(&digits[..length], base).unwrap_or(u32::MAX);
        let character = char::from_u32(code).filter(|&character| character != '\0').unwrap_or('\u{fffd}');
        return (length > 0).then(|| (character, semicolon(skipped + length)));
    }
    let (name, character) = NAMES.iter().find(|(name, _)| text.starts_with(name))?;
    let length = semicolon(name.len());
    // The newer names need their semicolon.
    (*name != "apos" || length > name.len()).then_some((*character, length))
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn references_become_characters() {
        assert_eq!(unescape("a&amp;b &lt;&#39;&#x22;&quot &apos &none; &"), "a&b <'\"\" &apos &none; &");
    }
}
