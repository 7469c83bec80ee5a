//! What is saved by one schema and read by another.

use super::*;
use crate::{Frame, Kept, KeptRows, Precision, Save, Value, Words, parse_lines};

const LINES: &str = "cpu,host=a,dc=x\\ y v=1.5,n=-3i,s=\"one\" 10\ncpu,host=a,dc=x\\ y v=2.5,n=4i,s=\"two\" 20\n\
    mem,host=b ok=true 15\ncpu,host=a,dc=x\\ y v=0.5,n=4i,s=\"\" 30\n";

fn sealed(schema: &Schema, value: &impl Save) -> Vec<u8> {
    let mut out = Saver::new(schema);
    value.save(&mut out);
    let (bytes, refs) = out.finish();
    seal(schema, &refs, &bytes)
}

fn opened<T: Save>(schema: &Schema, sealed: &[u8]) -> Result<T, Damaged> {
    Saved::open(schema, sealed)?.whole(T::restore)
}

/// Rows that were kept, and the same as text.
fn held(schema: &Schema) -> (KeptRows, Vec<Kept>) {
    let (mut rows, mut words) = (Vec::new(), Words::default());
    parse_lines(schema, LINES.as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
    let by = schema.grouping(false, &["host"], None);
    rows.iter_mut().for_each(|row| row.group = schema.group_of(&by, row.series));
    let frame = Frame::new(words.into());
    let mut held = KeptRows::default();
    rows.iter().for_each(|row| held.push(schema, &frame, row));
    (held, rows.iter().map(|row| Kept::new(schema, &frame, row)).collect())
}

fn shown(schema: &Schema, frame: &Frame, row: &crate::Row) -> String {
    let (mut out, series) = (schema.group_text(row.group), schema.series(row.series));
    out.push(' ');
    crate::write_line(schema, frame, row, schema.text(series.name()), series.tags(), 1, &mut out);
    out
}

#[test]
fn rows_are_the_same_in_another_process() {
    let old = Schema::default();
    let (rows, single) = held(&old);
    let (saved, saved_single) = (sealed(&old, &rows), sealed(&old, &single));
    // Numbers mean other things here.
    let new = Schema::default();
    new.name("something");
    new.series_of_texts("other", [("host", "b")]);
    let rows: KeptRows = opened(&new, &saved).unwrap();
    let single: Vec<Kept> = opened(&new, &saved_single).unwrap();
    let (mut frame, mut loaded) = (Frame::default(), Vec::new());
    rows.load(&new, &mut frame, 0..rows.len(), &mut loaded);
    let want = [
        "host=a cpu,dc=x\\ y,host=a n=-3i,s=\"one\",v=1.5 10\n",
        "host=a cpu,dc=x\\ y,host=a n=4i,s=\"two\",v=2.5 20\n",
        "host=b mem,host=b ok=true 15\n",
        "host=a cpu,dc=x\\ y,host=a n=4i,s=\"\",v=0.5 30\n",
    ];
    assert_eq!(loaded.iter().map(|row| shown(&new, &frame, row)).collect::<Vec<_>>(), want);
    let loaded: Vec<_> = single.iter().map(|kept| kept.load(&new, &mut frame)).collect();
    assert_eq!(loaded.iter().map(|row| shown(&new, &frame, row)).collect::<Vec<_>>(), want);
    // The parser meets the series that were restored.
    let known = new.sizes()[2];
    held(&new);
    assert_eq!(new.sizes()[2], known);
}

#[test]
fn values_are_short_and_come_back() {
    let schema = Schema::default();
    let group = schema.group_of_tags(true, schema.name("m"), &[(schema.name("k"), schema.name(""))]);
    let value = (
        (schema.name("n"), group, (-1i64, u64::MAX, f64::NEG_INFINITY)),
        vec![Some(Value::from("text")), Some(Value::Duration(i64::MIN)), None, Some(Value::Null)],
        ((), true),
    );
    type Saved = ((Name, GroupId, (i64, u64, f64)), Vec<Option<Value>>, ((), bool));
    let bytes = sealed(&schema, &value);
    let back: Saved = opened(&schema, &bytes).unwrap();
    assert_eq!(back, value);
    assert_eq!(group_of_key(&schema, &group_key(&schema, group)), Ok(group));
    assert_eq!(sealed(&schema, &-3i64).len(), 2);
}

#[test]
fn damage_is_told_wherever_it_is() {
    let schema = Schema::default();
    let (rows, _) = held(&schema);
    let good = sealed(&schema, &rows);
    for cut in 0..good.len() {
        assert!(opened::<KeptRows>(&schema, &good[..cut]).is_err(), "cut at {cut}");
    }
    assert!(opened::<KeptRows>(&schema, &[good.as_slice(), &[0]].concat()).is_err());
    for at in 0..good.len() {
        for wrong in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = wrong;
            // It may still be something; it must not panic, and not take memory for what is not there.
            let _ = opened::<KeptRows>(&schema, &bytes);
        }
    }
}
