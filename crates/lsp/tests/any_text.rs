//! Whatever stands in an editor, wherever it asks: there is an answer.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, LazyLock};

use engine::define::Surface;
use lsp::Server;
use lsp_server::{Message, Notification, Request};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

static SURFACE: LazyLock<Arc<Surface>> = LazyLock::new(|| Arc::new(Surface::new(handlers::catalogue())));

const URI: &str = "file:///a.tick";

fn tokens() -> impl Strategy<Value = String> {
    let token = select(vec![
        "stream",
        "batch",
        "var a = ",
        "var b int",
        "a",
        "|from()",
        "|window()",
        ".period(",
        "|alert()",
        ".slack()",
        "|",
        ".",
        "@",
        "(",
        ")",
        "[",
        "]",
        ",",
        "lambda: ",
        "\"x\"",
        "\"",
        "'",
        "'''",
        "/",
        "// c\n",
        "\n",
        " ",
        " > ",
        "AND",
        "1",
        "10s",
        "if(",
        "é",
        "😀",
        ";",
        "dbrp",
        "var",
        "=",
        "mean",
        "\\",
        "\r\n",
    ]);
    vec(token, 0..30).prop_map(|tokens| tokens.concat())
}

/// Open a text, edit it, and ask all that can be asked about a place.
fn play(text: &str, insert: &str, position: (u32, u32)) -> Vec<Value> {
    let mut server = Server::new(Arc::clone(&SURFACE));
    let note = |method: &str, params: Value| Message::Notification(Notification { method: method.to_string(), params });
    let ask =
        |method: &str, params: Value| Message::Request(Request { id: 1.into(), method: method.to_string(), params });
    let document = json!({ "uri": URI });
    let place = json!({ "line": position.0, "character": position.1 });
    let at = json!({ "textDocument": document, "position": place });
    let edit = json!({ "range": { "start": place, "end": place }, "text": insert });
    let opened = json!({ "uri": URI, "languageId": "tickscript", "version": 1, "text": text });
    let options = json!({ "tabSize": 4, "insertSpaces": true });
    let messages = [
        ask("initialize", json!({ "capabilities": {} })),
        note("textDocument/didOpen", json!({ "textDocument": opened })),
        note(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": [edit] }),
        ),
        ask("textDocument/completion", at.clone()),
        ask("textDocument/hover", at.clone()),
        ask("textDocument/definition", at),
        ask("textDocument/formatting", json!({ "textDocument": document, "options": options })),
    ];
    let answers = messages.into_iter().flat_map(|message| server.handle(message));
    answers.map(|answer| serde_json::to_value(answer).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_message_is_answered(text in tokens(), insert in tokens(), line in 0u32..5, character in 0u32..60) {
        let answers = play(&text, &insert, (line, character));
        prop_assert_eq!(answers.len(), 7);
        for answer in answers {
            prop_assert!(answer.get("error").is_none(), "{}", answer);
        }
    }
}

#[test]
fn long_scripts_are_answered() {
    for part in ["a|b()", "var a = a\n", "(", "|", "\"", "stream|from().x(", "lambda: ", "var x = stream\n"] {
        assert_eq!(play(&part.repeat(1_000), part, (0, 3_000)).len(), 7, "{part}");
    }
}
