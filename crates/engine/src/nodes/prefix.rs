//! The prefixes that `.as(..)` of join and combine gives to fields.

/// Whether there is one prefix for each of `count` things called `what`, each usable and no two alike.
pub(super) fn check_prefixes(
    node: &str,
    names: &[String],
    count: usize,
    what: &str,
    delimiter: &str,
) -> Result<(), String> {
    if names.is_empty() {
        return Err(format!("{node}: .as(..) is missing: it gives each of the {count} {what} a prefix for its fields"));
    }
    if names.len() != count {
        return Err(format!("{node}: .as(..) has {} prefixes for {count} {what}", names.len()));
    }
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("{node}: a prefix in .as(..) is empty"));
        }
        if !delimiter.is_empty() && name.contains(delimiter) {
            return Err(format!(
                "{node}: the prefix '{name}' in .as(..) contains the delimiter '{delimiter}': choose another prefix or .delimiter(..)"
            ));
        }
        if names[..index].contains(name) {
            return Err(format!("{node}: the prefix '{name}' stands twice in .as(..)"));
        }
    }
    Ok(())
}
