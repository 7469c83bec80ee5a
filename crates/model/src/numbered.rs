//! What is known of series, groups and the like by their numbers, found without hashing.

use crate::Schema;

/// Entries of a leaf, and leaves of a block.
const LEAF: usize = 64;
const BLOCK: usize = LEAF * 64;

type Leaf<T> = Box<[T; LEAF]>;
/// As many leaves as are needed.
type Block<T> = Vec<Option<Leaf<T>>>;

/// A value per number; the default for those that have none. Room is made for numbers near those that have one: old
/// numbers that are used no more cost next to nothing.
pub struct Numbered<T> {
    /// The version of the schema that it is of.
    version: u32,
    blocks: Vec<Block<T>>,
    leaves: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { version: 0, blocks: Vec::new(), leaves: 0 }
    }
}

impl<T: Copy + Default> Numbered<T> {
    /// What is known of this schema's numbers: nothing, if it was learnt from a version before. See
    /// [`crate::LiveSchema`].
    #[inline]
    pub fn of(&mut self, schema: &Schema) -> &mut Numbered<T> {
        if self.version != schema.version() {
            self.begin_anew(schema.version());
        }
        self
    }

    #[cold]
    fn begin_anew(&mut self, version: u32) {
        *self = Numbered { version, ..Numbered::default() };
    }

    #[inline]
    pub fn get(&self, number: u32) -> T {
        let number = number as usize;
        let leaf = self.blocks.get(number / BLOCK).and_then(|block| block.get(number % BLOCK / LEAF));
        leaf.and_then(Option::as_ref).map_or_else(T::default, |leaf| leaf[number % LEAF])
    }

    #[inline]
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        let number = number as usize;
        if number / BLOCK >= self.blocks.len() {
            self.blocks.resize_with(number / BLOCK + 1, Vec::new);
        }
        let block = &mut self.blocks[number / BLOCK];
        if number % BLOCK / LEAF >= block.len() {
            block.resize_with(number % BLOCK / LEAF + 1, || None);
        }
        let leaves = &mut self.leaves;
        let leaf = block[number % BLOCK / LEAF].get_or_insert_with(|| {
            *leaves += 1;
            Box::new([T::default(); LEAF])
        });
        &mut leaf[number % LEAF]
    }

    pub fn set(&mut self, number: u32, value: T) {
        *self.get_mut(number) = value;
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let room = self.blocks.iter().map(Vec::capacity).sum::<usize>();
        self.blocks.capacity() * size_of::<Block<T>>()
            + room * size_of::<Option<Leaf<T>>>()
            + self.leaves * size_of::<[T; LEAF]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_what_they_were_given() {
        let mut numbered: Numbered<u32> = Numbered::default();
        assert_eq!((numbered.get(7), numbered.memory()), (0, 0));
        for number in [0, 63, 64, 5000, 1 << 20] {
            numbered.set(number, number + 1);
        }
        assert_eq!(
            [0, 1, 63, 64, 5000, 5001, 1 << 20, 1 << 21].map(|it| numbered.get(it)),
            [1, 0, 64, 65, 5001, 0, (1 << 20) + 1, 0]
        );
        // Neighbours of old numbers only, not all numbers up to the last one.
        assert!(numbered.memory() < 12_000, "{}", numbered.memory());
        assert_eq!((numbered.of(&Schema::default()).get(63), numbered.memory()), (0, 0));
    }
}
