//! Tests of the journal.

use std::fs;

use disk::testing::{SimDisk, Weather};
use proptest::prelude::*;

use super::*;

type Records = Vec<(Place, Vec<u8>)>;

fn open(folder: &Path, segment_bytes: u64) -> (Journal, Records, Vec<Cut>) {
    let mut records = Vec::new();
    let (journal, cuts) =
        Journal::open(folder, segment_bytes, |place, record| records.push((place, record.to_vec()))).unwrap();
    (journal, records, cuts)
}

fn texts(records: &Records) -> Vec<&str> {
    records.iter().map(|(_, record)| std::str::from_utf8(record).unwrap()).collect()
}

#[test]
fn committed_records_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, records, _) = open(folder.path(), 1 << 20);
    assert!(records.is_empty());
    let place = journal.append(b"one").unwrap();
    journal.append(b"").unwrap();
    journal.commit().unwrap();
    assert!(journal.is_unsynced());
    journal.sync().unwrap();
    assert!(!journal.is_unsynced());
    assert_eq!(journal.reader().read(place).unwrap(), b"one");
    journal.append(b"never committed").unwrap();
    drop(journal);
    let (mut journal, records, cuts) = open(folder.path(), 1 << 20);
    assert_eq!((texts(&records), cuts), (vec!["one", ""], vec![]));
    journal.append(b"two").unwrap();
    journal.commit().unwrap();
    drop(journal);
    assert_eq!(texts(&open(folder.path(), 1 << 20).1), ["one", "", "two"]);
}

#[test]
fn another_thread_may_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(folder.path(), 64);
    assert!(journal.take_unsynced().unwrap().is_none());
    journal.append(b"one").unwrap();
    let unsynced = journal.take_unsynced().unwrap().expect("what was appended is committed, and not synced");
    assert!(!journal.is_unsynced());
    for number in 0..20 {
        journal.append(format!("record number {number}").as_bytes()).unwrap();
        journal.commit().unwrap();
    }
    assert!(journal.is_unsynced());
    // The file is there though the journal goes on in others.
    std::thread::spawn(move || unsynced.sync().unwrap()).join().unwrap();
}

#[test]
fn a_journal_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (_journal, ..) = open(folder.path(), 1 << 20);
    let second = Journal::open(folder.path(), 1 << 20, |_, _| {}).unwrap_err();
    assert!(second.to_string().ends_with("is in use by another process"), "{second}");
}

#[test]
fn full_segments_are_dropped_from_the_front() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(folder.path(), 64);
    let places: Vec<Place> = (0..20)
        .map(|number| {
            let place = journal.append(format!("record number {number}").as_bytes()).unwrap();
            journal.commit().unwrap();
            place
        })
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(journal.oldest(), Some(1));
    let before = journal.bytes();
    journal.drop_oldest().unwrap();
    assert!(journal.bytes() < before);
    let mut reader = journal.reader();
    assert!(reader.read(places[0]).is_err());
    assert_eq!(reader.read(places[19]).unwrap(), b"record number 19");
    while journal.oldest().is_some() {
        journal.drop_oldest().unwrap();
    }
    drop(journal);
    let (journal, records, _) = open(folder.path(), 64);
    let head = records[0].0.segment;
    assert!(records.iter().all(|(place, _)| place.segment == head && *place <= places[19]));
    assert!(journal.oldest().is_none());
}

#[test]
fn a_damaged_end_is_cut_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(folder.path(), 1 << 20);
    for text in ["first", "second", "third"] {
        journal.append(text.as_bytes()).unwrap();
    }
    journal.commit().unwrap();
    drop(journal);
    let path = path_of(folder.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (mut journal, records, cuts) = open(folder.path(), 1 << 20);
    assert_eq!(texts(&records), ["first", "second"]);
    assert_eq!((cuts[0].bytes, cuts[0].why), (13, "a record does not have its checksum"));
    assert!(cuts[0].to_string().contains("13 bytes from byte 35 on are cut off"), "{}", cuts[0]);
    journal.append(b"fourth").unwrap();
    journal.commit().unwrap();
    drop(journal);
    assert_eq!(texts(&open(folder.path(), 1 << 20).1), ["first", "second", "fourth"]);
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("000000000001.log"), "a log of another program").unwrap();
    let error = Journal::open(folder.path(), 64, |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert_eq!(fs::read(folder.path().join("000000000001.log")).unwrap(), b"a log of another program");
}

