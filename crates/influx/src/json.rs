//! The JSON of an answer to series and rows, without a copy of what is not kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Error;
use crate::cell::{Pairs, RowSeed, Text};
use crate::documents::Documents;
use crate::rows::{Cell, Rows};
use crate::teller::{Head, Teller};

/// Reads an answer as it arrives.
pub(crate) struct JsonReader<'r> {
    documents: Documents,
    decoder: Decoder<'r>,
}

impl<'r> JsonReader<'r> {
    pub(crate) fn new(rows: &'r mut (dyn Rows + Send)) -> JsonReader<'r> {
        JsonReader { documents: Documents::default(), decoder: Decoder::new(rows) }
    }

    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        self.documents.push(part)?;
        while let Some(document) = self.documents.next() {
            self.decoder.document(document)?;
        }
        Ok(())
    }

    /// The end of the body.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        match self.documents.rest() {
            Some(rest) => self.decoder.document(rest)?,
            None if self.decoder.documents == 0 => return Err(Error::empty()),
            None => {}
        }
        self.decoder.teller.finish().map_err(Error::Unwanted)
    }
}

/// Reads the documents of one answer, in order.
struct Decoder<'r> {
    teller: Teller<'r>,
    /// InfluxDB's first error.
    error: Option<String>,
    /// The first error of who receives the rows.
    unwanted: Option<String>,
    documents: usize,
}

impl<'r> Decoder<'r> {
    fn new(rows: &'r mut (dyn Rows + Send)) -> Decoder<'r> {
        Decoder { teller: Teller::new(rows), error: None, unwanted: None, documents: 0 }
    }

    /// Reads a document.
    fn document(&mut self, json: &[u8]) -> Result<(), Error> {
        self.documents += 1;
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = DocumentSeed(self).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        if let Some(text) = self.unwanted.take() {
            return Err(Error::Unwanted(text));
        }
        read.map_err(|error| Error::Decode(error.to_string()))?;
        self.error.take().map_or(Ok(()), |text| Err(Error::Query(text)))
    }

    fn note_error(&mut self, text: String) {
        if !text.is_empty() {
            self.error.get_or_insert(text);
        }
    }

    /// Ends reading because the rows are not wanted.
    fn refuse<E: de::Error>(&mut self, text: String) -> E {
        self.unwanted = Some(text);
        E::custom("unwanted")
    }
}

/// A visitor's method that reads `null` as an absent value.
macro_rules! null_is_nothing {
    () => {
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

/// Implements a seed that reads what its visitor expects.
macro_rules! seed {
    ($seed:ident, $value:ty, $method:ident) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_, '_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.$method(self)
            }
        }
    };
}

/// `{"results": [...], "error": "..."}`
struct DocumentSeed<'d, 'r>(&'d mut Decoder<'r>);
seed!(DocumentSeed, (), deserialize_map);

impl<'de> Visitor<'de> for DocumentSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an answer of InfluxDB")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "results" => map.next_value_seed(ResultsSeed(self.0))?,
                "error" => self.0.note_error(map.next_value::<Option<String>>()?.unwrap_or_default()),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The results of the statements.
struct ResultsSeed<'d, 'r>(&'d mut Decoder<'r>);
seed!(ResultsSeed, (), deserialize_any);

