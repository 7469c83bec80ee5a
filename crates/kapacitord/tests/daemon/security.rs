//! Who gets in: users and their rights, encrypted connections with certificates of both sides, the Unix socket.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use reqwest::{Certificate, Client, Identity};
use serde_json::json;
use testkit::{certificates::Certificates, wait};

use super::{daemon, error_of, setup};

const PING: &str = "/kapacitor/v1/ping";
const USERS: &str = "/kapacitor/v1/users";

/// "user:password" in base64, as Basic credentials have it.
const ADMIN: (&str, &str) = ("Authorization", "Basic YWRtaW46c2VjcmV0");
const WRITER: (&str, &str) = ("Authorization", "Basic d3JpdGVyOnNlY3JldA==");

#[test]
fn users_may_do_what_they_have_rights_for() {
    let mut daemon = setup()
        .config("[auth]\nenabled = true\nbcrypt-cost = 4\n\n")
        .replace("[http]\n", "[http]\nauth-enabled = false\n")
        .start();
    let users = [
        json!({"name": "admin", "type": "admin", "password": "secret"}),
        json!({"name": "writer", "type": "normal", "password": "secret", "permissions": ["write_points"]}),
    ];
    for user in users {
        let reply = daemon.request("POST", USERS, user.to_string());
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(!reply.body.contains("secret") && !reply.body.contains("$2"), "{}", reply.body);
    }
    daemon.stop();
    daemon.reconfigure("auth-enabled = false", "auth-enabled = true");
    daemon.start();

    let ask = |method: &str, path: &str, who: &[(&str, &str)]| {
        let body = if method == "POST" { "m v=1 1\n" } else { "" };
        daemon.request_with(method, path, who, body).status
    };
    let write = "/kapacitor/v1/write?db=a&rp=b";
    assert_eq!(ask("GET", USERS, &[]), 401);
    assert_eq!(ask("GET", USERS, &[("Authorization", "Basic YWRtaW46d3Jvbmc=")]), 401);
    assert_eq!(ask("GET", USERS, &[("Authorization", "Basic bm9ib2R5OnNlY3JldA==")]), 401);
    assert_eq!((ask("GET", USERS, &[ADMIN]), ask("POST", write, &[ADMIN])), (200, 204));
    assert_eq!((ask("GET", USERS, &[WRITER]), ask("POST", write, &[WRITER])), (403, 204));
    assert_eq!(ask("GET", "/kapacitor/v1/config", &[WRITER]), 403);
    assert!(error_of(&daemon.get(USERS)).contains("credentials"));
}

/// What a client sees that trusts an authority, and shows a certificate if it has one.
fn asked(url: &str, trusted: &Certificates, own: Option<&Certificates>) -> Result<u16, String> {
    let pem = |path: String| fs::read(path).unwrap();
    let mut builder = Client::builder()
        .use_rustls_tls()
        .no_proxy()
        .tls_built_in_root_certs(false)
        .add_root_certificate(Certificate::from_pem(&pem(trusted.certificate("ca"))).unwrap());
    if let Some(own) = own {
        let identity = [pem(own.certificate("client")), pem(own.key("client"))].concat();
        builder = builder.identity(Identity::from_pem(&identity).unwrap());
    }
    let client = builder.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.get(url).send());
    answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
}

#[test]
fn certificates_of_both_sides_are_checked_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        Certificates::make(&folder.path().join(name))
    };
    let (first, second) = (made("first"), made("second"));
    let used = folder.path().join("used");
    fs::create_dir(&used).unwrap();
    let put = |from: &Certificates| {
        for (file, name) in
            [(from.certificate("server"), "cert"), (from.key("server"), "key"), (from.certificate("ca"), "ca")]
        {
            fs::copy(file, used.join(name)).unwrap();
        }
    };
    put(&first);
    let at = used.display();
    let daemon = setup()
        .replace(
            "[http]\n",
            &format!(
                "[http]\nhttps-enabled = true\nhttps-certificate = \"{at}/cert\"\nhttps-private-key = \"{at}/key\"\n"
            ),
        )
        .config(&format!("[tls]\nmin-version = \"tls1.3\"\nclient-ca = \"{at}/ca\"\n"))
        .start();
    let url = format!("https://{}{PING}", daemon.address());
    assert_eq!(asked(&url, &first, Some(&first)), Ok(204));
    assert!(asked(&url, &first, None).is_err(), "a client without a certificate got in");
    assert!(asked(&url, &first, Some(&second)).is_err(), "a client of another authority got in");
    assert!(asked(&url, &second, Some(&first)).is_err());

    // What cannot be read leaves the old ones in use.
    fs::write(used.join("cert"), "nothing").unwrap();
    daemon.hang_up();
    assert!(daemon.logged("the certificates stay as they were").contains("https-certificate"));
    assert_eq!(asked(&url, &first, Some(&first)), Ok(204));

    put(&second);
    daemon.hang_up();
    wait::until("the new certificates", || asked(&url, &second, Some(&second)).ok().filter(|status| *status == 204));
    assert!(asked(&url, &first, Some(&first)).is_err());
}

#[test]
fn the_unix_socket_answers_and_goes_at_the_end() {
    let setup = setup();
    let socket = setup.folder().join("k.sock");
    let keys = format!("[http]\nunix-socket-enabled = true\nbind-socket = \"{}\"\n", socket.display());
    let mut daemon = setup.replace("[http]\n", &keys).start();
    let ask = || {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let request = format!("GET {PING} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask().starts_with("HTTP/1.1 204 "), "{}", ask());
    assert_eq!(daemon.get(PING).status, 204);
    // What a kill leaves behind does not hinder the next start.
    daemon.kill();
    assert!(socket.exists());
    daemon.start();
    assert!(ask().starts_with("HTTP/1.1 204 "));
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_backup_becomes_a_store_again() {
    let mut old = daemon();
    super::run_task(&old, "kept", "stream|from()|httpOut('x')");
    let url = format!("{}/kapacitor/v1/storage/backup", old.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let backup = runtime.block_on(async { client.get(url).send().await.unwrap().bytes().await.unwrap() });
    let setup = setup();
    let file = setup.folder().join("backup");
    fs::write(&file, backup).unwrap();
    old.stop();
    let store = setup.folder().join("store");
    let restore = ["restore", "-store", &store.display().to_string(), &file.display().to_string()];
    let made = setup.run(&restore);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(!setup.run(&restore).status.success(), "a store was overwritten");
    let daemon = setup.start();
    assert_eq!(super::task(&daemon, "kept")["executing"], json!(true));
}
