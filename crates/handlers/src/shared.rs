//! Connections that all handlers of one section of the config share, made anew when the section changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Section;

/// Connections by the name of their section's element.
pub(crate) struct Shared<T>(Mutex<HashMap<String, (Section, Arc<T>)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared(Mutex::default())
    }
}

impl<T> Shared<T> {
    /// The connection of a section as it is now.
    pub(crate) fn get(
        &self,
        name: &str,
        section: &Section,
        open: impl FnOnce(&Section) -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, connection)) = all.get(name)
            && made_of == section
        {
            return Ok(connection.clone());
        }
        let connection = Arc::new(open(section)?);
        all.insert(name.to_string(), (section.clone(), connection.clone()));
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::configs;

    #[test]
    fn a_changed_section_gets_another_connection() {
        let section = |url: &str| configs(&[("mqtt", json!({"url": url}))]).all("mqtt")[0].clone();
        let shared = Shared::default();
        let open = |section: &Section| Ok(section.text("url").to_string());
        let first = shared.get("a", &section("x"), open).unwrap();
        assert!(Arc::ptr_eq(&first, &shared.get("a", &section("x"), open).unwrap()));
        assert_eq!(*shared.get("a", &section("y"), open).unwrap(), "y");
        assert_eq!(shared.get("a", &section("z"), |_| Err("no".to_string())), Err("no".to_string()));
        assert_eq!(*shared.get("a", &section("y"), open).unwrap(), "y");
    }
}