impl<'de> Visitor<'de> for ResultsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of results")
    }

    null_is_nothing!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ResultSeed(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// `{"statement_id": 0, "series": [...], "error": "..."}`
struct ResultSeed<'d, 'r>(&'d mut Decoder<'r>);
seed!(ResultSeed, (), deserialize_map);

impl<'de> Visitor<'de> for ResultSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a result")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "series" => map.next_value_seed(SeriesListSeed(self.0))?,
                "error" => self.0.note_error(map.next_value::<Option<String>>()?.unwrap_or_default()),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The series of a result.
struct SeriesListSeed<'d, 'r>(&'d mut Decoder<'r>);
seed!(SeriesListSeed, (), deserialize_any);

impl<'de> Visitor<'de> for SeriesListSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of series")
    }

    null_is_nothing!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(SeriesSeed(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// `{"name": ..., "tags": {...}, "columns": [...], "values": [[...], ...], "partial": true}`
struct SeriesSeed<'d, 'r>(&'d mut Decoder<'r>);
seed!(SeriesSeed, (), deserialize_map);

/// What is known of a series before its values.
#[derive(Default)]
struct Known<'de> {
    name: Option<Cow<'de, str>>,
    tags: Option<Vec<(Text<'de>, Text<'de>)>>,
    columns: Vec<Text<'de>>,
}

impl Known<'_> {
    /// Nothing is left that could follow.
    fn is_all(&self) -> bool {
        self.name.is_some() && self.tags.is_some() && !self.columns.is_empty()
    }

    fn to_head(&self) -> Head {
        let tags = self.tags.iter().flatten();
        Head {
            name: self.name.as_deref().unwrap_or_default().to_owned(),
            tags: tags.map(|(key, value)| (key.0.to_string(), value.0.to_string())).collect(),
            columns: self.columns.iter().map(|column| column.0.to_string()).collect(),
        }
    }

    /// Tells that this series begins, unless it goes on from the document before.
    fn begin(&self, teller: &mut Teller<'_>) -> Result<(), String> {
        let columns: Vec<&str> = self.columns.iter().map(|column| &*column.0).collect();
        let tags: Vec<(&str, &str)> = self.tags.iter().flatten().map(|(key, value)| (&*key.0, &*value.0)).collect();
        teller.begin(self.name.as_deref().unwrap_or_default(), &tags, &columns)
    }
}

impl<'de> Visitor<'de> for SeriesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let decoder = self.0;
        let mut known = Known::default();
        let mut waiting: Option<&'de RawValue> = None;
        let (mut begun, mut partial) = (false, false);
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "name" | "tags" | "columns" | "values" if begun => {
                    return Err(de::Error::custom(format!("a series has {key} after its values")));
                }
                "name" => known.name = Some(map.next_value::<Text<'de>>()?.0),
                "tags" => known.tags = map.next_value::<Option<Pairs<'de>>>()?.map(|pairs| pairs.0),
                "columns" => known.columns = map.next_value::<Option<Vec<Text<'de>>>>()?.unwrap_or_default(),
                "partial" => partial = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                "values" if known.is_all() => {
                    begun = true;
                    known.begin(&mut decoder.teller).map_err(|text| decoder.refuse(text))?;
                    map.next_value_seed(ValuesSeed { decoder: &mut *decoder, columns: known.columns.len() })?;
                }
                // Name, tags or columns may still follow.
                "values" => waiting = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !begun {
            known.begin(&mut decoder.teller).map_err(|text| decoder.refuse(text))?;
        }
        if let Some(raw) = waiting {
            let mut values = serde_json::Deserializer::from_str(raw.get());
            let seed = ValuesSeed { decoder: &mut *decoder, columns: known.columns.len() };
            seed.deserialize(&mut values).map_err(de::Error::custom)?;
        }
        if partial {
            decoder.teller.pause(known.to_head());
            return Ok(());
        }
        decoder.teller.end().map_err(|text| decoder.refuse(text))
    }
}

/// The rows of a series.
struct ValuesSeed<'d, 'r> {
    decoder: &'d mut Decoder<'r>,
    columns: usize,
}
seed!(ValuesSeed, (), deserialize_any);

