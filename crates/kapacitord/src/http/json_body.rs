//! Bodies in JSON, read as Kapacitor reads them.

use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Map, Value};

/// The object that a body begins with; what follows it is not looked at. Keys may be in any case, and of a key that comes
/// twice the last one counts. An empty object may be written as `null`.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn json_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let read = match Deserializer::from_slice(body).into_iter::<Value>().next() {
        Some(read) => read,
        None => serde_json::from_slice(body),
    };
    let object = match read.map_err(|why| why.to_string())? {
        Value::Null => Map::new(),
        Value::Object(object) => object,
        // A list would fill the options by their order.
        _ => return Err("it is no object".to_string()),
    };
    let mut object = lowered(object);
    if let Some(Value::Array(dbrps)) = object.get_mut("dbrps") {
        for dbrp in dbrps {
            if let Value::Object(names) = dbrp {
                *names = lowered(std::mem::take(names));
            }
        }
    }
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|why| why.to_string())
}

fn lowered(object: Map<String, Value>) -> Map<String, Value> {
    object.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect()
}

#[cfg(test)]
mod tests {
    use api::task::TaskOptions;

    use super::*;

    fn read(body: &str) -> Option<(String, usize)> {
        let options: TaskOptions = json_body(body.as_bytes()).ok()?;
        Some((options.id, options.dbrps.iter().filter(|dbrp| dbrp.db == "d" && dbrp.rp == "r").count()))
    }

    #[test]
    fn keys_are_found_in_any_case() {
        assert_eq!(read(r#"{"ID": "a", "DBRPs": [{"DB": "d", "Rp": "r"}]}"#), Some(("a".to_string(), 1)));
        assert_eq!(read(r#"{"id": "a", "id": "b"}"#), Some(("b".to_string(), 0)));
    }

    #[test]
    fn errors_name_the_place() {
        let why = json_body::<TaskOptions>(br#"{"dbrps": [{"DB": 1}]}"#).unwrap_err();
        assert!(why.starts_with("dbrps[0].db: invalid type"), "{why}");
        let why = json_body::<TaskOptions>(b"{\n\"id\" 1}").unwrap_err();
        assert!(why.contains("at line 2 column"), "{why}");
    }

    #[test]
    fn only_an_object_counts() {
        assert_eq!(read(r#"{"id": "a"} {"id": "b"}"#), Some(("a".to_string(), 0)));
        assert_eq!(read("null"), Some((String::new(), 0)));
        assert_eq!(read("[]"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("x"), None);
    }
}
