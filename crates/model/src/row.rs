//! A point as it flows: 24 bytes that own nothing.

use crate::{GroupId, SeriesId, ShapeId, Time};

/// One point. Its values are the words of its shape, in a [`crate::Frame`], from `at` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Nanoseconds since 1970.
    pub time: Time,
    /// Measurement and tags.
    pub series: SeriesId,
    pub shape: ShapeId,
    /// Where its words begin.
    pub at: u32,
    pub group: GroupId,
}
