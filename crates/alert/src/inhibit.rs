//! What one alert silences of others: `.inhibit('category', 'tag')`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// All inhibitors of all alert nodes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Inhibitors(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Inhibitors that hold back now; most daemons have none, so most events ask no more.
    active: AtomicUsize,
    by_category: Mutex<HashMap<Arc<str>, Vec<Weak<Silence>>>>,
}

#[derive(Debug)]
struct Silence {
    category: Arc<str>,
    tags: Vec<(Arc<str>, Arc<str>)>,
    on: AtomicBool,
}

/// Holds back the events of a category that have these tags, while it is on. Gone when dropped.
#[derive(Debug)]
pub struct Inhibitor {
    silence: Arc<Silence>,
    shared: Arc<Shared>,
}

impl Inhibitors {
    /// A new inhibitor, off. A tag that an event lacks counts as empty.
    pub fn add(&self, category: impl Into<Arc<str>>, tags: Vec<(Arc<str>, Arc<str>)>) -> Inhibitor {
        let silence = Arc::new(Silence { category: category.into(), tags, on: AtomicBool::new(false) });
        let mut by_category = self.0.by_category.lock().unwrap_or_else(PoisonError::into_inner);
        by_category.entry(silence.category.clone()).or_default().push(Arc::downgrade(&silence));
        Inhibitor { silence, shared: self.0.clone() }
    }

    /// Whether anything may be held back now.
    pub fn is_active(&self) -> bool {
        self.0.active.load(Ordering::Acquire) > 0
    }

    /// Whether an event of this category with these tags is held back.
    pub fn is_inhibited(&self, category: &str, tags: &[(Arc<str>, Arc<str>)]) -> bool {
        if !self.is_active() {
            return false;
        }
        let by_category = self.0.by_category.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(silences) = by_category.get(category) else { return false };
        silences.iter().filter_map(Weak::upgrade).any(|silence| silence.holds_back(tags))
    }
}

impl Silence {
    fn holds_back(&self, tags: &[(Arc<str>, Arc<str>)]) -> bool {
        let value_of = |key: &str| tags.iter().find(|(name, _)| &**name == key).map_or("", |(_, value)| value);
        self.on.load(Ordering::Acquire) && self.tags.iter().all(|(key, value)| value_of(key) == &**value)
    }
}

impl Inhibitor {
    /// Holds back from now on, or no more.
    pub fn set(&self, on: bool) {
        if self.silence.on.swap(on, Ordering::AcqRel) == on {
            return;
        }
        if on {
            self.shared.active.fetch_add(1, Ordering::AcqRel);
        } else {
            self.shared.active.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Inhibitor {
    fn drop(&mut self) {
        self.set(false);
        let mut by_category = self.shared.by_category.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(silences) = by_category.get_mut(&self.silence.category) {
            silences.retain(|weak| !std::ptr::eq(weak.as_ptr(), Arc::as_ptr(&self.silence)));
            if silences.is_empty() {
                by_category.remove(&self.silence.category);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
        pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    #[test]
    fn an_inhibitor_holds_back_its_category_and_tags_while_it_is_on() {
        let inhibitors = Inhibitors::default();
        let one = inhibitors.add("disk", tags(&[("host", "a"), ("rack", "")]));
        let event = tags(&[("host", "a"), ("cpu", "0")]);
        assert!(!inhibitors.is_inhibited("disk", &event));
        one.set(true);
        one.set(true);
        assert!(inhibitors.is_inhibited("disk", &event));
        assert!(!inhibitors.is_inhibited("disk", &tags(&[("host", "b")])));
        assert!(!inhibitors.is_inhibited("disk", &tags(&[("host", "a"), ("rack", "1")])));
        assert!(!inhibitors.is_inhibited("cpu", &event));
        one.set(false);
        assert!(!inhibitors.is_inhibited("disk", &event));
        one.set(true);
        drop(one);
        assert!(!inhibitors.is_inhibited("disk", &event));
        assert_eq!(inhibitors.0.active.load(Ordering::Acquire), 0);
        assert!(inhibitors.0.by_category.lock().unwrap().is_empty());
    }
}
