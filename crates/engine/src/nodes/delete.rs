//! `|delete()`: rows without some fields and tags.

use declare::Declaration;
use model::{BatchHead, Name, Row, Schema, ShapeId};

use crate::{
    BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, StatName, boxed_per_row,
    nodes::retag::{ChangeTags, Retag, remove_tag},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Delete {
    fields: Vec<String>,
    tags: Vec<String>,
}

impl Definition for Delete {
    const NAME: &'static str = "delete";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Take fields and tags away. Rows grouped by such a tag are no longer grouped by it.")
            .method_shown(
                "field",
                "name string",
                "A field to take away; several calls add up.",
                |d, args| add(&mut d.fields, args),
                |d| d.fields.iter().map(|name| vec![name.as_str().into()]).collect(),
            )
            .method_shown(
                "tag",
                "name string",
                "A tag to take away; several calls add up.",
                |d, args| add(&mut d.tags, args),
                |d| d.tags.iter().map(|name| vec![name.as_str().into()]).collect(),
            )
            .example("stream |from().measurement('cpu') |delete().field('usage_guest').tag('cpu')")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Changes(self.tags.clone())
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let names = |texts: &[String]| texts.iter().map(|text| plan.schema.name(text)).collect::<Vec<Name>>();
        Ok(boxed_per_row(DeleteNode {
            fields: names(&self.fields),
            tags: Unwanted(names(&self.tags)),
            retag: Retag::default(),
            shape: None,
        }))
    }
}

fn add(names: &mut Vec<String>, args: &[declare::Argument]) -> Result<(), declare::SetError> {
    if let [declare::Argument::String(name)] = args
        && !names.contains(name)
    {
        names.push(name.clone());
    }
    Ok(())
}

struct Unwanted(Vec<Name>);

impl ChangeTags for Unwanted {
    fn change(&self, _schema: &Schema, tags: &mut Vec<(Name, Name)>) -> u32 {
        self.0.iter().filter(|&&key| remove_tag(tags, key)).count() as u32
    }
}

/// A shape without the unwanted fields, and where its words are in the old one.
struct Cut {
    from: ShapeId,
    to: ShapeId,
    kept: Vec<usize>,
    /// How many names are gone.
    gone: i64,
}

struct DeleteNode {
    fields: Vec<Name>,
    tags: Unwanted,
    retag: Retag,
    shape: Option<Cut>,
}

const FIELDS: StatName = "fields_deleted";
const TAGS: StatName = "tags_deleted";

impl DeleteNode {
    fn cut(&self, schema: &Schema, from: ShapeId) -> Cut {
        let fields = schema.shape(from).fields();
        let kept: Vec<usize> = (0..fields.len()).filter(|&i| !self.fields.contains(&fields[i].0)).collect();
        let to = schema.shape_of(&kept.iter().map(|&i| fields[i]).collect::<Vec<_>>());
        let gone = self.fields.iter().filter(|name| fields.iter().any(|field| field.0 == **name)).count() as i64;
        Cut { from, to, kept, gone }
    }
}

impl PerRow for DeleteNode {
    type Group = ();

    // Kapacitor keeps nothing per group here, and shows 0.
    fn counts_groups(&self) -> bool {
        false
    }

    fn remembers(&self) -> bool {
        false
    }

    fn begin_batch(&mut self, _group: &mut (), head: &mut BatchHead, cx: &mut Cx<'_>) {
        let tags = Retag::head(&self.tags, cx.schema, head);
        if tags > 0 {
            cx.stat(TAGS, i64::from(tags));
        }
    }

    fn row(&mut self, _group: &mut (), mut row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        if !self.fields.is_empty() {
            if self.shape.as_ref().is_none_or(|cut| cut.from != row.shape) {
                self.shape = Some(self.cut(cx.schema, row.shape));
            }
            let cut = self.shape.as_ref().expect("it was just filled in");
            if cut.gone > 0 {
                let at = cx.frame.next_at();
                for &index in &cut.kept {
                    let word = cx.frame.word(&row, index);
                    cx.frame.push_word(word);
                }
                row = Row { shape: cut.to, at, ..row };
                cx.stat(FIELDS, cut.gone);
            }
        }
        if !self.tags.0.is_empty() {
            let (changed, tags) = self.retag.row(&self.tags, true, cx.schema, row);
            row = changed;
            if tags > 0 {
                cx.stat(TAGS, i64::from(tags));
            }
        }
        Some(row)
    }

    fn stats(&self) -> &'static [StatName] {
        &[FIELDS, TAGS]
    }
}
