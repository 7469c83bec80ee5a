//! An editor's session with `kapacitor lsp`: real frames over its standard input and output.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

const URI: &str = "file:///cpu.tick";

/// The editor's side of a session.
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    answers: Receiver<Value>,
    number: i32,
}

impl Editor {
    /// A server that was greeted by an editor with these capabilities.
    fn with(capabilities: Value) -> Editor {
        let mut editor = Editor::start();
        let answer =
            editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        assert_eq!(answer["result"]["serverInfo"]["name"], "kapacitor");
        editor.tell("initialized", json!({}));
        editor
    }

    fn start() -> Editor {
        let mut server = Command::new(env!("CARGO_BIN_EXE_kapacitor"))
            .args(["lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (send, answers) = channel();
        thread::spawn(move || {
            while let Some(answer) = read(&mut output) {
                if send.send(answer).is_err() {
                    return;
                }
            }
        });
        Editor { input: server.stdin.take(), server, answers, number: 0 }
    }

    fn send_raw(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.send_raw(&format!("Content-Length: {}\r\n\r\n{text}", text.len()));
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.number, "method": method, "params": params }));
        let answer = self.next();
        assert_eq!(answer["id"], self.number, "{method}: {answer}");
        answer
    }

    fn next(&self) -> Value {
        self.answers.recv_timeout(Duration::from_secs(60)).expect("the server answers")
    }

    /// Open a script; its diagnostics.
    fn open(&mut self, text: &str) -> Vec<Value> {
        let document = json!({ "uri": URI, "languageId": "tickscript", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        self.diagnostics(1)
    }

    fn diagnostics(&self, version: i32) -> Vec<Value> {
        let published = self.next();
        assert_eq!(published["method"], "textDocument/publishDiagnostics");
        assert_eq!((&published["params"]["uri"], &published["params"]["version"]), (&json!(URI), &json!(version)));
        published["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// What is asked about a place; the place is line and character, counted from 0.
    fn ask_at(&mut self, method: &str, (line, character): (u32, u32)) -> Value {
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": URI }, "position": position }))["result"].take()
    }

    fn labels_at(&mut self, place: (u32, u32)) -> Vec<String> {
        let items = self.ask_at("textDocument/completion", place);
        items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_string()).collect()
    }

    fn exit(mut self) -> ExitStatus {
        self.tell("exit", Value::Null);
        drop(self.input.take());
        self.server.wait().unwrap()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The next message of the server; nothing when it is gone.
fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn has(labels: &[String], wanted: &str) -> bool {
    labels.iter().any(|label| label == wanted)
}

const SCRIPT: &str = "\
// Above this it hurts.
var crit = 90.0

var data = stream
    |from()
        .measurement('cpu')

data
    |window()
        .period(10s)
        .every(10s)
    |mean('used')
    |alert()
        .crit(lambda: \"mean\" > crit)
        .slack()
";

#[test]
fn errors_are_shown_while_typing() {
    let mut editor = Editor::with(json!({}));
    let found = editor.open("stream\n    |form()\n    |alert()\n        .crit(lambda: \"é\" > 1)\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["range"]["start"], json!({ "line": 1, "character": 5 }));
    assert_eq!(found[0]["range"]["end"], json!({ "line": 1, "character": 9 }));
    assert_eq!((&found[0]["severity"], &found[0]["source"]), (&json!(1), &json!("kapacitor")));
    assert!(found[0]["message"].as_str().unwrap().contains("from"), "{found:?}");

    let edit = json!({ "range": { "start": { "line": 1, "character": 5 }, "end": { "line": 1, "character": 9 } }, "text": "from" });
    let document = json!({ "uri": URI, "version": 2 });
    editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [edit] }));
    assert_eq!(editor.diagnostics(2), Vec::<Value>::new());

    // Characters before a place are counted as the editor counts.
    let edit = json!({ "range": { "start": { "line": 3, "character": 26 }, "end": { "line": 3, "character": 27 } }, "text": "unknown" });
    let document = json!({ "uri": URI, "version": 3 });
    editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [edit] }));
    let found = editor.diagnostics(3);
    assert_eq!(found[0]["range"]["start"], json!({ "line": 3, "character": 26 }), "{found:?}");

    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    let closed = editor.next();
    assert_eq!((&closed["params"]["diagnostics"], &closed["params"]["version"]), (&json!([]), &Value::Null));
}

