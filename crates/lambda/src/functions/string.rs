//! Functions on texts; positions and lengths count bytes.

use std::borrow::Cow;

use crate::{
    Type::{Bool, Int, Regex, String as Text},
    value::Val,
};

use super::{Call, Env, Function, Group, Signature, signature, unexpected};

const TO_BOOL: &[Signature] = &[signature(&[Text, Text], Bool)];
const TO_INT: &[Signature] = &[signature(&[Text, Text], Int)];
const MAP: &[Signature] = &[signature(&[Text], Text)];
const TO_TEXT: &[Signature] = &[signature(&[Text, Text], Text)];

const fn test(name: &'static str, call: fn(&str, &str) -> bool, doc: &'static str) -> Function {
    Function::new(Group::String, name, TO_BOOL, doc, Call::TextsToBool(call))
}

const fn find(name: &'static str, call: fn(&str, &str) -> i64, doc: &'static str) -> Function {
    Function::new(Group::String, name, TO_INT, doc, Call::TextsToInt(call))
}

const fn part(name: &'static str, call: for<'t> fn(&'t str, &str) -> &'t str, doc: &'static str) -> Function {
    Function::new(Group::String, name, TO_TEXT, doc, Call::TextsToPart(call))
}

const fn map(name: &'static str, call: fn(&str) -> String, doc: &'static str) -> Function {
    Function::new(Group::String, name, MAP, doc, Call::TextToText(call))
}

const fn other(
    name: &'static str,
    signatures: &'static [Signature],
    call: for<'a> fn(&mut [Val<'a>], &mut Env<'_>) -> Result<Val<'a>, String>,
    doc: &'static str,
) -> Function {
    Function::new(Group::String, name, signatures, doc, Call::Other(call))
}

pub(super) static FUNCTIONS: &[Function] = &[
    other(
        "regexReplace",
        &[signature(&[Regex, Text, Text], Text)],
        regex_replace,
        "The second argument with all matches of the regex replaced by the third, in which $1 and ${name} stand for groups of the match.",
    ),
    test("strContains", |s, part| s.contains(part), "Whether the first text contains the second."),
    test(
        "strContainsAny",
        |s, chars| index_any(s, chars) >= 0,
        "Whether the first text contains any character of the second.",
    ),
    find(
        "strCount",
        count,
        "How often the second text occurs in the first, without overlaps; an empty one occurs before, between and after all characters.",
    ),
    test("strHasPrefix", |s, part| s.starts_with(part), "Whether the first text begins with the second."),
    test("strHasSuffix", |s, part| s.ends_with(part), "Whether the first text ends with the second."),
    find(
        "strIndex",
        |s, part| position(s.find(part)),
        "Where the second text first occurs in the first, counted from 0; -1 if it does not.",
    ),
    find(
        "strIndexAny",
        index_any,
        "Where any character of the second text first occurs in the first; -1 if none does.",
    ),
    find(
        "strLastIndex",
        |s, part| position(s.rfind(part)),
        "Where the second text last occurs in the first; -1 if it does not.",
    ),
    find(
        "strLastIndexAny",
        |s, chars| position(s.rfind(|c| chars.contains(c))),
        "Where any character of the second text last occurs in the first; -1 if none does.",
    ),
    other("strLength", &[signature(&[Text], Int)], length, "The length of the text in bytes."),
    other(
        "strReplace",
        &[signature(&[Text, Text, Text, Int], Text)],
        replace,
        "The first text with the second replaced by the third, as many times as the fourth says; a negative count replaces all.",
    ),
    other(
        "strSubstring",
        &[signature(&[Text, Int, Int], Text)],
        substring,
        "The part of the text from the byte at the second argument up to, and without, the byte at the third.",
    ),
    map("strToLower", |s| s.chars().map(lower).collect(), "The text in lower case."),
    map("strToUpper", |s| s.chars().map(upper).collect(), "The text in upper case."),
    part(
        "strTrim",
        |s, chars| s.trim_matches(|c| chars.contains(c)),
        "The first text without any characters of the second at its start and end.",
    ),
    part(
        "strTrimLeft",
        |s, chars| s.trim_start_matches(|c| chars.contains(c)),
        "The first text without any characters of the second at its start.",
    ),
    part(
        "strTrimPrefix",
        |s, part| s.strip_prefix(part).unwrap_or(s),
        "The first text without the second at its start.",
    ),
    part(
        "strTrimRight",
        |s, chars| s.trim_end_matches(|c| chars.contains(c)),
        "The first text without any characters of the second at its end.",
    ),
    other(
        "strTrimSpace",
        &[signature(&[Text], Text)],
        trim_space,
        "The text without white space at its start and end.",
    ),
    part("strTrimSuffix", |s, part| s.strip_suffix(part).unwrap_or(s), "The first text without the second at its end."),
];

