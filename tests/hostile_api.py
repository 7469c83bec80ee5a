"""What Schemathesis holds against the daemon, beside its own checks: `cargo xtask hostile-api` loads it.

Kapacitor answers some refusals with 500, and clients of it depend on that. Such an answer says in its words why; all other
answers of 5xx are faults of the server.
"""

import re

import schemathesis

# Each is held by a conformance case: topic/handlers_errors, replay/api_errors, persist/topic_states and the like.
REFUSALS = re.compile(
    "already exists|no recording exists|no replay exists|unknown topic|"
    "^failed to (create|update|get|test|register)|^error finding|^service is not enabled"
)


@schemathesis.check
def no_server_fault(ctx, response, case):
    if response.status_code < 500:
        return
    try:
        body = response.json()
        why = body["error"]
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f"{response.status_code} without a reason: {response.text!r}")
    if body.get("message") != why or not REFUSALS.search(why):
        raise AssertionError(f"{response.status_code}: {why}")
