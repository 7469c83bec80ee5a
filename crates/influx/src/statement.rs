//! The texts of the statements that manage databases and subscriptions.

use influxql::{quote_identifier, quote_string};

/// Creates `database` unless it exists; `policy` names its default retention policy if not empty.
pub fn create_database(database: &str, policy: &str) -> String {
    let database = quote_identifier(database);
    if policy.is_empty() {
        return format!("CREATE DATABASE {database}");
    }
    format!("CREATE DATABASE {database} WITH NAME {}", quote_identifier(policy))
}

/// Has what is written to `database`.`policy` delivered to `destination`.
pub fn create_subscription(name: &str, database: &str, policy: &str, destination: &str) -> String {
    let (name, database, policy) = (quote_identifier(name), quote_identifier(database), quote_identifier(policy));
    format!("CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS ANY {}", quote_string(destination))
}

/// Ends the subscription `name` of `database`.`policy`.
pub fn drop_subscription(name: &str, database: &str, policy: &str) -> String {
    format!(
        "DROP SUBSCRIPTION {} ON {}.{}",
        quote_identifier(name),
        quote_identifier(database),
        quote_identifier(policy)
    )
}

pub(crate) fn show_policies(database: &str) -> String {
    format!("SHOW RETENTION POLICIES ON {}", quote_identifier(database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(create_database("a\"b", ""), r#"CREATE DATABASE "a\"b""#);
        assert_eq!(create_database("a", "week"), "CREATE DATABASE a WITH NAME week");
        assert_eq!(create_database("group", "1w"), r#"CREATE DATABASE "group" WITH NAME "1w""#);
        assert_eq!(
            create_subscription("kapacitor-1", "t", "autogen", "http://h:9092"),
            r#"CREATE SUBSCRIPTION "kapacitor-1" ON t.autogen DESTINATIONS ANY 'http://h:9092'"#
        );
        assert_eq!(drop_subscription("k", "d'b", "r\\p"), r#"DROP SUBSCRIPTION k ON "d'b"."r\\p""#);
    }
}
