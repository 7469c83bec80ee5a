//! A start that cannot be: one clear line on stderr, exit code 1, nothing overwritten.

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
};

use testkit::daemon::Setup;

use super::{TASKS, daemon, definition, setup};

/// Runs it to its end and gives the line that says why.
fn why(setup: &Setup) -> String {
    reason(&setup.fail())
}

/// As [`why`], with another config file.
fn why_with(setup: &Setup, config: &Path) -> String {
    reason(&setup.run(&["run", "-config", &config.display().to_string()]))
}

/// The one line besides that which tells where the config is.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let is_announced = |line: &&str| line.contains("lvl=info") || line.contains("Using configuration at: ");
    let lines: Vec<&str> = text.lines().filter(|line| !is_announced(line)).collect();
    let [line] = lines.as_slice() else { panic!("not one line: {text}") };
    line.to_string()
}

/// All files below a folder with what they hold.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = why(&setup().replace("127.0.0.1:0", &address));
    assert!(line.contains(&address) && line.contains("in use") && line.contains("bind-address"), "{line}");
}

#[test]
fn a_port_for_udp_in_use() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = why(&setup().config(&format!("[[udp]]\nenabled = true\nbind-address = '{address}'\ndatabase = 'd'\n")));
    assert!(line.contains(&address) && line.contains("in use") && line.contains("bind-address in [[udp]]"), "{line}");
}

#[test]
fn an_address_that_is_none() {
    let line = why(&setup().replace("127.0.0.1:0", "127.0.0.1:x"));
    assert!(line.contains("127.0.0.1:x") && line.contains("bind-address"), "{line}");
}

#[test]
fn a_missing_config() {
    let line = why_with(&setup(), Path::new("/nowhere/kapacitor.conf"));
    assert!(line.contains("/nowhere/kapacitor.conf"), "{line}");
}

#[test]
fn an_unreadable_config() {
    let setup = setup();
    let path = setup.folder().join("secret.conf");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let folder = setup.folder().join("folder.conf");
    fs::create_dir(&folder).unwrap();
    for path in [path, folder] {
        if path.is_file() && fs::read(&path).is_ok() {
            continue; // Root reads everything.
        }
        let line = why_with(&setup, &path);
        assert!(line.contains(&path.display().to_string()), "{line}");
    }
}

#[test]
fn wrong_values_in_a_config_name_their_key() {
    for (sections, key) in [
        ("[alert]\npersist-topics = \"maybe\"\n", "persist-topics"),
        ("[slack]\nenabled = 7\n", "enabled"),
        ("[[influxdb]]\nname = \"a\"\nurls = [1]\n", "urls"),
        ("[[influxdb]]\nname = \"a\"\ntimeout = \"soon\"\n", "timeout"),
        ("[smtp]\nport = 2.5\n", "port"),
    ] {
        let line = why(&setup().config(sections));
        assert!(line.contains(key), "{sections}: {line}");
    }
}

#[test]
fn a_config_that_is_no_toml_names_its_line() {
    let line = why(&setup().config("[slack\n"));
    assert!(line.contains("line 20") && line.matches("[slack").count() == 1, "{line}");
    let setup = setup();
    let path = setup.folder().join("bytes.conf");
    fs::write(&path, b"hostname = \"\xff\"\n").unwrap();
    let line = why_with(&setup, &path);
    assert!(line.contains("bytes.conf"), "{line}");
}

#[test]
fn unknown_keys_are_named_and_do_not_hinder() {
    let daemon = setup().config("[slak]\nx = 1\n\n[slack]\nurll = \"x\"\n").start();
    let line = daemon.logged("slak");
    assert!(line.contains("lvl=warn"), "{line}");
    // A level that does not exist is no reason not to run either, as in Kapacitor.
    let loud = setup().replace("level = \"INFO\"", "level = \"LOUD\"").start();
    assert!(loud.logged("LOUD").contains("lvl=warn"));
    let line = daemon.logged("urll");
    assert!(line.contains("lvl=warn") && line.contains("slack"), "{line}");
}

#[test]
fn a_damaged_store_is_left_as_it_is() {
    let mut daemon = daemon();
    for number in 0..30 {
        let reply = daemon.request("POST", TASKS, definition(&format!("t{number}"), "stream|from()", "disabled"));
        assert_eq!(reply.status, 200);
    }
    daemon.stop();
    let setup = setup();
    let store = setup.folder().join("store");
    copy(&daemon.folder().join("store"), &store);
    // The file that holds the records, overwritten in its middle.
    let (path, bytes) = contents(&store).into_iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let mut damaged = bytes;
    for byte in &mut damaged[..used] {
        *byte ^= 0x5a;
    }
    fs::write(&path, &damaged).unwrap();
    let before = contents(&store);
    let line = why(&setup);
    assert!(line.contains("damaged") && line.contains(&store.display().to_string()), "{line}");
    assert!(before == contents(&store), "the damaged store was changed");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_file_of_kapacitors_own_at_the_stores_path_is_left_as_it_is() {
    let setup = setup();
    let path = setup.folder().join("store");
    // What BoltDB writes: a page of meta data with its magic number.
    let mut bolt = vec![0_u8; 8192];
    bolt[8] = 4;
    bolt[16..20].copy_from_slice(&0xED0C_DAED_u32.to_le_bytes());
    fs::write(&path, &bolt).unwrap();
    let line = why(&setup);
    assert!(line.contains("store") && line.contains("BoltDB"), "{line}");
    assert_eq!(fs::read(&path).unwrap(), bolt);
}

#[test]
fn a_folder_of_somebody_else_at_the_stores_path_is_left_as_it_is() {
    let setup = setup();
    let path = setup.folder().join("store");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("letters.txt"), "dear").unwrap();
    let line = why(&setup);
    assert!(line.contains("not a store"), "{line}");
    assert_eq!(contents(&path).len(), 1);
}

#[test]
fn a_store_that_is_in_use() {
    let daemon = daemon();
    let store = daemon.folder().join("store").display().to_string();
    let own = setup();
    let theirs = own.folder().join("store").display().to_string();
    let line = why(&own.replace(&theirs, &store));
    assert!(line.contains("in use"), "{line}");
    assert_eq!(daemon.get(TASKS).status, 200);
}

#[test]
fn folders_that_cannot_be_made_are_named() {
    // As root nothing is forbidden, but below a file there is no folder for anybody.
    let below_a_file = |sections: fn(&str) -> String| {
        let setup = setup();
        fs::write(setup.folder().join("file"), "something").unwrap();
        let path = setup.folder().join("file/below").display().to_string();
        let output = setup.config(&sections(&path)).fail();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // Some services have begun by then, and may have said something.
        let line = text.lines().find(|line| line.starts_with("run: ")).unwrap_or_else(|| panic!("no reason: {text}"));
        assert!(output.status.code() == Some(1) && line.contains("file/below"), "{text}");
        assert!(line.contains("Not a directory"), "{line}");
    };
    below_a_file(|path| format!("[alert]\noutbox-dir = \"{path}\"\n"));
    below_a_file(|path| format!("[checkpoint]\ndir = \"{path}\"\n"));
    below_a_file(|path| format!("[ingest]\ndurable = true\ndir = \"{path}\"\n"));
    let setup = setup();
    fs::write(setup.folder().join("file"), "something").unwrap();
    let store = format!("{}/store", setup.folder().display());
    let line = why(&setup.replace(&store, &store.replace("/store", "/file/store")));
    assert!(
        line.starts_with("run: cannot make the folder") && line.ends_with("/file: File exists (os error 17)"),
        "{line}"
    );
}
