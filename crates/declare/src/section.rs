//! Sections of the config file: what declares one, and how a loader reaches the elements of one.

use std::any::Any;

use crate::declaration::Declaration;
use crate::table::Table;

/// A section of the config file.
pub trait Section: Default + Clone + Send + 'static {
    /// As in `[name]`; empty for the keys before the first section.
    const NAME: &'static str;
    const SHAPE: Shape = Shape::One;

    fn declare(it: Declaration<Self>) -> Declaration<Self>;

    /// What is wrong with its values as they are together.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What is wrong with all elements of an array of sections together.
    fn check_all(all: &[Self]) -> Result<(), String> {
        all.iter().try_for_each(Self::check)
    }
}

/// How often a section may stand in a file, and what its elements start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[name]`
    One,
    /// `[[name]]`: an element that stands alone starts from the defaults, several start from empty values. Has as many
    /// elements as this without any in the file.
    Array { default_elements: usize },
    /// `[[name]]`, also `[name]`: elements always start from empty values.
    Fresh { default_elements: usize },
}

impl Shape {
    pub fn is_array(self) -> bool {
        self != Shape::One
    }

    /// How many elements there are without any in the file.
    pub fn default_elements(self) -> usize {
        match self {
            Shape::One => 1,
            Shape::Array { default_elements } | Shape::Fresh { default_elements } => default_elements,
        }
    }

    /// Whether an element of so many in a file starts from the defaults.
    pub(crate) fn keeps_defaults(self, elements: usize) -> bool {
        match self {
            Shape::One => true,
            Shape::Array { default_elements } => elements == 1 && default_elements == 1,
            Shape::Fresh { .. } => false,
        }
    }
}

/// One section of a config in memory, whatever its type: what loaders and printers work on.
pub struct Slot<'a> {
    pub name: &'static str,
    pub shape: Shape,
    /// The environment may leave out the index of the only element.
    pub implicit_index: bool,
    pub table: Table,
    elements: Box<dyn Elements + 'a>,
}

impl<'a> Slot<'a> {
    pub fn one<S: Section>(section: &'a mut S) -> Self {
        Slot::new(S::NAME, S::SHAPE, Table::of(S::declare), Box::new(One(section)))
    }

    pub fn array<S: Section>(sections: &'a mut Vec<S>) -> Self {
        Slot::new(S::NAME, S::SHAPE, Table::of(S::declare), Box::new(Many { sections, check_all: S::check_all }))
    }

    pub(crate) fn new(name: &'static str, shape: Shape, table: Table, elements: Box<dyn Elements + 'a>) -> Self {
        Slot { name, shape, implicit_index: false, table, elements }
    }

    /// Lets the environment leave out the index of the only element.
    #[must_use]
    pub fn implicit_index(mut self) -> Self {
        self.implicit_index = true;
        self
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element of this index, below `len`.
    pub fn element(&mut self, index: usize) -> Option<&mut (dyn Any + Send)> {
        self.elements.get(index)
    }

    /// What is wrong with the section.
    pub fn check(&self) -> Result<(), String> {
        self.elements.check()
    }

    /// Makes room for so many elements of a file, each with the values that it starts from.
    pub(crate) fn begin(&mut self, count: usize) {
        self.elements.resize(count);
        if !self.shape.keeps_defaults(count) {
            for index in 0..count {
                if let Some(element) = self.elements.get(index) {
                    self.table.zero(element);
                }
            }
        }
    }

    /// A new element of an array: empty, but for the defaults of elements that are made over HTTP.
    pub fn push(&mut self) -> Option<&mut (dyn Any + Send)> {
        let index = self.elements.len();
        self.elements.resize(index + 1);
        let element = self.elements.get(index)?;
        self.table.zero(element);
        crate::overrides::apply_created_defaults(&self.table, element);
        Some(element)
    }

    /// Gives all elements the defaults that stand for empty values.
    pub fn refill(&mut self) {
        for index in 0..self.elements.len() {
            if let Some(element) = self.elements.get(index) {
                self.table.refill(element);
            }
        }
    }

    /// `[smtp]`, `[[influxdb]]`
    pub fn heading(&self) -> String {
        if self.shape.is_array() { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

/// The elements of a section.
pub(crate) trait Elements {
    fn len(&self) -> usize;
    fn get(&mut self, index: usize) -> Option<&mut (dyn Any + Send)>;
    /// Keeps the elements up to this count; new ones have the defaults.
    fn resize(&mut self, count: usize);
    fn check(&self) -> Result<(), String>;
}

struct One<'a, S>(&'a mut S);

impl<S: Section> Elements for One<'_, S> {
    fn len(&self) -> usize {
        1
    }

    fn get(&mut self, index: usize) -> Option<&mut (dyn Any + Send)> {
        if index == 0 { Some(self.0) } else { None }
    }

    fn resize(&mut self, _count: usize) {}

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}

struct Many<'a, S> {
    sections: &'a mut Vec<S>,
    check_all: fn(&[S]) -> Result<(), String>,
}

impl<S: Default + Send + Clone + 'static> Elements for Many<'_, S> {
    fn len(&self) -> usize {
        self.sections.len()
    }

    fn get(&mut self, index: usize) -> Option<&mut (dyn Any + Send)> {
        match self.sections.get_mut(index) {
            Some(section) => Some(section),
            None => None,
        }
    }

    fn resize(&mut self, count: usize) {
        self.sections.resize_with(count, S::default);
    }

    fn check(&self) -> Result<(), String> {
        (self.check_all)(self.sections)
    }
}
