//! Whatever stands in an editor, wherever it asks: there is an answer; and any bytes may come over the wire.
#![no_main]

use std::sync::{Arc, LazyLock};

use engine::define::Surface;
use libfuzzer_sys::fuzz_target;
use lsp::{Server, serve};
use lsp_server::{Message, Notification, Request};
use serde_json::{Value, json};

static SURFACE: LazyLock<Arc<Surface>> = LazyLock::new(|| Arc::new(Surface::new(handlers::catalogue())));

fuzz_target!(|input: (u8, u8, &str)| {
    let (line, character, text) = input;
    if line == u8::MAX {
        let _ = serve(Arc::clone(&SURFACE), &mut text.as_bytes(), &mut Vec::new());
        return;
    }
    let mut server = Server::new(Arc::clone(&SURFACE));
    let (uri, at) = (json!({ "uri": "file:///a.tick" }), json!({ "line": line % 32, "character": character }));
    let place = json!({ "textDocument": uri, "position": at });
    let opened = json!({ "uri": "file:///a.tick", "languageId": "tickscript", "version": 1, "text": text });
    let version = json!({ "uri": "file:///a.tick", "version": 2 });
    let edit = json!([{ "range": { "start": at, "end": at }, "text": "." }]);
    let asked = ["textDocument/completion", "textDocument/hover", "textDocument/definition"];
    assert_eq!(server.handle(ask("initialize", json!({ "capabilities": {} }))).len(), 1);
    assert_eq!(server.handle(tell("textDocument/didOpen", json!({ "textDocument": opened }))).len(), 1);
    for method in asked {
        assert_answered(&server.handle(ask(method, place.clone())), method);
    }
    let change = json!({ "textDocument": version, "contentChanges": edit });
    assert_eq!(server.handle(tell("textDocument/didChange", change)).len(), 1);
    assert_answered(&server.handle(ask(asked[0], place)), asked[0]);
});

fn assert_answered(answers: &[Message], method: &str) {
    let [Message::Response(response)] = answers else { panic!("{method}: {answers:?}") };
    assert!(response.response_result.is_ok(), "{method}: {response:?}");
}

fn ask(method: &str, params: Value) -> Message {
    Message::Request(Request { id: 1.into(), method: method.to_string(), params })
}

fn tell(method: &str, params: Value) -> Message {
    Message::Notification(Notification { method: method.to_string(), params })
}
