//! Tests of the simulated disk.

use super::*;

const FOLDER: &str = "/d";

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn made(disk: &SimDisk, name: &str, synced: bool) -> Arc<dyn DiskFile> {
    let file = disk.create(&path(name)).unwrap();
    file.write_all_at(b"first", 0).unwrap();
    if synced {
        file.sync().unwrap();
        disk.sync_folder(Path::new(FOLDER)).unwrap();
    }
    file
}

#[test]
fn a_kill_takes_nothing_and_a_power_cut_what_was_not_forced_down() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = made(&disk, "a", true);
        made(&disk, "b", false);
        file.write_all_at(b" second", 5).unwrap();
        let disk = disk.restart();
        assert!(file.sync().is_err(), "the process is gone");
        assert_eq!(disk.read(&path("a")).unwrap(), b"first second");
        assert!(disk.exists(&path("b")));
        let disk = disk.power_cut();
        let left = disk.read(&path("a")).unwrap();
        assert!(b"first second".starts_with(&left) && left.len() >= 5, "{left:?}");
    }
}

#[test]
fn what_a_failed_sync_has_given_up_no_later_one_brings_down() {
    let disk = SimDisk::new(1);
    let file = made(&disk, "a", true);
    file.write_all_at(b"!", 5).unwrap();
    disk.set_weather(Weather::Failing(1));
    file.sync().unwrap_err();
    disk.set_weather(Weather::Fine);
    file.sync().unwrap();
    assert_eq!(disk.read(&path("a")).unwrap(), b"first!");
    assert_eq!(disk.power_cut().read(&path("a")).unwrap(), b"first\0");
}

#[test]
fn a_length_that_was_given_up_does_not_come_back_after_a_sync() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        made(&disk, "a", true);
        let file = disk.open_to_write(&path("a")).unwrap();
        file.set_len(0).unwrap();
        disk.set_weather(Weather::Failing(1));
        file.sync().unwrap_err();
        disk.set_weather(Weather::Fine);
        file.write_all_at(b"again", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(disk.restart().power_cut().read(&path("a")).unwrap(), b"again");
    }
}

#[test]
fn a_full_disk_takes_a_part_and_a_killed_process_does_nothing_more() {
    let disk = SimDisk::new(3);
    let file = made(&disk, "a", true);
    disk.set_weather(Weather::Full);
    file.write_all_at(b"FIRST", 0).unwrap();
    assert_eq!(file.write_all_at(b"xxxx", 5).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(disk.create(&path("c")).is_err());
    disk.set_weather(Weather::Fine);
    disk.kill_after(1);
    file.set_len(5).unwrap();
    assert!(file.write_all_at(b"yyyy", 5).is_err() && disk.is_dead());
    assert!(disk.read(&path("a")).is_err());
    assert!(disk.restart().read(&path("a")).unwrap().starts_with(b"FIRST"));
}

#[test]
fn the_real_one_does_the_same_where_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (real, simulated) = (crate::System, SimDisk::new(0));
    let both: [&dyn Disk; 2] = [&real, &simulated];
    for disk in both {
        let below = folder.path().join("x/y");
        disk.make_folder(&below).unwrap();
        let (a, b) = (below.join("a"), below.join("b"));
        let file = disk.create(&a).unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        file.set_len(6).unwrap();
        file.sync().unwrap();
        disk.rename(&a, &b).unwrap();
        disk.sync_folder(&below).unwrap();
        assert_eq!(disk.names(&below).unwrap(), ["b"]);
        disk.open_to_write(&b).unwrap().write_all_at(b"ab", 5).unwrap();
        let mut two = [0; 2];
        let file = disk.open(&b).unwrap();
        file.read_exact_at(&mut two, 4).unwrap();
        assert_eq!((file.len().unwrap(), two), (7, *b"4a"));
        assert!(file.read_exact_at(&mut two, 6).is_err());
        assert_eq!(disk.read(&b).unwrap(), b"01234ab");
        assert!(disk.lock(&below.join("lock")).unwrap().is_some());
        disk.remove(&b).unwrap();
        assert!(!disk.exists(&b) && disk.open(&a).is_err() && disk.remove(&a).is_err());
    }
}