#[test]
fn a_segment_that_was_just_being_made_is_made_again() {
    for left in [&b""[..], b"kapj", b"\0\0\0\0\0\0\0\0\0"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("000000000003.log"), left).unwrap();
        let (mut journal, ..) = open(folder.path(), 64);
        journal.append(b"x").unwrap();
        journal.commit().unwrap();
        drop(journal);
        assert_eq!(texts(&open(folder.path(), 64).1), ["x"]);
    }
}

fn open_on(disk: &SimDisk) -> (Journal, Vec<String>) {
    let mut records = Vec::new();
    let take = |_, record: &[u8]| records.push(String::from_utf8(record.to_vec()).unwrap());
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), "/j", 1 << 20, take).unwrap();
    (journal, records)
}

#[test]
fn what_is_taken_back_or_was_never_whole_does_not_come_again() {
    let disk = SimDisk::new(4);
    let (mut journal, _) = open_on(&disk);
    journal.append(b"first").unwrap();
    journal.commit().unwrap();
    let place = journal.append(b"taken back").unwrap();
    journal.append(b"and this").unwrap();
    journal.commit().unwrap();
    journal.retract(place).unwrap();
    disk.set_weather(Weather::Full);
    for text in ["much too long", "for this", "disk"] {
        journal.append(text.as_bytes()).unwrap();
    }
    journal.commit().unwrap_err();
    disk.set_weather(Weather::Fine);
    journal.append(b"second").unwrap();
    journal.sync().unwrap();
    assert_eq!(open_on(&disk.power_cut()).1, ["first", "second"]);
}

#[test]
fn nothing_lies_behind_what_a_sync_has_given_up() {
    let disk = SimDisk::new(2);
    let (mut journal, _) = open_on(&disk);
    journal.append(b"synced").unwrap();
    journal.sync().unwrap();
    journal.append(b"given up").unwrap();
    journal.commit().unwrap();
    disk.set_weather(Weather::Failing(1));
    journal.sync().unwrap_err();
    disk.set_weather(Weather::Fine);
    journal.append(b"later").unwrap();
    journal.sync().unwrap();
    assert_eq!(open_on(&disk.power_cut()).1, ["synced", "later"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to the file from some byte on, the records before it are all there, and new ones can come.
    #[test]
    fn damage_takes_nothing_that_was_before_it(
        sizes in proptest::collection::vec(0usize..40, 1..20), at in any::<prop::sample::Index>(),
        junk in proptest::collection::vec(any::<u8>(), 0..60)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(folder.path(), 1 << 20);
        let written: Records = sizes.iter().enumerate().map(|(index, size)| {
            let record = vec![index as u8; *size];
            (journal.append(&record).unwrap(), record)
        }).collect();
        journal.commit().unwrap();
        drop(journal);
        let path = path_of(folder.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        let at = HEADER.len() + at.index(bytes.len() - HEADER.len() + 1);
        bytes.truncate(at);
        bytes.extend(junk);
        fs::write(&path, bytes).unwrap();
        let (mut journal, records, _) = open(folder.path(), 1 << 20);
        let whole = written.iter().filter(|(place, record)| place.offset as usize + 8 + record.len() <= at).count();
        prop_assert!(records.len() >= whole);
        prop_assert_eq!(&records[..whole], &written[..whole]);
        let place = journal.append(b"new").unwrap();
        journal.commit().unwrap();
        prop_assert_eq!(journal.reader().read(place).unwrap(), b"new");
    }
}
