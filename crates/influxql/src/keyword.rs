//! The reserved words of InfluxQL: a name that is one of them has to be quoted.

/// All reserved words, sorted.
#[rustfmt::skip]
const KEYWORDS: [&str; 80] = [
    "ALL", "ALTER", "ANALYZE", "AND", "ANY", "AS", "ASC", "BEGIN", "BY", "CARDINALITY", "CONTINUOUS", "CREATE",
    "DATABASE", "DATABASES", "DEFAULT", "DELETE", "DESC", "DESTINATIONS", "DIAGNOSTICS", "DISTINCT", "DROP",
    "DURATION", "END", "EVERY", "EXACT", "EXPLAIN", "FALSE", "FIELD", "FOR", "FROM", "GRANT", "GRANTS", "GROUP",
    "GROUPS", "IN", "INF", "INSERT", "INTO", "KEY", "KEYS", "KILL", "LIMIT", "MEASUREMENT", "MEASUREMENTS", "NAME",
    "OFFSET", "ON", "OR", "ORDER", "PASSWORD", "POLICIES", "POLICY", "PRIVILEGES", "QUERIES", "QUERY", "READ",
    "REPLICATION", "RESAMPLE", "RETENTION", "REVOKE", "SELECT", "SERIES", "SET", "SHARD", "SHARDS", "SHOW", "SLIMIT",
    "SOFFSET", "STATS", "SUBSCRIPTION", "SUBSCRIPTIONS", "TAG", "TO", "TRUE", "USER", "USERS", "VALUES", "WHERE",
    "WITH", "WRITE",
];

/// The words that may open a statement, in the order in which an error lists them.
pub(crate) const STATEMENTS: [&str; 11] =
    ["SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET", "KILL"];

/// The reserved word that `word` is, in any case of letters.
pub(crate) fn lookup(word: &str) -> Option<&'static str> {
    if word.len() > 13 || word.len() < 2 {
        return None;
    }
    KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)).copied()
}
