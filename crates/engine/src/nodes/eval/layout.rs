//! What the rows of an `eval` consist of: which of their values are the row's own, which are results, which are tags.

use lambda::Evaluator;
use model::{FieldType, Name, Row, Schema, ShapeId};

use super::Eval;

/// What a row consists of in the end.
pub(super) struct Outcome {
    /// The name of each result.
    pub(super) names: Vec<Name>,
    fields: Fields,
    tags: Vec<Name>,
    /// For each result: an expression after it reads the same name again, so a field or tag of that name comes back.
    reread: Vec<bool>,
    /// All that expressions read.
    read: Vec<Name>,
}

enum Fields {
    Results,
    All,
    These(Vec<Name>),
}

/// Where a value of the outgoing row comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    Field(usize, FieldType),
    Tag(Name),
    Result(usize),
}

/// How the rows of one kind are put together.
pub(super) struct Layout {
    shape: ShapeId,
    results: Box<[FieldType]>,
    /// Tags that must be there, or not, for this to be right.
    tags: Box<[(Name, bool)]>,
    pub(super) out: Result<Out, String>,
}

pub(super) struct Out {
    pub(super) shape: ShapeId,
    /// So many words are the row's own, in its order.
    pub(super) copied: usize,
    pub(super) sources: Box<[Source]>,
    pub(super) tags: Box<[(Name, Source)]>,
}

impl Outcome {
    pub(super) fn new(eval: &Eval, expressions: &[Evaluator], schema: &Schema) -> Outcome {
        let intern = |texts: &[String]| -> Vec<Name> {
            let mut names = Vec::new();
            for text in texts {
                let name = schema.name(text);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        };
        let reads = |index: usize, text: &String| expressions[index].program().references().contains(text);
        let names: Vec<Name> = eval.names.iter().map(|text| schema.name(text)).collect();
        let reread = eval
            .names
            .iter()
            .enumerate()
            .map(|(i, text)| (i + 1..expressions.len()).any(|later| reads(later, text)))
            .collect();
        let read: Vec<String> =
            expressions.iter().flat_map(|expression| expression.program().references().to_vec()).collect();
        Outcome {
            names,
            fields: match &eval.keep {
                None => Fields::Results,
                Some(list) if list.is_empty() => Fields::All,
                Some(list) => Fields::These(intern(list)),
            },
            tags: intern(&eval.tags),
            reread,
            read: intern(&read),
        }
    }

    pub(super) fn chained(&self, expressions: &[Evaluator]) -> bool {
        debug_assert_eq!(expressions.len(), self.names.len());
        self.reread.contains(&true)
    }

    /// What a name stands for after all expressions, as Kapacitor's scope has it: an expression that reads a name fills
    /// it in again from the row.
    fn source(&self, name: Name, schema: &Schema, row: &Row, asked: &mut Vec<(Name, bool)>) -> Option<Source> {
        let result = self.names.iter().rposition(|known| *known == name);
        let field = || schema.shape(row.shape).find(name).map(|(index, field_type)| Source::Field(index, field_type));
        let mut tag = || {
            let has = schema.series(row.series).tag(name).is_some();
            asked.push((name, has));
            has.then_some(Source::Tag(name))
        };
        match result {
            Some(index) if !self.reread[index] => Some(Source::Result(index)),
            Some(index) => Some(field().or_else(tag).unwrap_or(Source::Result(index))),
            None if self.read.contains(&name) => field().or_else(&mut tag),
            None => field(),
        }
    }

    pub(super) fn layout(&self, schema: &Schema, row: &Row, results: &[(FieldType, u64)]) -> Layout {
        let mut asked = Vec::new();
        let out = self.out(schema, row, results, &mut asked);
        Layout { shape: row.shape, results: results.iter().map(|result| result.0).collect(), tags: asked.into(), out }
    }

    fn out(
        &self,
        schema: &Schema,
        row: &Row,
        results: &[(FieldType, u64)],
        asked: &mut Vec<(Name, bool)>,
    ) -> Result<Out, String> {
        let type_of = |source: &Source| match source {
            Source::Field(_, field_type) => *field_type,
            Source::Tag(_) => FieldType::String,
            Source::Result(index) => results[*index].0,
        };
        let mut tags = Vec::new();
        for &name in &self.tags {
            let source = self.source(name, schema, row, asked).ok_or("a tag has no value")?;
            if type_of(&source) != FieldType::String {
                return Err(format!(
                    "result of a tag expression must be of type string, got {} for {}",
                    type_of(&source).name(),
                    schema.text(name)
                ));
            }
            tags.push((name, source));
        }
        let mut fields: Vec<(Name, Source)> = Vec::new();
        let shape = schema.shape(row.shape);
        if matches!(self.fields, Fields::All) {
            for &(name, _) in shape.fields() {
                if let Some((index, field_type)) = shape.find(name)
                    && !fields.iter().any(|known| known.0 == name)
                {
                    fields.push((name, Source::Field(index, field_type)));
                }
            }
        }
        let named = match &self.fields {
            Fields::These(names) => names,
            Fields::Results | Fields::All => &self.names,
        };
        for &name in named {
            if matches!(self.fields, Fields::Results) && self.tags.contains(&name) {
                continue;
            }
            let Some(source) = self.source(name, schema, row, asked) else {
                return Err(format!("cannot keep field \"{}\", field does not exist", schema.text(name)));
            };
            match fields.iter_mut().find(|known| known.0 == name) {
                Some(known) => known.1 = source,
                None => fields.push((name, source)),
            }
        }
        let own =
            |(place, field): (usize, &(Name, Source))| matches!(field.1, Source::Field(index, _) if index == place);
        let copied = fields.iter().enumerate().take_while(|field| own(*field)).count();
        let types: Vec<(Name, FieldType)> = fields.iter().map(|(name, source)| (*name, type_of(source))).collect();
        let sources = fields[copied..].iter().map(|field| field.1).collect();
        Ok(Out { shape: schema.shape_of(&types), copied, sources, tags: tags.into() })
    }
}

impl Layout {
    #[inline]
    pub(super) fn is_for(&self, schema: &Schema, row: &Row, results: &[(FieldType, u64)]) -> bool {
        self.shape == row.shape
            && self.results.iter().zip(results).all(|(known, result)| *known == result.0)
            && self.tags.iter().all(|(name, has)| schema.series(row.series).tag(*name).is_some() == *has)
    }
}
