//! What is wrong with a script, as an editor shows it.

use engine::define::{Request, Severity, Surface, diagnose};
use lsp_types::{Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, Uri};

use crate::Document;

/// All errors and warnings of a script. One that has variables without values is taken for a template.
pub(crate) fn diagnostics(surface: &Surface, document: &Document, uri: &Uri) -> Vec<Diagnostic> {
    let found = diagnose(surface, document.text(), &Request::inferred(document.text()));
    let one = |found: engine::define::Diagnostic| {
        let mut message = found.message;
        if let Some(hint) = found.hint {
            message.push_str(&format!("\nhint: {hint}"));
        }
        Diagnostic {
            range: document.range(found.span),
            severity: Some(match found.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            source: Some("kapacitor".to_string()),
            message,
            related_information: found.related.map(|(span, message)| {
                let location = Location { uri: uri.clone(), range: document.range(span) };
                vec![DiagnosticRelatedInformation { location, message }]
            }),
            tags: found.deprecation.then(|| vec![DiagnosticTag::DEPRECATED]),
            ..Diagnostic::default()
        }
    };
    found.diagnostics.into_iter().map(one).collect()
}
