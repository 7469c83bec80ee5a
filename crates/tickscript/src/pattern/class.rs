//! Classes of characters: in brackets, of Unicode, of POSIX.

use super::{Result, Translation, perl_class, push_literal, wrong};

impl<'r> Translation<'r> {
    pub(super) fn class(&mut self) -> Result<()> {
        let whole = self.text();
        self.put(1, "[");
        if self.peek() == Some('^') {
            self.put(1, "^");
        }
        let mut first = true;
        loop {
            let text = self.text();
            match self.peek() {
                None => return Err(wrong("missing closing ]", whole)),
                Some(']') if !first => break,
                Some('[') if text.starts_with("[:") && text.contains(":]") => self.posix_class()?,
                Some('\\') if text.starts_with("\\p") || text.starts_with("\\P") => self.unicode_class()?,
                Some('\\') if text[1..].chars().next().and_then(perl_class).is_some() => {
                    let (negated, members) = text[1..].chars().next().and_then(perl_class).expect("just seen");
                    let class = if negated { format!("[^{members}]") } else { members.to_string() };
                    self.put(2, &class);
                }
                Some(_) => self.class_range(whole)?,
            }
            first = false;
        }
        self.put(1, "]");
        Ok(())
    }

    /// One character, or two with a `-` between.
    fn class_range(&mut self, whole: &str) -> Result<()> {
        let text = self.text();
        let low = self.class_char(whole)?;
        push_literal(&mut self.out, low);
        let rest = self.text();
        if !rest.starts_with('-') || rest.len() == 1 || rest.starts_with("-]") {
            return Ok(());
        }
        self.put(1, "-");
        let high = self.class_char(whole)?;
        if high < low {
            return Err(wrong("invalid character class range", &text[..text.len() - self.text().len()]));
        }
        push_literal(&mut self.out, high);
        Ok(())
    }

    fn class_char(&mut self, whole: &str) -> Result<char> {
        match self.peek() {
            Some('\\') => self.escaped_char(),
            Some(c) => {
                self.rest.next();
                Ok(c)
            }
            None => Err(wrong("missing closing ]", whole)),
        }
    }

    fn posix_class(&mut self) -> Result<()> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        let text = self.text();
        let len = text.find(":]").map_or(text.len(), |end| end + 2);
        let class = self.skip(len);
        let name = class.trim_start_matches("[:").trim_start_matches('^').trim_end_matches(":]");
        if !NAMES.contains(&name) {
            return Err(wrong("invalid character class range", class));
        }
        self.out.push_str(class);
        Ok(())
    }

    /// `\pL`, `\p{Greek}`, `\P{…}` or `\p{^…}`.
    pub(super) fn unicode_class(&mut self) -> Result<()> {
        let text = self.text();
        let mut negated = text.starts_with("\\P");
        let name = match text[2..].strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').ok_or_else(|| wrong("invalid character class range", text))?;
                self.skip(end + 4);
                &inner[..end]
            }
            None => {
                let c = text[2..].chars().next().ok_or_else(|| wrong("invalid character class range", text))?;
                self.skip(2 + c.len_utf8());
                &text[2..2 + c.len_utf8()]
            }
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => name,
        };
        self.out.push_str(if negated { "\\P{" } else { "\\p{" });
        self.out.push_str(name);
        self.out.push('}');
        Ok(())
    }
}
