//! Any script becomes a pipeline that can be drawn and built, or errors with places.
#![no_main]

use std::sync::{Arc, LazyLock};

use alert::{Delivery, NoStore, Topics};
use engine::{
    EdgeKind, Host, TaskInfo,
    define::{Request, Surface, build, define, dot},
    testing::TestHost,
};
use handlers::{AlertHost, Configs};
use libfuzzer_sys::fuzz_target;
use model::Schema;

static SURFACE: LazyLock<Surface> = LazyLock::new(|| {
    let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
    Surface::new(handlers::kinds(&AlertHost::new(Configs::default(), &topics, "http://localhost:9092/kapacitor/v1")))
});

fuzz_target!(|text: &str| {
    for template in [false, true] {
        match define(&SURFACE, text, &Request { template, ..Request::default() }) {
            Ok(defined) => {
                let again = define(&SURFACE, &defined.formatted, &Request { template, ..Request::default() });
                assert!(again.is_ok(), "{text:?} is accepted, formatted it is not: {}", defined.formatted);
                let _ = dot("t", &defined.pipeline);
                let schema = Schema::new();
                let host: Arc<dyn Host> = Arc::new(TestHost::default());
                let stream = defined.kind == EdgeKind::Stream;
                let info = TaskInfo { id: "t".into(), stream, dbrps: vec![("d".to_string(), "r".to_string())] };
                let _ = build(&SURFACE, &defined.pipeline, &Arc::new(info), &schema, &host);
            }
            Err(error) => {
                for found in error.diagnostics {
                    assert!(found.span.start <= found.span.end && found.span.end as usize <= text.len(), "{found:?}");
                    assert!(!found.render(text).is_empty());
                }
            }
        }
    }
});
