//! Go's reference layouts: the parts of `Mon Jan 2 15:04:05 MST 2006` name the parts of any time.
use std::fmt::Write;

use super::{Civil, Moment, Zone, zone};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The English name of a month, January is 1.
pub(crate) fn month_name(month: u8) -> &'static str {
    MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or("%!Month")
}

/// The English name of a weekday, Sunday is 0.
pub(crate) fn weekday_name(weekday: u8) -> &'static str {
    WEEKDAYS.get(usize::from(weekday)).copied().unwrap_or("%!Weekday")
}

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    LongMonth,
    Month,
    MonthNumber { padded: bool },
    LongWeekday,
    Weekday,
    Day { pad: Option<char> },
    YearDay { pad: char },
    Hour,
    Hour12 { padded: bool },
    Minute { padded: bool },
    Second { padded: bool },
    LongYear,
    Year,
    HalfDay { upper: bool },
    ZoneName,
    Offset { zulu: bool, colons: bool, shown: Shown },
    Fraction { digits: usize, trimmed: bool, mark: char },
}

/// How much of a zone's offset is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Hours,
    Minutes,
    Seconds,
}

/// The words of layouts with a fixed spelling; of two that begin alike the longer comes first.
const WORDS: [(&str, Part); 31] = {
    use Part::*;
    use Shown::*;
    [
        ("January", LongMonth),
        ("Jan", Month),
        ("Monday", LongWeekday),
        ("Mon", Weekday),
        ("MST", ZoneName),
        ("002", YearDay { pad: '0' }),
        ("01", MonthNumber { padded: true }),
        ("02", Day { pad: Some('0') }),
        ("03", Hour12 { padded: true }),
        ("04", Minute { padded: true }),
        ("05", Second { padded: true }),
        ("06", Year),
        ("15", Hour),
        ("1", MonthNumber { padded: false }),
        ("2006", LongYear),
        ("2", Day { pad: None }),
        ("__2", YearDay { pad: ' ' }),
        ("_2", Day { pad: Some(' ') }),
        ("3", Hour12 { padded: false }),
        ("4", Minute { padded: false }),
        ("5", Second { padded: false }),
        ("PM", HalfDay { upper: true }),
        ("pm", HalfDay { upper: false }),
        ("-070000", Offset { zulu: false, colons: false, shown: Seconds }),
        ("-07:00:00", Offset { zulu: false, colons: true, shown: Seconds }),
        ("-0700", Offset { zulu: false, colons: false, shown: Minutes }),
        ("-07:00", Offset { zulu: false, colons: true, shown: Minutes }),
        ("-07", Offset { zulu: false, colons: false, shown: Hours }),
        ("Z070000", Offset { zulu: true, colons: false, shown: Seconds }),
        ("Z07:00:00", Offset { zulu: true, colons: true, shown: Seconds }),
        ("Z0700", Offset { zulu: true, colons: false, shown: Minutes }),
    ]
};
const MORE_WORDS: [(&str, Part); 2] = [
    ("Z07:00", Part::Offset { zulu: true, colons: true, shown: Shown::Minutes }),
    ("Z07", Part::Offset { zulu: true, colons: false, shown: Shown::Hours }),
];

/// The part at the beginning of the layout and its length.
fn part_at(layout: &str) -> Option<(Part, usize)> {
    let first = *layout.as_bytes().first()?;
    if !matches!(first, b'J' | b'M' | b'P' | b'p' | b'Z' | b'_' | b'-' | b'.' | b',' | b'0'..=b'9') {
        return None;
    }
    if first == b'.' || first == b',' {
        return fraction_at(layout);
    }
    // `_2006` is an underscore and a year.
    if layout.starts_with("_2006") {
        return None;
    }
    let (word, part) = WORDS.iter().chain(&MORE_WORDS).find(|(word, _)| layout.starts_with(word))?;
    let short_name = matches!(part, Part::Month | Part::Weekday);
    if short_name && layout[word.len()..].starts_with(|next: char| next.is_ascii_lowercase()) {
        return None;
    }
    Some((*part, word.len()))
}