#[test]
fn what_fits_is_offered() {
    let mut editor =
        Editor::with(json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } }));
    assert_eq!(editor.open(SCRIPT), Vec::<Value>::new());
    // Behind the window there are batches, behind the source there is `from`.
    let after_window = editor.labels_at((11, 5));
    assert!(has(&after_window, "mean") && has(&after_window, "alert"), "{after_window:?}");
    assert!(!has(&after_window, "from") && !has(&after_window, "query") && !has(&after_window, "stream"));
    assert_eq!(editor.labels_at((4, 5))[..], ["deadman", "from", "stats"]);
    let of_window = editor.labels_at((9, 9));
    assert!(has(&of_window, "periodCount") && has(&of_window, "quiet") && !has(&of_window, "slack"), "{of_window:?}");
    let of_alert = editor.labels_at((14, 9));
    assert!(has(&of_alert, "stateChangesOnly") && has(&of_alert, "slack") && has(&of_alert, "post"), "{of_alert:?}");
    let in_lambda = editor.labels_at((13, 31));
    assert!(has(&in_lambda, "crit") && has(&in_lambda, "sigma") && has(&in_lambda, "AND"), "{in_lambda:?}");
    assert!(!has(&in_lambda, "stream"));
    let references = editor.labels_at((13, 23));
    assert_eq!(references, ["time"]);

    let items = editor.ask_at("textDocument/completion", (8, 9));
    let window = items.as_array().unwrap().iter().find(|item| item["label"] == "window").unwrap();
    assert_eq!(window["textEdit"]["newText"], "window", "its brackets are there");
    assert_eq!(window["textEdit"]["range"]["start"], json!({ "line": 8, "character": 5 }));
    assert!(window["documentation"]["value"].as_str().unwrap().contains("period"), "{window}");

    // While a property of a handler is being written, nothing of it parses.
    let edit = json!({ "range": { "start": { "line": 14, "character": 16 }, "end": { "line": 14, "character": 16 } }, "text": "." });
    let document = json!({ "uri": URI, "version": 2 });
    editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [edit] }));
    assert!(!editor.diagnostics(2).is_empty());
    let of_slack = editor.ask_at("textDocument/completion", (14, 17));
    let channel = of_slack.as_array().unwrap().iter().find(|item| item["label"] == "channel").unwrap();
    assert_eq!((&channel["textEdit"]["newText"], &channel["insertTextFormat"]), (&json!("channel('$0')"), &json!(2)));
}

#[test]
fn words_are_explained_and_found() {
    let mut editor = Editor::with(json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } }));
    editor.open(SCRIPT);
    for (place, wanted) in [
        ((8, 6), "|window("),
        ((9, 10), ".period("),
        ((14, 10), ".slack("),
        ((13, 32), "Above this it hurts."),
        ((3, 12), "stream"),
        ((1, 5), "var crit = 90.0"),
    ] {
        let hover = editor.ask_at("textDocument/hover", place);
        assert!(hover["contents"]["value"].as_str().unwrap_or_default().contains(wanted), "{place:?}: {hover}");
    }
    assert_eq!(editor.ask_at("textDocument/hover", (5, 24)), Value::Null);

    let found = editor.ask_at("textDocument/definition", (13, 33));
    assert_eq!(found["range"]["start"], json!({ "line": 1, "character": 4 }));
    assert_eq!(found["range"]["end"], json!({ "line": 1, "character": 8 }));
    assert_eq!(
        editor.ask_at("textDocument/definition", (7, 1))["range"]["start"],
        json!({ "line": 3, "character": 4 })
    );
    assert_eq!(editor.ask_at("textDocument/definition", (8, 6)), Value::Null);
}

#[test]
fn scripts_are_formatted() {
    let mut editor = Editor::with(json!({}));
    editor.open("stream|from().measurement('é')\n");
    let options = json!({ "tabSize": 4, "insertSpaces": true });
    let params = json!({ "textDocument": { "uri": URI }, "options": options });
    let edits = editor.ask("textDocument/formatting", params.clone())["result"].take();
    assert_eq!(edits[0]["newText"], "stream\n    |from()\n        .measurement('é')\n");
    assert_eq!(
        edits[0]["range"],
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 1, "character": 0 } })
    );
    for (version, text, wanted) in
        [(2, edits[0]["newText"].as_str().unwrap(), Value::Null), (3, "stream|", Value::Null)]
    {
        let document = json!({ "uri": URI, "version": version });
        editor
            .tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
        editor.diagnostics(version);
        assert_eq!(editor.ask("textDocument/formatting", params.clone())["result"], wanted, "{text}");
    }
}

#[test]
fn nothing_kills_it_but_the_editor() {
    let mut editor = Editor::start();
    assert_eq!(editor.ask("textDocument/hover", json!({}))["error"]["code"], -32002);
    for (broken, code) in [
        ("nonsense\r\n\r\n", -32700),
        ("Content-Length: 3\r\n\r\n{x}", -32700),
        ("Content-Length: 2\r\n\r\n[]", -32600),
    ] {
        editor.send_raw(broken);
        let answer = editor.next();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &Value::Null), "{broken:?}");
    }
    editor.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(editor.ask("textDocument/flyToTheMoon", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", json!({ "position": 1 }))["error"]["code"], -32602);
    let unopened = json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.ask("textDocument/completion", unopened)["error"]["code"], -32602);
    editor.tell("textDocument/didOpen", json!({ "textDocument": 5 }));
    editor.tell("$/setTrace", json!({ "value": "off" }));
    editor.open(&"(".repeat(100_000));
    assert_eq!(editor.ask("shutdown", Value::Null)["result"], Value::Null);
    assert_eq!(editor.ask("shutdown", Value::Null)["error"]["code"], -32600);
    assert!(editor.exit().success());
}

#[test]
fn an_editor_that_leaves_without_a_word_is_told_by_the_exit_code() {
    let editor = Editor::with(json!({}));
    assert_eq!(editor.exit().code(), Some(1));
}
