//! Documentation and editor completion from tables.

use serde_json::{Value as Json, json};

use crate::item::Item;
use crate::table::Table;

/// A page of documentation in Markdown; `title` is how the item is called: `|derivative`, `[smtp]`.
pub fn render_markdown(title: &str, table: &Table) -> String {
    let mut page = format!("# {title}\n\n{}\n", table.about());
    let arguments: Vec<&Item> = table.arguments().filter(|item| !item.hidden).collect();
    if !arguments.is_empty() {
        page.push_str(&format!("\n`{}`\n", table.signature(title)));
        page.push_str("\n| argument | type | about |\n|---|---|---|\n");
        for item in arguments {
            page.push_str(&format!(
                "| {} | {} | {} |\n",
                cell(&item.name),
                cell(&item.kind.to_string()),
                cell(&item.about)
            ));
        }
    }
    let fresh = table.fresh();
    let defaults = table.values(&*fresh);
    let properties: Vec<(&Item, String)> = table
        .items()
        .iter()
        .zip(&defaults)
        .filter(|(item, _)| !item.is_argument() && !item.hidden)
        .map(|(item, shown)| (item, default_text(item, &shown.json)))
        .collect();
    if !properties.is_empty() {
        page.push_str("\n| property | default | about |\n|---|---|---|\n");
        for (item, default) in properties {
            page.push_str(&format!("| `{}` | {} | {} |\n", cell(&item.signature()), cell(&default), cell(&item.about)));
        }
    }
    for example in table.examples() {
        page.push_str(&format!("\n```js\n{example}\n```\n"));
    }
    page
}

/// A page about a section of the config, whose heading is `[smtp]` or `[[influxdb]]`.
pub fn render_section(heading: &str, table: &Table) -> String {
    let mut page = format!("# {heading}\n\n{}\n\n| key | type | default | about |\n|---|---|---|---|\n", table.about());
    let fresh = table.fresh();
    for (item, shown) in table.items().iter().zip(table.values(&*fresh)).filter(|(item, _)| !item.hidden) {
        let choices: Vec<String> = item.choices.iter().map(|choice| format!("`{choice:?}`")).collect();
        let choices = if choices.is_empty() { String::new() } else { format!(" One of {}.", choices.join(", ")) };
        page.push_str(&format!(
            "| `{}` | {} | {} | {}{} |\n",
            cell(&item.name),
            cell(&item.kind.to_string()),
            cell(&default_text(item, &shown.json)),
            cell(&item.about),
            cell(&choices)
        ));
    }
    page
}

/// What an editor needs to complete and explain it.
pub fn completion(name: &str, table: &Table) -> Json {
    let properties: Vec<Json> = table
        .properties()
        .filter(|item| !item.hidden)
        .map(|item| json!({"name": item.name, "signature": item.signature(), "about": item.about}))
        .collect();
    json!({
        "name": name,
        "signature": table.signature(name),
        "about": table.about(),
        "properties": properties,
        "examples": table.examples().collect::<Vec<_>>(),
    })
}

fn default_text(item: &Item, json: &Json) -> String {
    match (&item.default_text, json) {
        (Some(text), _) => text.to_string(),
        (None, Json::Null) => String::new(),
        (None, Json::String(text)) if text.is_empty() => String::new(),
        (None, Json::Array(items)) if items.is_empty() => String::new(),
        (None, Json::String(text)) => format!("`{text}`"),
        (None, other) => format!("`{other}`"),
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Declaration;

    #[derive(Default, Clone)]
    struct Node {
        field: String,
        unit: crate::Nanos,
        old: bool,
    }

    fn table() -> Table {
        Table::of::<Node>(|it: Declaration<Node>| {
            it.about("Does things.")
                .argument("field", "The field | tag.", |d| &mut d.field)
                .property("unit", "The unit.", |d| &mut d.unit)
                .flag("old", "Not for you.", |d| &mut d.old)
                .hidden()
                .example("stream|from()|node('a')")
        })
    }

    #[test]
    fn a_page_shows_what_is_documented() {
        let page = render_markdown("node", &table());
        assert_eq!(
            page,
            "# node\n\nDoes things.\n\n`node(field string)`\n\n| argument | type | about |\n|---|---|---|\n\
             | field | string | The field \\| tag. |\n\n| property | default | about |\n|---|---|---|\n\
             | `unit(value duration)` | `0s` | The unit. |\n\n```js\nstream|from()|node('a')\n```\n"
        );
        assert!(render_section("[x]", &table()).ends_with("| `unit` | duration | `0s` | The unit. |\n"));
    }

    #[test]
    fn completion_is_json() {
        let json = completion("node", &table());
        assert_eq!(json["properties"][0]["signature"], "unit(value duration)");
        assert_eq!(json["properties"].as_array().map(Vec::len), Some(1));
    }
}
