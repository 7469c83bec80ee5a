"""What Schemathesis holds against the daemon, beside its own checks: `cargo xtask hostile-api` loads it.

Kapacitor answers some refusals with 500, and clients of it depend on that. Each is named below with the operation that may
answer so and the words it must begin with; all other answers of 5xx are faults of the server.
"""

import re

import schemathesis

BASE = "/kapacitor/v1(preview)?"
# Method, path and the beginning of the words, each held by the conformance case beside it.
REFUSALS = [
    # topic/handlers_errors
    ("GET", "/alerts/topics/.*", "failed to get topic events: unknown topic "),
    # topic/handlers_errors, clients/terraform_topic_handler
    ("POST", "/alerts/topics/.*", "failed to create handler: "),
    ("PUT|PATCH", "/alerts/topics/.*", "failed to update handler: "),
    # replay/api_errors, replay/list_patterns_delete
    ("GET", "/recordings/.*", "error finding recording: no recording exists$"),
    ("POST", "/recordings/(stream|batch|query)", "recording .*already exists$"),
    ("POST", "/replays(/batch|/query)?", "replay .*already exists$"),
    # api/config_lists_and_errors
    ("POST", "/config/.*", "failed to update configuration "),
    # misc/sideload_reload
    ("POST", "/sideload/reload", "failed to update source "),
]
REFUSALS = [(re.compile(method), re.compile(BASE + path), re.compile(words)) for method, path, words in REFUSALS]


@schemathesis.check
def no_server_fault(ctx, response, case):
    if response.status_code < 500:
        return
    try:
        body = response.json()
        why = body["error"]
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f"{response.status_code} without a reason: {response.text!r}")
    known = any(
        method.fullmatch(case.method.upper()) and path.fullmatch(case.path) and words.match(why)
        for method, path, words in REFUSALS
    )
    if response.status_code != 500 or body.get("message") != why or not known:
        raise AssertionError(f"{response.status_code} of {case.method} {case.path}: {why}")
