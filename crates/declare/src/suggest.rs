//! Names near to one that was written wrong: "did you mean".

/// The candidates nearest to `name`, best first, at most three, none that is far away.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    // Longer names are not worth the quadratic comparison: nobody mistypes a name of that length.
    const LONGEST: usize = 64;
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = name.to_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| Some((closeness(&wanted, &candidate.to_lowercase())?, candidate)))
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, candidate)| candidate.to_string()).collect()
}

/// `, did you mean "window"?`, or nothing.
pub fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!(", did you mean {one:?}?"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|name| format!("{name:?}")).collect();
            format!(", did you mean {} or {last:?}?", first.join(", "))
        }
    }
}

/// Smaller is nearer. `None` if they are not alike.
fn closeness(wanted: &str, candidate: &str) -> Option<usize> {
    let distance = edit_distance(wanted, candidate);
    let length = wanted.chars().count().max(candidate.chars().count());
    let allowed = match length {
        0..=2 => 1,
        3..=5 => 2,
        _ => length / 3,
    };
    if distance <= allowed && distance < length {
        return Some(distance);
    }
    // Half a name, or a name with more to it.
    let is_part = |part: &str, whole: &str| part.len() >= 4 && (whole.starts_with(part) || whole.ends_with(part));
    (is_part(wanted, candidate) || is_part(candidate, wanted)).then_some(length)
}

/// Insertions, deletions, changes and swaps of neighbours.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [&str; 8] = ["window", "where", "derivative", "eval", "httpOut", "influxDBOut", "mean", "median"];

    #[test]
    fn finds_typing_errors() {
        assert_eq!(nearest("windw", NODES), ["window"]);
        assert_eq!(nearest("wehre", NODES), ["where"]);
        assert_eq!(nearest("httpout", NODES), ["httpOut"]);
        assert_eq!(nearest("influxOut", NODES), ["influxDBOut"]);
        assert_eq!(nearest("out", NODES), Vec::<String>::new());
        assert_eq!(nearest("movingmean", NODES), ["mean"]);
        assert_eq!(nearest("xyz", NODES), Vec::<String>::new());
        assert_eq!(nearest("", NODES), Vec::<String>::new());
    }

    #[test]
    fn says_it() {
        assert_eq!(did_you_mean(&[]), "");
        assert_eq!(did_you_mean(&["a".into()]), ", did you mean \"a\"?");
        assert_eq!(did_you_mean(&["a".into(), "b".into()]), ", did you mean \"a\" or \"b\"?");
    }
}
