//! Maps and sets whose keys are hashed in a few steps. Seeds differ from process to process: many keys come from outside.

/// A map for what is looked up often.
pub type FastMap<K, V> = std::collections::HashMap<K, V, rapidhash::fast::RandomState>;
/// A set for what is looked up often.
pub type FastSet<K> = std::collections::HashSet<K, rapidhash::fast::RandomState>;
