//! The names that the machine's zone gives its offsets: `CET`, `EDT`. The offsets themselves come from `chrono`.
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// One of a zone's local times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalTime {
    /// Seconds east of UTC.
    offset: i32,
    pub(super) is_summer: bool,
    pub(super) name: String,
}

/// A zone's local times and when each began.
#[derive(Debug, Default)]
struct Names {
    times: Vec<LocalTime>,
    /// Seconds since 1970, and the number of the local time that holds from then on.
    changes: Vec<(i64, usize)>,
}

/// What the machine's zone calls a time with that offset, if its files tell.
pub(super) fn local_time(seconds: i64, offset: i32) -> Option<&'static LocalTime> {
    static NAMES: OnceLock<Names> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let bytes = zone_file().and_then(|path| std::fs::read(path).ok());
        bytes.and_then(|bytes| parse(&bytes)).unwrap_or_default()
    });
    names.find(seconds, offset)
}

impl Names {
    /// The latest local time with that offset which began by then. Files end with a rule for the future instead of
    /// changes, but the rule alternates between local times that they had before.
    fn find(&self, seconds: i64, offset: i32) -> Option<&LocalTime> {
        let begun = self.changes.partition_point(|(start, _)| *start <= seconds);
        let times = self.changes[..begun].iter().rev().filter_map(|(_, time)| self.times.get(*time));
        times.chain(&self.times).find(|time| time.offset == offset)
    }
}

/// The file of the machine's zone, found as Go finds it.
fn zone_file() -> Option<PathBuf> {
    let Ok(name) = std::env::var("TZ") else { return Some("/etc/localtime".into()) };
    let name = name.strip_prefix(':').unwrap_or(&name);
    if name.is_empty() {
        return None;
    }
    if Path::new(name).is_absolute() {
        return Some(name.into());
    }
    if name.contains("..") {
        return None;
    }
    let folders = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Reads the file format of RFC 8536: a block with short times, then one with long times.
fn parse(bytes: &[u8]) -> Option<Names> {
    let first = Counts::read(bytes)?;
    if bytes.get(4).is_none_or(|version| *version < b'2') {
        return first.names(bytes.get(Counts::HEADER..)?, 4);
    }
    let second = bytes.get(Counts::HEADER + first.length(4)..)?;
    Counts::read(second)?.names(second.get(Counts::HEADER..)?, 8)
}

struct Counts {
    utc_marks: usize,
    standard_marks: usize,
    leap_seconds: usize,
    changes: usize,
    times: usize,
    letters: usize,
}

impl Counts {
    const HEADER: usize = 44;

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let count = |index: usize| {
            let at = 20 + 4 * index;
            let count: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            // No zone has more of anything.
            usize::try_from(u32::from_be_bytes(count)).ok().filter(|count| *count <= 1 << 16)
        };
        Some(Self {
            utc_marks: count(0)?,
            standard_marks: count(1)?,
            leap_seconds: count(2)?,
            changes: count(3)?,
            times: count(4)?,
            letters: count(5)?,
        })
    }

    /// Bytes of the block when a time has `width` bytes.
    fn length(&self, width: usize) -> usize {
        self.changes * (width + 1)
            + self.times * 6
            + self.letters
            + self.leap_seconds * (width + 4)
            + self.standard_marks
            + self.utc_marks
    }

    fn names(&self, block: &[u8], width: usize) -> Option<Names> {
        let (starts, rest) = block.split_at_checked(self.changes * width)?;
        let (numbers, rest) = rest.split_at_checked(self.changes)?;
        let (times, rest) = rest.split_at_checked(self.times * 6)?;
        let letters = rest.get(..self.letters)?;
        let local_time = |bytes: &[u8]| {
            let name = letters.get(usize::from(bytes[5])..)?.split(|byte| *byte == 0).next()?;
            Some(LocalTime {
                offset: i32::from_be_bytes(bytes[..4].try_into().ok()?),
                is_summer: bytes[4] != 0,
                name: String::from_utf8_lossy(name).into_owned(),
            })
        };
        let start = |bytes: &[u8]| match bytes.try_into() {
            Ok(long) => i64::from_be_bytes(long),
            Err(_) => bytes.try_into().map_or(0, |short| i64::from(i32::from_be_bytes(short))),
        };
        Some(Names {
            times: times.chunks_exact(6).map(local_time).collect::<Option<_>>()?,
            changes: starts.chunks_exact(width).map(start).zip(numbers.iter().map(|n| usize::from(*n))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// A file with two local times and three changes, in the long form alone.
    fn file() -> Vec<u8> {
        let header = |counts: [u32; 6]| {
            let mut bytes = b"TZif2".to_vec();
            bytes.resize(20, 0);
            bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
            bytes
        };
        let mut bytes = header([0; 6]);
        bytes.extend(header([0, 0, 0, 3, 2, 9]));
        bytes.extend([100i64, 200, 300].iter().flat_map(|start| start.to_be_bytes()));
        bytes.extend([0, 1, 0]);
        for (offset, is_summer, letters) in [(3600i32, 0, 0), (7200, 1, 4)] {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([is_summer, letters]);
        }
        bytes.extend(b"CET\0CEST\0");
        bytes
    }

    #[test]
    fn offsets_have_the_names_of_the_file() {
        let names = parse(&file()).unwrap();
        for (seconds, offset, name) in
            [(0, 3600, Some("CET")), (250, 7200, Some("CEST")), (9999, 7200, Some("CEST")), (9999, 3600, Some("CET"))]
        {
            assert_eq!(names.find(seconds, offset).map(|time| time.name.as_str()), name);
        }
        assert!(names.find(250, 0).is_none());
        assert!(names.find(250, 7200).unwrap().is_summer);
    }

    #[test]
    fn damaged_files_name_nothing() {
        let whole = file();
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_none(), "{length}");
        }
        let mut wild = whole;
        wild[44 + 36] = 0xff;
        assert!(parse(&wild).is_none());
    }
}