impl<'de> Visitor<'de> for ValuesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of rows")
    }

    null_is_nothing!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut cells: Vec<Cell<'de>> = Vec::with_capacity(self.columns);
        while seq.next_element_seed(RowSeed(&mut cells))?.is_some() {
            if cells.len() != self.columns {
                let text = format!("a row has {} values for {} columns", cells.len(), self.columns);
                return Err(de::Error::custom(text));
            }
            let told = self.decoder.teller.row(&cells);
            told.map_err(|text| self.decoder.refuse(text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it is told, and refuses what it is told to.
    #[derive(Default)]
    struct Diary {
        lines: Vec<String>,
        refuses: &'static str,
    }

    impl Diary {
        fn note(&mut self, line: String) -> Result<(), String> {
            if !self.refuses.is_empty() && line.contains(self.refuses) {
                return Err(format!("refused {line}"));
            }
            self.lines.push(line);
            Ok(())
        }
    }

    impl Rows for Diary {
        fn series(
            &mut self,
            name: &str,
            tags: &mut dyn Iterator<Item = (&str, &str)>,
            columns: &[&str],
        ) -> Result<(), String> {
            let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
            self.note(format!("{name} [{}] {}", tags.join(" "), columns.join(",")))
        }

        fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
            let cells: Vec<String> = cells.iter().map(show).collect();
            self.note(cells.join("|"))
        }

        fn end_series(&mut self) -> Result<(), String> {
            self.note("end".to_owned())
        }
    }

    fn show(cell: &Cell<'_>) -> String {
        match cell {
            Cell::Null => "null".to_owned(),
            Cell::Number(value) => value.to_string(),
            Cell::Integer(_) | Cell::Time(_) => unreachable!("answers to InfluxQL have floats only"),
            Cell::Bool(value) => value.to_string(),
            Cell::Text(text) => format!("{text:?}"),
            Cell::List(cells) => format!("[{}]", cells.iter().map(show).collect::<Vec<_>>().join(" ")),
        }
    }

    fn decode(documents: &[&str], refuses: &'static str) -> (Vec<String>, Result<(), Error>) {
        let mut diary = Diary { refuses, ..Diary::default() };
        let mut decoder = Decoder::new(&mut diary);
        let read = documents.iter().try_for_each(|document| decoder.document(document.as_bytes()));
        let result = read.and_then(|()| decoder.teller.finish().map_err(Error::Unwanted));
        (diary.lines, result)
    }

    const REST: &str = r#""columns":["time","v"],"values":[["t1",1],["t2",null]]"#;

    #[test]
    fn cells_of_all_kinds() {
        let values = r#"[["2021-05-06T10:00:00Z",9007199254740993,1e-07,"",true],["ä\"\\n",-7,0.1,null,[["x"],[]]]]"#;
        let document = format!(
            r#"{{"results":[{{"statement_id":0,"series":[{{"name":"m","tags":{{}},"columns":["time","a","b","c","d"],"values":{values}}}]}}]}}"#
        );
        let (lines, result) = decode(&[&document], "");
        assert_eq!(result, Ok(()));
        assert_eq!(
            lines,
            [
                "m [] time,a,b,c,d",
                r#""2021-05-06T10:00:00Z"|9007199254740992|0.0000001|""|true"#,
                r#""ä\"\\n"|-7|0.1|null|[["x"] []]"#,
                "end"
            ]
        );
    }

    #[test]
    fn keys_come_in_any_order() {
        let head = r#"{"results":[{"series":[{"#;
        let expected = ["m [a=1 b=] time,v", "\"t1\"|1", "\"t2\"|null", "end"];
        for series in [
            format!(r#""name":"m","tags":{{"a":"1","b":""}},{REST}"#),
            format!(r#""name":"m",{REST},"tags":{{"a":"1","b":""}}"#),
            format!(r#"{REST},"other":[{{}}],"tags":{{"a":"1","b":""}},"name":"m","partial":false"#),
            r#""tags":{"a":"1","b":""},"values":[["t1",1],["t2",null]],"columns":["time","v"],"name":"m""#.to_owned(),
        ] {
            let (lines, result) = decode(&[&format!("{head}{series}}}]}}]}}")], "");
            assert_eq!((lines, result), (expected.map(str::to_owned).to_vec(), Ok(())), "{series}");
        }
    }

    #[test]
    fn parts_of_a_series_are_one_series() {
        let part = |tag: &str, partial: bool| {
            let series = format!(r#"{{"name":"m","tags":{{"h":"{tag}"}},{REST},"partial":{partial}}}"#);
            format!(r#"{{"results":[{{"statement_id":0,"series":[{series}],"partial":{partial}}}]}}"#)
        };
        let (lines, result) = decode(&[&part("a", true), &part("a", true), &part("b", true)], "");
        assert_eq!(result, Ok(()));
        let heads: Vec<_> = lines.iter().filter(|line| !line.starts_with('"')).map(String::as_str).collect();
        assert_eq!(heads, ["m [h=a] time,v", "end", "m [h=b] time,v", "end"]);
        assert_eq!(lines.len(), 4 + 6);
    }

    #[test]
    fn nothing_is_an_answer_too() {
        for document in [
            r#"{}"#,
            r#"{"results":null}"#,
            r#"{"results":[]}"#,
            r#"{"results":[{}]}"#,
            r#"{"results":[{"series":null,"messages":[{"level":"warning","text":"x"}]}]}"#,
        ] {
            assert_eq!(decode(&[document], ""), (vec![], Ok(())), "{document}");
        }
        let empty = r#"{"results":[{"series":[{"name":"m","columns":["time"],"values":[]},{"name":"n"}]}]}"#;
        assert_eq!(decode(&[empty], "").0, ["m [] time", "end", "n [] ", "end"]);
    }

    #[test]
    fn errors_are_the_servers_the_receivers_or_the_forms() {
        let series = format!(r#"{{"name":"m",{REST}}}"#);
        for (document, refuses, expected) in [
            (r#"{"error":"bad query"}"#.to_owned(), "", Error::Query("bad query".to_owned())),
            (
                format!(r#"{{"results":[{{"series":[{series}],"error":"shard gone"}},{{"error":"second"}}]}}"#),
                "",
                Error::Query("shard gone".to_owned()),
            ),
            (
                format!(r#"{{"results":[{{"series":[{series}]}}]}}"#),
                "t2",
                Error::Unwanted("refused \"t2\"|null".into()),
            ),
            (format!(r#"{{"results":[{{"series":[{series}]}}]}}"#), "end", Error::Unwanted("refused end".into())),
            (
                format!(r#"{{"results":[{{"series":[{series}]}}]}}"#),
                "m [",
                Error::Unwanted("refused m [] time,v".into()),
            ),
        ] {
            assert_eq!(decode(&[&document], refuses).1, Err(expected), "{document}");
        }
        for broken in [
            "",
            "[]",
            r#"{"results":[{"series":[{"name":"m","columns":["time"],"values":[[1,2]]}]}]}"#,
            r#"{"results":[{"series":[{"name":"m","columns":["time"],"values":[1]}]}]}"#,
            r#"{"results":[{"series":[{"name":"m","columns":["time"],"values":[[{}]]}]}]}"#,
            r#"{"results":[{"series":[{"name":7}]}]}"#,
            r#"{"results":[{"series":[{"name":"m","tags":{},"columns":["v"],"values":[[1]],"columns":["v","w"]}]}]}"#,
            r#"{"results":[{"series":[{"tags":{"a":1}}]}]}"#,
            r#"{"results":[{"series""#,
            r#"{} {}"#,
        ] {
            assert!(matches!(decode(&[broken], "").1, Err(Error::Decode(_))), "{broken}");
        }
        let deep = format!(r#"{{"results":[{{"series":[{{"values":{}"#, "[".repeat(100_000));
        assert!(matches!(decode(&[&deep], "").1, Err(Error::Decode(_))));
    }

    #[test]
    fn no_answer_makes_it_panic() {
        let document =
            format!(r#"{{"results":[{{"series":[{{"name":"m","tags":{{"a":"b"}},{REST}}}]}}]}}"#).into_bytes();
        let signs = br#"{}[],:"\ntf0-.e"#;
        for at in 0..document.len() {
            for sign in signs {
                let mut changed = document.clone();
                changed[at] = *sign;
                let mut diary = Diary::default();
                // Whether it is still an answer does not matter here.
                Decoder::new(&mut diary).document(&changed).ok();
                Decoder::new(&mut diary).document(&changed[..at]).ok();
            }
        }
    }
}
