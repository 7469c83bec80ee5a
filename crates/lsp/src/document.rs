//! An open script: its text, the edits that come for it, and places in it as editors count them.

use lsp_types::{Position, Range, TextDocumentContentChangeEvent};
use tickscript::Span;

/// How an editor counts within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    Utf8,
    /// What all editors know.
    #[default]
    Utf16,
}

/// A script that is open in the editor.
#[derive(Debug, Clone, Default)]
pub struct Document {
    text: String,
    version: i32,
    encoding: Encoding,
    /// Where the lines begin.
    lines: Vec<usize>,
}

impl Document {
    pub fn new(text: String, version: i32, encoding: Encoding) -> Document {
        let mut document = Document { text, version, encoding, lines: Vec::new() };
        document.find_lines();
        document
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn version(&self) -> i32 {
        self.version
    }

    /// Take up the changes of the editor, in their order.
    pub fn change(&mut self, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        for change in changes {
            match change.range {
                None => self.text = change.text,
                Some(range) => {
                    let (start, end) = (self.offset(range.start), self.offset(range.end));
                    self.text.replace_range(start.min(end)..end.max(start), &change.text);
                }
            }
            self.find_lines();
        }
        self.version = version;
    }

    fn find_lines(&mut self) {
        self.lines.clear();
        self.lines.push(0);
        self.lines.extend(self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
    }

    /// The byte at a position; one behind the end of its line is that end, one behind the text the text's end.
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(&start) = self.lines.get(line) else { return self.text.len() };
        let end = self.lines.get(line + 1).map_or(self.text.len(), |&next| next - 1);
        let text = &self.text[start..end];
        let mut left = position.character as usize;
        for (at, c) in text.char_indices() {
            let width = self.width(c);
            if left < width {
                return start + at;
            }
            left -= width;
        }
        end
    }

    /// The position of a byte; one within a character is where that begins.
    pub fn position(&self, at: usize) -> Position {
        let at = (0..=at.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or_default();
        let line = self.lines.partition_point(|&start| start <= at) - 1;
        let before = &self.text[self.lines[line]..at];
        Position::new(line as u32, before.chars().map(|c| self.width(c)).sum::<usize>() as u32)
    }

    pub fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start as usize), self.position(span.end as usize))
    }

    /// The whole text.
    pub fn whole(&self) -> Range {
        Range::new(Position::new(0, 0), self.position(self.text.len()))
    }

    fn width(&self, c: char) -> usize {
        match self.encoding {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: Option<((u32, u32), (u32, u32))>, text: &str) -> TextDocumentContentChangeEvent {
        let position = |(line, character)| Position::new(line, character);
        let range = range.map(|(start, end)| Range::new(position(start), position(end)));
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_string() }
    }

    #[test]
    fn places_are_counted_as_the_editor_does() {
        let text = "aé😀b\nc\n";
        for (encoding, columns) in [(Encoding::Utf16, [0, 1, 2, 4, 5]), (Encoding::Utf8, [0, 1, 3, 7, 8])] {
            let document = Document::new(text.to_string(), 1, encoding);
            for (at, column) in [0, 1, 3, 7, 8].into_iter().zip(columns) {
                assert_eq!(document.position(at), Position::new(0, column));
                assert_eq!(document.offset(Position::new(0, column)), at);
            }
            assert_eq!(document.position(5), Position::new(0, columns[2]));
            assert_eq!(document.offset(Position::new(0, 99)), 8);
            assert_eq!(document.offset(Position::new(1, 99)), 10);
            assert_eq!(document.offset(Position::new(9, 0)), text.len());
            assert_eq!(document.whole().end, Position::new(2, 0));
        }
    }

    #[test]
    fn edits_are_taken_up_in_order() {
        let mut document = Document::new("stream\n    |form()\n".to_string(), 1, Encoding::Utf16);
        document
            .change(2, vec![change(Some(((1, 5), (1, 9))), "from"), change(Some(((1, 11), (1, 11))), "\n    .x()")]);
        assert_eq!(document.text(), "stream\n    |from()\n    .x()\n");
        document.change(3, vec![change(Some(((9, 0), (0, 0))), "")]);
        assert_eq!(document.text(), "");
        document.change(4, vec![change(None, "new")]);
        assert_eq!((document.text(), document.version()), ("new", 4));
    }
}
