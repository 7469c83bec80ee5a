//! Texts that are much alike, in little memory: what alerts say differs in a few places.

use std::sync::Arc;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// Shorter texts are not worth it.
const SHORT: usize = 128;

/// A text, or what it takes to make it of another.
#[derive(Debug, Clone)]
pub(crate) enum Packed {
    Plain(Arc<str>),
    Like { other: Arc<str>, bytes: Box<[u8]> },
}

impl Packed {
    pub(crate) fn text(&self) -> Arc<str> {
        match self {
            Packed::Plain(text) => Arc::clone(text),
            Packed::Like { other, bytes } => {
                let text = decompress_size_prepended_with_dict(bytes, other.as_bytes());
                // What was packed here comes out as it was.
                String::from_utf8(text.unwrap_or_default()).unwrap_or_default().into()
            }
        }
    }
}

/// Packs texts by one of them.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The text that the next ones are expected to be like.
    other: Option<Arc<str>>,
}

impl Packer {
    pub(crate) fn pack(&mut self, text: &Arc<str>) -> Packed {
        if text.len() < SHORT {
            return Packed::Plain(Arc::clone(text));
        }
        if let Some(other) = &self.other {
            let bytes = compress_prepend_size_with_dict(text.as_bytes(), other.as_bytes());
            if bytes.len() < text.len() / 2 {
                return Packed::Like { other: Arc::clone(other), bytes: bytes.into() };
            }
        }
        self.other = Some(Arc::clone(text));
        Packed::Plain(Arc::clone(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(host: usize) -> Arc<str> {
        let text = format!("{{\"Name\":\"cpu\",\"Tags\":{{\"host\":\"web{host}\"}},\"ID\":\"web{host}\",");
        (text + &"\"ServerInfo\":{\"Hostname\":\"localhost\",\"ClusterID\":\"x\"}".repeat(4)).into()
    }

    #[test]
    fn texts_come_out_as_they_went_in() {
        let mut packer = Packer::default();
        let texts: Vec<Arc<str>> = (0..100).map(details).chain(["".into(), "ä".repeat(500).into()]).collect();
        let packed: Vec<Packed> = texts.iter().map(|text| packer.pack(text)).collect();
        assert!(packed.iter().zip(&texts).all(|(packed, text)| packed.text() == *text));
    }

    #[test]
    fn texts_that_are_alike_take_little() {
        let mut packer = Packer::default();
        let _first = packer.pack(&details(0));
        let Packed::Like { bytes, .. } = packer.pack(&details(1234)) else { panic!("it is not packed") };
        assert!(bytes.len() < 60, "{}", bytes.len());
        // Those of another kind are packed by one of theirs.
        let other: Arc<str> =
            (0..100).map(|number| format!("{:x} ", number * number * 7919)).collect::<String>().into();
        assert!(matches!(packer.pack(&other), Packed::Plain(_)));
        assert!(matches!(packer.pack(&other), Packed::Like { .. }));
    }
}
