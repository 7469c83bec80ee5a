//! The texts of the statements that manage databases and subscriptions.

/// `name` as an identifier.
pub(crate) fn identifier(name: &str) -> String {
    quoted(name, '"')
}

fn string(text: &str) -> String {
    quoted(text, '\'')
}

fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            _ if char == quote => out.extend(['\\', quote]),
            _ => out.push(char),
        }
    }
    out.push(quote);
    out
}

/// `name` as an identifier, bare where it may stand so, as clients of InfluxDB print it.
fn plain_identifier(name: &str) -> String {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !KEYWORDS.contains(&name.to_ascii_uppercase().as_str());
    if plain { name.to_string() } else { identifier(name) }
}

/// The words of InfluxQL that must be quoted to be names.
/// <https://docs.influxdata.com/influxdb/v1/query_language/spec/#keywords>
const KEYWORDS: [&str; 73] = [
    "ALL",
    "ALTER",
    "ANALYZE",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BY",
    "CREATE",
    "CONTINUOUS",
    "DATABASE",
    "DATABASES",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESTINATIONS",
    "DIAGNOSTICS",
    "DISTINCT",
    "DROP",
    "DURATION",
    "END",
    "EVERY",
    "EXPLAIN",
    "FIELD",
    "FOR",
    "FROM",
    "FUTURE",
    "GRANT",
    "GRANTS",
    "GROUP",
    "GROUPS",
    "IN",
    "INF",
    "INSERT",
    "INTO",
    "KEY",
    "KEYS",
    "KILL",
    "LIMIT",
    "SHOW",
    "MEASUREMENT",
    "MEASUREMENTS",
    "NAME",
    "OFFSET",
    "ON",
    "ORDER",
    "PASSWORD",
    "PAST",
    "POLICY",
    "POLICIES",
    "PRIVILEGES",
    "QUERIES",
    "QUERY",
    "READ",
    "REPLICATION",
    "RESAMPLE",
    "RETENTION",
    "REVOKE",
    "SELECT",
    "SERIES",
    "SET",
    "SHARD",
    "SHARDS",
    "SLIMIT",
    "SOFFSET",
    "STATS",
    "SUBSCRIPTION",
    "SUBSCRIPTIONS",
    "TAG",
    "TO",
    "USER",
    "VALUES",
    "WHERE",
];

/// Creates `database` unless it exists; `policy` names its default retention policy if not empty.
pub fn create_database(database: &str, policy: &str) -> String {
    let database = plain_identifier(database);
    if policy.is_empty() {
        return format!("CREATE DATABASE {database}");
    }
    format!("CREATE DATABASE {database} WITH NAME {}", plain_identifier(policy))
}

/// Has what is written to `database`.`policy` delivered to `destination`.
pub fn create_subscription(name: &str, database: &str, policy: &str, destination: &str) -> String {
    let (name, database, policy) = (identifier(name), identifier(database), identifier(policy));
    format!("CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS ANY {}", string(destination))
}

/// Ends the subscription `name` of `database`.`policy`.
pub fn drop_subscription(name: &str, database: &str, policy: &str) -> String {
    format!("DROP SUBSCRIPTION {} ON {}.{}", identifier(name), identifier(database), identifier(policy))
}

pub(crate) fn show_policies(database: &str) -> String {
    format!("SHOW RETENTION POLICIES ON {}", identifier(database))
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
            r#"CREATE SUBSCRIPTION "kapacitor-1" ON "t"."autogen" DESTINATIONS ANY 'http://h:9092'"#
        );
        assert_eq!(drop_subscription("k", "d'b", "r\\p"), r#"DROP SUBSCRIPTION "k" ON "d'b"."r\\p""#);
    }
}
