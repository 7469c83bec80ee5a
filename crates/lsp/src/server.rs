//! The editor's requests, answered one after the other: every answer takes a millisecond or so.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    sync::Arc,
};

use engine::define::Surface;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CompletionOptions, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentFormattingParams, GotoDefinitionParams, HoverParams, HoverProviderCapability,
    InitializeParams, InitializeResult, OneOf, PositionEncodingKind, PublishDiagnosticsParams, ServerCapabilities,
    ServerInfo, TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind, TextEdit, Uri,
    notification::{self, Notification as _},
    request::{self, Request as _},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Document, Encoding, completion, diagnostics,
    frames::{self, Frame},
    hover,
};

/// Scripts that may be open at once.
const MOST_DOCUMENTS: usize = 1_000;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The editor said so, in the order that the protocol wants.
    Properly,
    /// It went away.
    Abruptly,
}

/// Answer an editor until it goes.
///
/// # Errors
/// The connection failed.
pub fn serve(surface: Arc<Surface>, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Ended> {
    let mut server = Server::new(surface);
    loop {
        match frames::read(input)? {
            Frame::Message(message) => {
                for answer in server.handle(message) {
                    frames::write(output, &answer)?;
                }
            }
            Frame::Broken(code, why) => frames::write_broken(output, code, &why)?,
            Frame::End => return Ok(Ended::Abruptly),
        }
        if let Phase::Over(ended) = server.phase {
            return Ok(ended);
        }
    }
}

/// What is open in an editor, and what may be said of it.
pub struct Server {
    surface: Arc<Surface>,
    documents: HashMap<String, Document>,
    encoding: Encoding,
    snippets: bool,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    Running,
    ShutDown,
    Over(Ended),
}

/// Why a request has no answer: a code of JSON-RPC, and words.
type Refusal = (ErrorCode, String);

impl Server {
    pub fn new(surface: Arc<Surface>) -> Server {
        let (documents, encoding) = (HashMap::new(), Encoding::default());
        Server { surface, documents, encoding, snippets: false, phase: Phase::Fresh }
    }

    /// Take up a message; what is to be sent for it.
    pub fn handle(&mut self, message: Message) -> Vec<Message> {
        match message {
            Message::Request(request) => {
                let id = request.id.clone();
                vec![response(id, self.answer(request)).into()]
            }
            Message::Notification(notification) => self.note(notification).into_iter().map(Message::from).collect(),
            // We ask nothing.
            Message::Response(_) => Vec::new(),
        }
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refusal> {
        let method = request.method.as_str();
        match (self.phase, method) {
            (Phase::Fresh, request::Initialize::METHOD) => return self.initialize(params(request)?),
            (Phase::Fresh, _) => {
                return Err((ErrorCode::ServerNotInitialized, "the first request must be initialize".to_string()));
            }
            (Phase::Running, request::Shutdown::METHOD) => {
                self.phase = Phase::ShutDown;
                return Ok(Value::Null);
            }
            (Phase::Running, _) => {}
            _ => return Err((ErrorCode::InvalidRequest, "the server is shut down".to_string())),
        }
        match method {
            request::Completion::METHOD => {
                let params: CompletionParams = params(request)?;
                let (document, at) = self.place(&params.text_document_position)?;
                json(completion::completion(&self.surface, document, at, self.snippets))
            }
            request::HoverRequest::METHOD => {
                let params: HoverParams = params(request)?;
                let (document, at) = self.place(&params.text_document_position_params)?;
                json(hover::hover(&self.surface, document, at))
            }
            request::GotoDefinition::METHOD => {
                let place = params::<GotoDefinitionParams>(request)?.text_document_position_params;
                let (document, at) = self.place(&place)?;
                json(hover::definition(&self.surface, document, &place.text_document.uri, at))
            }
            request::Formatting::METHOD => {
                let params: DocumentFormattingParams = params(request)?;
                json(formatting(self.document(&params.text_document.uri)?))
            }
            request::Initialize::METHOD => {
                Err((ErrorCode::InvalidRequest, "the server is initialized already".to_string()))
            }
            other => Err((ErrorCode::MethodNotFound, format!("there is no method {other}"))),
        }
    }

    fn initialize(&mut self, params: InitializeParams) -> Result<Value, Refusal> {
        let general = params.capabilities.general;
        let encodings = general.and_then(|general| general.position_encodings).unwrap_or_default();
        let completion = params.capabilities.text_document.and_then(|document| document.completion);
        let item = completion.and_then(|completion| completion.completion_item);
        self.snippets = item.and_then(|item| item.snippet_support).unwrap_or_default();
        let kind = if encodings.contains(&PositionEncodingKind::UTF8) {
            self.encoding = Encoding::Utf8;
            PositionEncodingKind::UTF8
        } else {
            PositionEncodingKind::UTF16
        };
        self.phase = Phase::Running;
        json(InitializeResult {
            capabilities: ServerCapabilities {
                position_encoding: Some(kind),
                text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::INCREMENTAL)),
                completion_provider: Some(CompletionOptions {
                    trigger_characters: Some(["|", ".", "\""].map(str::to_string).to_vec()),
                    ..CompletionOptions::default()
                }),
                hover_provider: Some(HoverProviderCapability::Simple(true)),
                definition_provider: Some(OneOf::Left(true)),
                document_formatting_provider: Some(OneOf::Left(true)),
                ..ServerCapabilities::default()
            },
            server_info: Some(ServerInfo {
                name: "kapacitor".to_string(),
                version: Some(env!("CARGO_PKG_VERSION").to_string()),
            }),
        })
    }

    /// A notification has no answer, so what is wrong with one is not told; its diagnostics are, if it has some.
    fn note(&mut self, notification: Notification) -> Option<Notification> {
        if notification.method == notification::Exit::METHOD {
            let is_proper = self.phase == Phase::ShutDown;
            self.phase = Phase::Over(if is_proper { Ended::Properly } else { Ended::Abruptly });
            return None;
        }
        if self.phase != Phase::Running {
            return None;
        }
        match notification.method.as_str() {
            notification::DidOpenTextDocument::METHOD => {
                let opened = noted::<DidOpenTextDocumentParams>(notification)?.text_document;
                let is_known = self.documents.contains_key(opened.uri.as_str());
                if !is_known && self.documents.len() >= MOST_DOCUMENTS {
                    return None;
                }
                let document = Document::new(opened.text, opened.version, self.encoding);
                self.documents.insert(opened.uri.as_str().to_string(), document);
                self.published(opened.uri)
            }
            notification::DidChangeTextDocument::METHOD => {
                let changed = noted::<DidChangeTextDocumentParams>(notification)?;
                let document = self.documents.get_mut(changed.text_document.uri.as_str())?;
                document.change(changed.text_document.version, changed.content_changes);
                self.published(changed.text_document.uri)
            }
            notification::DidCloseTextDocument::METHOD => {
                let uri = noted::<DidCloseTextDocumentParams>(notification)?.text_document.uri;
                self.documents.remove(uri.as_str())?;
                // What was said of it is taken back.
                publish(PublishDiagnosticsParams { uri, diagnostics: Vec::new(), version: None })
            }
            _ => None,
        }
    }

    /// What is wrong with an open script, for its editor.
    fn published(&self, uri: Uri) -> Option<Notification> {
        let document = self.documents.get(uri.as_str())?;
        let diagnostics = diagnostics::diagnostics(&self.surface, document, &uri);
        publish(PublishDiagnosticsParams { uri, diagnostics, version: Some(document.version()) })
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        let found = self.documents.get(uri.as_str());
        found.ok_or_else(|| (ErrorCode::InvalidParams, format!("{} is not open", uri.as_str())))
    }

    /// A script and a byte in it.
    fn place(&self, place: &TextDocumentPositionParams) -> Result<(&Document, usize), Refusal> {
        let document = self.document(&place.text_document.uri)?;
        Ok((document, document.offset(place.position)))
    }
}

/// The script in its canonical form; nothing if it is so already, or does not parse.
fn formatting(document: &Document) -> Option<Vec<TextEdit>> {
    let formatted = tickscript::format(&tickscript::parse(document.text()).ok()?);
    (formatted != document.text()).then(|| vec![TextEdit { range: document.whole(), new_text: formatted }])
}

fn publish(params: PublishDiagnosticsParams) -> Option<Notification> {
    let params = serde_json::to_value(params).ok()?;
    Some(Notification { method: notification::PublishDiagnostics::METHOD.to_string(), params })
}

fn params<P: DeserializeOwned>(request: Request) -> Result<P, Refusal> {
    serde_json::from_value(request.params)
        .map_err(|error| (ErrorCode::InvalidParams, format!("invalid parameters of {}: {error}", request.method)))
}

fn noted<P: DeserializeOwned>(notification: Notification) -> Option<P> {
    serde_json::from_value(notification.params).ok()
}

fn json(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}

fn response(id: RequestId, answer: Result<Value, Refusal>) -> Response {
    match answer {
        Ok(value) => Response::new_ok(id, value),
        Err((code, message)) => Response::new_err(id, code as i32, message),
    }
}
