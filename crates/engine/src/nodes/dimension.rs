//! What a `groupBy` of points may say: tag names and `*`.

use std::sync::Arc;

use declare::{Argument, SetError};
use model::{Grouping, Schema};

use crate::GroupTags;

/// One entry of a `groupBy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dimension {
    Tag(String),
    /// All tags.
    Star,
}

impl Dimension {
    /// The one call that says it.
    pub(crate) fn shown(dimensions: &[Dimension]) -> Vec<Vec<Argument>> {
        if dimensions.is_empty() {
            return Vec::new();
        }
        let one = |dimension: &Dimension| match dimension {
            Dimension::Tag(tag) => Argument::String(tag.clone()),
            Dimension::Star => Argument::Star,
        };
        vec![dimensions.iter().map(one).collect()]
    }
}

/// The arguments of a `groupBy`.
pub(crate) fn dimensions(args: &[Argument]) -> Result<Vec<Dimension>, SetError> {
    let mut out = Vec::new();
    for arg in args {
        match arg {
            Argument::String(tag) if tag.is_empty() => {
                return Err(SetError::refused("groupBy", "a tag's name cannot be empty"));
            }
            Argument::String(tag) => out.push(Dimension::Tag(tag.clone())),
            Argument::Star => out.push(Dimension::Star),
            other => {
                return Err(SetError::refused(
                    "groupBy",
                    format!("groups by tag names in single quotes or *, not by {}", other.describe()),
                ));
            }
        }
    }
    if out.contains(&Dimension::Star) && out.len() > 1 {
        return Err(SetError::refused("groupBy", "* already stands for all tags: no other names may be given with it"));
    }
    Ok(out)
}

/// The grouping they mean.
pub(crate) fn grouping_of(
    schema: &Schema,
    dimensions: &[Dimension],
    exclude: &[String],
    by_measurement: bool,
) -> Arc<Grouping> {
    let exclude: Vec<&str> = exclude.iter().map(String::as_str).collect();
    if dimensions.contains(&Dimension::Star) {
        return schema.grouping(by_measurement, &[], Some(&exclude));
    }
    let tags: Vec<&str> = dimensions
        .iter()
        .filter_map(|dimension| match dimension {
            Dimension::Tag(tag) => Some(tag.as_str()),
            Dimension::Star => None,
        })
        .collect();
    schema.grouping(by_measurement, &tags, None)
}

/// The tags that make the difference between two groups.
pub(crate) fn group_tags(dimensions: &[Dimension], exclude: &[String]) -> GroupTags {
    if dimensions.contains(&Dimension::Star) {
        return GroupTags::AllBut(exclude.to_vec());
    }
    let name = |dimension: &Dimension| match dimension {
        Dimension::Tag(tag) => Some(tag.clone()),
        Dimension::Star => None,
    };
    let mut names: Vec<String> = dimensions.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    GroupTags::Named(names)
}
