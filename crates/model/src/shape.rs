//! Shapes: the ordered field names and types that many points have in common, known by one number.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{FieldType, Name, Names, Pages};

/// The number of a shape; 0 has no fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct ShapeId(pub u32);

/// Which fields a point has, in the order of its words.
#[derive(Debug)]
pub struct Shape {
    fields: Box<[(Name, FieldType)]>,
    /// Indexes of the fields in the order of their names, a name that was given twice only once (the last one counts).
    sorted: Box<[u32]>,
    /// The fields as they begin in line protocol, with `=`; none if a name has a character that is escaped there, or one
    /// is passed over where the fields of a line begin.
    expected: Box<[(Box<str>, FieldType)]>,
}

/// What is passed over before the first field of a line, and cannot be escaped.
pub(crate) const BLANK: [char; 2] = ['\t', '\0'];

impl Shape {
    fn new(fields: &[(Name, FieldType)], names: &Names) -> Shape {
        let name = |i: u32| fields[i as usize].0;
        let mut sorted: Vec<u32> = (0..fields.len() as u32).collect();
        sorted.sort_by(|&a, &b| names.text(name(a)).cmp(names.text(name(b))).then(b.cmp(&a)));
        sorted.dedup_by_key(|i| name(*i));
        let is_plain = |name: &str| !name.contains([',', '=', ' ', '\\', '"']) && !name.starts_with(BLANK);
        let plain = fields.iter().all(|field| is_plain(names.text(field.0)));
        let expected = fields.iter().filter(|_| plain);
        let expected = expected.map(|&(name, kind)| (format!("{}=", names.text(name)).into(), kind));
        Shape { fields: fields.into(), sorted: sorted.into(), expected: expected.collect() }
    }

    /// Names and types in the order of the words, hidden ones included.
    #[inline]
    pub fn fields(&self) -> &[(Name, FieldType)] {
        &self.fields
    }

    /// The fields as they begin in a line, if they can be compared as they stand, else none.
    #[inline]
    pub(crate) fn guess(&self) -> &[(Box<str>, FieldType)] {
        &self.expected
    }

    /// How a field begins in a line, if that is known.
    #[inline]
    pub(crate) fn plain_key(&self, index: usize) -> Option<&str> {
        self.expected.get(index).map(|(key, _)| &**key)
    }

    /// Bytes that it takes in the table and in the index, more or less.
    fn bytes(&self) -> usize {
        let expected: usize = self.expected.iter().map(|(key, _)| key.len() + 40).sum();
        size_of::<Shape>() + self.fields.len() * 20 + expected + 96
    }

    /// How many words a row of this shape has.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// (index, name, type) in the order of the names' texts.
    pub fn sorted(&self) -> impl ExactSizeIterator<Item = (usize, Name, FieldType)> + '_ {
        self.sorted.iter().map(|&i| (i as usize, self.fields[i as usize].0, self.fields[i as usize].1))
    }

    /// Where a field's word is, and its type.
    pub fn find(&self, name: Name) -> Option<(usize, FieldType)> {
        self.fields.iter().rposition(|field| field.0 == name).map(|i| (i, self.fields[i].1))
    }
}

/// A shape's number by its fields.
type Index = HashMap<Box<[(Name, FieldType)]>, u32>;

/// The table of shapes. Reading one takes no lock.
pub(crate) struct Shapes {
    shapes: Pages<Shape>,
    index: RwLock<Index>,
    bytes: AtomicUsize,
}

impl Shapes {
    pub(crate) fn new(names: &Names) -> Shapes {
        let shapes = Shapes { shapes: Pages::default(), index: RwLock::default(), bytes: AtomicUsize::new(0) };
        shapes.intern(&[], names);
        shapes
    }

    /// The shape with these fields, if there is one.
    pub(crate) fn find(&self, fields: &[(Name, FieldType)]) -> Option<ShapeId> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).get(fields).copied().map(ShapeId)
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn intern(&self, fields: &[(Name, FieldType)], names: &Names) -> ShapeId {
        if let Some(&found) = self.index.read().unwrap_or_else(PoisonError::into_inner).get(fields) {
            return ShapeId(found);
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&found) = index.get(fields) {
            return ShapeId(found);
        }
        let shape = Shape::new(fields, names);
        self.bytes.fetch_add(shape.bytes(), Ordering::Relaxed);
        let number = self.shapes.push(shape);
        index.insert(fields.into(), number);
        ShapeId(number)
    }

    #[inline]
    pub(crate) fn get(&self, id: ShapeId) -> &Shape {
        self.shapes.get(id.0).expect("a shape's number comes from this table")
    }

    pub(crate) fn len(&self) -> usize {
        self.shapes.len() as usize
    }
}
