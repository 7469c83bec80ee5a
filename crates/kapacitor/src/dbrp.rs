//! A database and retention policy as users write them: `telegraf.autogen` or `"my db"."auto.gen"`.

use api::task::Dbrp;

/// Reads `db.rp`; each name may be quoted, then it may hold dots and escaped quotes.
pub(crate) fn parse(text: &str) -> Result<Dbrp, String> {
    if text.is_empty() {
        return Err("dbrp cannot be empty".to_string());
    }
    let (db, rest) = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let at = text.find('.').ok_or(
                "does not contain a '.', it must be in the form \"dbname\".\"rpname\" where the quotes are optional.",
            )?;
            (text[..at].to_string(), &text[at..])
        }
    };
    let rp = rest.strip_prefix('.').filter(|rp| !rp.is_empty());
    let rp = rp.ok_or("dbrp must specify retention policy, do you have a missing or extra '.'?")?;
    let rp = match rp.strip_prefix('"') {
        None => rp.to_string(),
        Some(quoted) => match unquote(quoted)? {
            (rp, "") => rp,
            (_, more) => return Err(format!("unexpected {more:?} after the retention policy")),
        },
    };
    Ok(Dbrp { db, rp })
}

/// The text up to the closing quote, and what comes after it.
fn unquote(quoted: &str) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((name, &quoted[at + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                name.push('"');
            }
            other => name.push(other),
        }
    }
    Err("a quote is not closed".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_optional() {
        for (text, db, rp) in [
            ("telegraf.autogen", "telegraf", "autogen"),
            ("a.b.c", "a", "b.c"),
            (r#""tele graf"."auto.gen""#, "tele graf", "auto.gen"),
            (r#""q\"uote".x"#, "q\"uote", "x"),
            (r#"a."b\c""#, "a", "b\\c"),
            (".x", "", "x"),
        ] {
            assert_eq!(parse(text), Ok(Dbrp { db: db.into(), rp: rp.into() }), "{text}");
        }
        for text in ["", "nodot", "a.", r#""a"#, r#""a"b.c"#, r#""a""#, r#"a."b"c"#, r#"a."b"#, r#"""#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
