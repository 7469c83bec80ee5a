//! Whatever a user-defined function writes, however it is cut: messages come out or an error does, and points and batches
//! become rows that can be sent back to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Schema;
use udf::{Collector, Frames, Response, Tell, write_frame};

// The first byte says how the rest is cut; half of the inputs are of a function that gives batches.
fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let pieces = usize::from(choice / 2).max(1);
    let messages = read(bytes, pieces);
    // Numbers that are none differ from themselves, so what is written is compared.
    let wanted = written(&messages);
    assert_eq!(written(&read(bytes, bytes.len().max(1))), wanted, "it matters how it is cut");
    assert_eq!(written(&read(&wanted, pieces)), wanted, "what was read is written and read as another");
    collect(messages, choice % 2 == 0);
});

fn written(messages: &[Response]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        write_frame(message, &mut bytes);
    }
    bytes
}

fn read(bytes: &[u8], pieces: usize) -> Vec<Response> {
    let mut frames = Frames::default();
    let mut messages = Vec::new();
    for piece in bytes.chunks(pieces) {
        frames.feed(piece);
        loop {
            match frames.message::<Response>() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return messages,
            }
        }
    }
    messages
}

fn collect(messages: Vec<Response>, batches: bool) {
    let mut collector = Collector::new(Schema::new(), batches);
    for message in messages {
        let outcome = match message.message {
            Some(Tell::Begin(begin)) => collector.begin(&begin),
            Some(Tell::Point(point)) => collector.point(point, 1),
            Some(Tell::End(end)) => collector.end(&end),
            _ => Ok(()),
        };
        if outcome.is_err() {
            break;
        }
    }
    for output in collector.take() {
        assert!(!output.edge.is_empty(), "nothing is handed on");
    }
}