/// `.000` or `.999`, which must not be followed by other digits.
fn fraction_at(layout: &str) -> Option<(Part, usize)> {
    let mark = layout.chars().next()?;
    let digit = layout[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = layout[1..].chars().take_while(|next| *next == digit).count();
    if layout[1 + digits..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    Some((Part::Fraction { digits, trimmed: digit == '9', mark }, 1 + digits))
}

/// Appends the time in that layout.
pub(super) fn write(time: Moment, layout: &str, out: &mut String) {
    let civil = time.civil();
    let mut rest = layout;
    while let Some(next) = rest.chars().next() {
        match part_at(rest) {
            Some((part, length)) => {
                write_part(part, time, &civil, out);
                rest = &rest[length..];
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
}

/// Appends date, mark, time and fraction as most outputs have them, without going through a layout; false, and nothing
/// appended, for years that have not four digits.
pub(super) fn write_common(time: Moment, mark: char, out: &mut String) -> bool {
    let civil = time.civil();
    if !(0..=9999).contains(&civil.year) {
        return false;
    }
    let two = |number: u8| [char::from(b'0' + number / 10), char::from(b'0' + number % 10)];
    out.extend(two((civil.year / 100) as u8));
    out.extend(two((civil.year % 100) as u8));
    for (before, number) in
        [('-', civil.month), ('-', civil.day), (mark, civil.hour), (':', civil.minute), (':', civil.second)]
    {
        out.push(before);
        out.extend(two(number));
    }
    if time.nanos > 0 {
        write_fraction(time.nanos, 9, true, '.', out);
    }
    true
}

fn write_part(part: Part, time: Moment, civil: &Civil, out: &mut String) {
    let hour12 = match civil.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let two = |padded: bool, number: u8, out: &mut String| {
        if padded && number < 10 {
            out.push('0');
        }
        let _ = write!(out, "{number}");
    };
    match part {
        Part::LongMonth => out.push_str(month_name(civil.month)),
        Part::Month => out.push_str(&month_name(civil.month)[..3]),
        Part::MonthNumber { padded } => two(padded, civil.month, out),
        Part::LongWeekday => out.push_str(weekday_name(civil.weekday)),
        Part::Weekday => out.push_str(&weekday_name(civil.weekday)[..3]),
        Part::Day { pad } => {
            out.extend(pad.filter(|_| civil.day < 10));
            two(false, civil.day, out);
        }
        Part::YearDay { pad } => {
            let width = civil.year_day.max(1).ilog10() as usize + 1;
            out.extend(std::iter::repeat_n(pad, 3 - width.min(3)));
            let _ = write!(out, "{}", civil.year_day);
        }
        Part::Hour => two(true, civil.hour, out),
        Part::Hour12 { padded } => two(padded, hour12, out),
        Part::Minute { padded } => two(padded, civil.minute, out),
        Part::Second { padded } => two(padded, civil.second, out),
        Part::LongYear => {
            let sign = if civil.year < 0 { "-" } else { "" };
            let _ = write!(out, "{sign}{:04}", civil.year.unsigned_abs());
        }
        Part::Year => two(true, civil.year.rem_euclid(100) as u8, out),
        Part::HalfDay { upper } => out.push_str(match (civil.hour >= 12, upper) {
            (true, true) => "PM",
            (true, false) => "pm",
            (false, true) => "AM",
            (false, false) => "am",
        }),
        Part::ZoneName => write_zone(time, civil.offset, out),
        Part::Offset { zulu: true, .. } if civil.offset == 0 => out.push('Z'),
        Part::Offset { colons, shown, .. } => write_offset(civil.offset, colons, shown, out),
        Part::Fraction { digits, trimmed, mark } => write_fraction(time.nanos, digits, trimmed, mark, out),
    }
}

/// The abbreviation of the zone; its offset where it has no name for it.
fn write_zone(time: Moment, offset: i32, out: &mut String) {
    if time.zone == Zone::Utc {
        out.push_str("UTC");
        return;
    }
    match zone::local_time(time.seconds, offset) {
        Some(local) => out.push_str(&local.name),
        None if offset == 0 => out.push_str("UTC"),
        None => {
            let shown = if offset % 3600 == 0 { Shown::Hours } else { Shown::Minutes };
            write_offset(offset, false, shown, out);
        }
    }
}

fn write_offset(offset: i32, colons: bool, shown: Shown, out: &mut String) {
    let (sign, seconds) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let _ = write!(out, "{sign}{:02}", seconds / 3600);
    let colon = if colons { ":" } else { "" };
    if shown != Shown::Hours {
        let _ = write!(out, "{colon}{:02}", seconds / 60 % 60);
    }
    if shown == Shown::Seconds {
        let _ = write!(out, "{colon}{:02}", seconds % 60);
    }
}

fn write_fraction(nanos: u32, digits: usize, trimmed: bool, mark: char, out: &mut String) {
    let mut text = format!("{nanos:09}");
    text.truncate(digits);
    while text.len() < digits && !trimmed {
        text.push('0');
    }
    let kept = if trimmed { text.trim_end_matches('0') } else { &text };
    if !kept.is_empty() {
        out.push(mark);
        out.push_str(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Moment;

    #[test]
    fn layouts_name_the_parts() {
        let time = Moment::utc(1_609_506_061_520_000_000);
        for (layout, text) in [
            ("2006-01-02T15:04:05Z07:00", "2021-01-01T13:01:01Z"),
            ("Mon Jan _2 15:04:05.000 2006", "Fri Jan  1 13:01:01.520 2021"),
            ("Monday, January 2, 2006 at 3:04pm (MST)", "Friday, January 1, 2021 at 1:01pm (UTC)"),
            ("02/01/06 03:04PM MST -0700 -07:00:00", "01/01/21 01:01PM UTC +0000 +00:00:00"),
            ("15:04:05.999999999", "13:01:01.52"),
            ("05,000000 .9 .99999 .12", "01,520000 .5 .52 .11"),
            ("__2 002 _2006 Janet Month", "  1 001 _2021 Janet Month"),
        ] {
            let mut out = String::new();
            time.format(layout, &mut out);
            assert_eq!(out, text, "{layout}");
        }
    }
}
