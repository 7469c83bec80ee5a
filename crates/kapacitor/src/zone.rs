//! The short name of this machine's time zone, such as `CET`, from the system's zone files.

/// The name that goes with an offset, in seconds east of Greenwich.
pub(crate) fn abbreviation(offset: i32) -> String {
    let name = zone_file().and_then(|bytes| find(&bytes, offset));
    name.unwrap_or_else(|| match offset {
        0 => "UTC".to_string(),
        _ => {
            let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
            format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
        }
    })
}

fn zone_file() -> Option<Vec<u8>> {
    let path = match std::env::var("TZ") {
        Err(_) => "/etc/localtime".to_string(),
        Ok(zone) => {
            let zone = zone.trim_start_matches(':');
            if zone.is_empty() {
                return None;
            }
            if zone.starts_with('/') { zone.to_string() } else { format!("/usr/share/zoneinfo/{zone}") }
        }
    };
    std::fs::read(path).ok()
}

/// The name of the kind of time that had this offset last, in a file as RFC 8536 describes it.
fn find(file: &[u8], offset: i32) -> Option<String> {
    let counts = |at: usize| -> Option<[usize; 6]> {
        if file.get(at..at + 4)? != b"TZif" {
            return None;
        }
        let mut counts = [0; 6];
        for (n, count) in counts.iter_mut().enumerate() {
            let from = at + 20 + n * 4;
            *count = u32::from_be_bytes(file.get(from..from + 4)?.try_into().ok()?) as usize;
        }
        Some(counts)
    };
    // A first block holds times of 32 bits, for old readers; a second one times of 64 bits.
    let (mut start, mut time_size) = (0, 4);
    if *file.get(4)? >= b'2' {
        let [utc, standard, leap, times, types, chars] = counts(0)?;
        start = 44 + times * 5 + types * 6 + chars + leap * 8 + standard + utc;
        time_size = 8;
    }
    let [_, _, _, times, types, chars] = counts(start)?;
    let kinds_of_times = start + 44 + times * time_size;
    let kinds = kinds_of_times + times;
    let names = kinds + types * 6;
    let kind = |index: usize| -> Option<(i32, usize)> {
        let bytes = file.get(kinds + index * 6..kinds + index * 6 + 6)?;
        Some((i32::from_be_bytes(bytes[..4].try_into().ok()?), bytes[5] as usize))
    };
    let used = file.get(kinds_of_times..kinds)?.iter().rev().map(|index| *index as usize);
    let (_, name) = used.chain(0..types).filter_map(kind).find(|(seconds, _)| *seconds == offset)?;
    let name = file.get(names + name..names + chars)?.split(|byte| *byte == 0).next()?;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file with two kinds of time, in its first form.
    fn sample() -> Vec<u8> {
        let mut file = b"TZif".to_vec();
        file.extend([0; 16]);
        for count in [0u32, 0, 0, 2, 2, 9] {
            file.extend(count.to_be_bytes());
        }
        file.extend([0; 8]);
        file.extend([0, 1]);
        file.extend(3600i32.to_be_bytes());
        file.extend([0, 0]);
        file.extend(7200i32.to_be_bytes());
        file.extend([1, 4]);
        file.extend(b"CET\0CEST\0");
        file
    }

    #[test]
    fn names_are_found_by_offset() {
        let file = sample();
        assert_eq!(find(&file, 3600).as_deref(), Some("CET"));
        assert_eq!(find(&file, 7200).as_deref(), Some("CEST"));
        assert_eq!(find(&file, 0), None);
        for cut in 0..file.len() {
            let _ = find(&file[..cut], 3600);
        }
        assert_eq!(find(b"nonsense", 0), None);
    }
}