fn position(found: Option<usize>) -> i64 {
    found.map_or(-1, |i| i as i64)
}

fn index_any(s: &str, chars: &str) -> i64 {
    position(s.find(|c| chars.contains(c)))
}

fn count(s: &str, part: &str) -> i64 {
    if part.is_empty() { s.chars().count() as i64 + 1 } else { s.matches(part).count() as i64 }
}

fn length<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Str(s)] = args else { return Err(unexpected(args)) };
    Ok(Val::Int(s.len() as i64))
}

fn trim_space<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Str(s)] = args else { return Err(unexpected(args)) };
    Ok(Val::Str(match std::mem::take(s) {
        Cow::Borrowed(s) => Cow::Borrowed(s.trim()),
        Cow::Owned(s) => Cow::Owned(s.trim().to_owned()),
    }))
}

/// The longest text that a function makes; what is longer is an error, so that no script can use up the memory.
const LONGEST: usize = 16 << 20;

fn replace<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Str(s), Val::Str(old), Val::Str(new), Val::Int(n)] = args else { return Err(unexpected(args)) };
    let found = count(s, old);
    let times = if *n < 0 { found } else { found.min(*n) } as usize;
    if times.saturating_mul(new.len()).saturating_add(s.len()) > LONGEST {
        return Err(format!("the result is longer than {LONGEST} bytes"));
    }
    Ok(Val::Str(Cow::Owned(s.replacen(&**old, new, times))))
}

/// Bounds inside of a character count as its start, so that the result is a text.
fn substring<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Str(s), Val::Int(start), Val::Int(stop)] = args else { return Err(unexpected(args)) };
    if let Some(negative) = [*start, *stop].into_iter().find(|i| *i < 0) {
        return Err(format!("found negative index for strSubstring: {negative}"));
    }
    let len = s.len() as i64;
    if *stop > len {
        return Err(format!("stop index too large for string in strSubstring: {stop} of {len}"));
    }
    if start > stop {
        return Err(format!("the start index {start} is behind the stop index {stop} in strSubstring"));
    }
    let range = boundary(s, *start as usize)..boundary(s, *stop as usize);
    Ok(Val::Str(match std::mem::take(s) {
        Cow::Borrowed(s) => Cow::Borrowed(&s[range]),
        Cow::Owned(s) => Cow::Owned(s[range].to_owned()),
    }))
}

fn boundary(s: &str, mut at: usize) -> usize {
    while !s.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn regex_replace<'a>(args: &mut [Val<'a>], _: &mut Env<'_>) -> Result<Val<'a>, String> {
    let [Val::Regex(regex), Val::Str(s), Val::Str(with)] = args else { return Err(unexpected(args)) };
    let mut out = String::new();
    let mut done = 0;
    for groups in regex.captures_iter(s) {
        let Some(whole) = groups.get(0) else { continue };
        out.push_str(&s[done..whole.start()]);
        groups.expand(with, &mut out);
        done = whole.end();
        if out.len() > LONGEST {
            return Err(format!("the result is longer than {LONGEST} bytes"));
        }
    }
    out.push_str(&s[done..]);
    Ok(Val::Str(Cow::Owned(out)))
}

/// One character for one: where the full mapping gives several, the simple one of Unicode.
fn lower(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ if c == 'İ' => 'i',
        _ => c,
    }
}

fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => match c {
            // Greek letters with iota below have a capital of their own beside the full mapping's two letters.
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
                char::from_u32(u32::from(c) + 8).unwrap_or(c)
            }
            '\u{1fb3}' => '\u{1fbc}',
            '\u{1fc3}' => '\u{1fcc}',
            '\u{1ff3}' => '\u{1ffc}',
            _ => c,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_map_one_character_to_one() {
        let low = |s: &str| s.chars().map(lower).collect::<String>();
        let up = |s: &str| s.chars().map(upper).collect::<String>();
        assert_eq!(up("straße ŉ ᾳ ǆ"), "STRAßE ŉ ᾼ Ǆ");
        assert_eq!(low("İIΣ"), "iiσ");
    }

    #[test]
    fn bounds_never_cut_a_character() {
        assert_eq!(boundary("aäa", 2), 1);
        assert_eq!(boundary("aäa", 3), 3);
        assert_eq!(boundary("", 0), 0);
    }
}
