//! Other ways for points to come in: UDP; and Graphite, collectd, OpenTSDB, which are accepted, kept and shown.

use declare::{DataSection, Values};

use super::checks;
use super::keys::{ENABLED, array, duration, flag, int, one, text, texts};

pub(super) const SECTIONS: &[DataSection] = &[GRAPHITE, COLLECTD, OPENTSDB, UDP];

const GRAPHITE: DataSection = array(
    "graphite",
    0,
    "Points in Graphite's format.",
    &[
        ENABLED.fixed(),
        text("bind-address", "", "Host and port to listen on.").fixed(),
        text("database", "", "The database of the points.").fixed(),
        text("retention-policy", "", "Their retention policy.").fixed(),
        text("protocol", "", "What to listen for: tcp or udp.").fixed(),
        int("batch-size", 0, "How many points are taken at once.").fixed(),
        int("batch-pending", 0, "How many of such batches may wait.").fixed(),
        duration("batch-timeout", "0s", "How long a batch that is not full waits.").fixed(),
        text("consistency-level", "", "Has no effect.").fixed(),
        texts("templates", "How names become measurements and tags.").fixed(),
        texts("tags", "Tags that all points get, name=value each.").fixed(),
        text("separator", "", "What joins the parts of a measurement's name.").fixed(),
        int("udp-read-buffer", 0, "The size of the socket's buffer in bytes; 0 for the system's.").fixed(),
    ],
    checks::nothing,
);

const COLLECTD: DataSection = one(
    "collectd",
    "Points of collectd's network plugin.",
    &[
        ENABLED.fixed(),
        text("bind-address", ":25826", "Host and port to listen on.").fixed(),
        text("database", "collectd", "The database of the points.").fixed(),
        text("retention-policy", "", "Their retention policy.").fixed(),
        int("batch-size", 5000, "How many points are taken at once.").fixed(),
        int("batch-pending", 10, "How many of such batches may wait.").fixed(),
        duration("batch-timeout", "10s", "How long a batch that is not full waits.").fixed(),
        int("read-buffer", 0, "The size of the socket's buffer in bytes; 0 for the system's.").fixed(),
        text("typesdb", "/usr/share/collectd/types.db", "The file, or folder of files, that names the types.").fixed(),
        text("security-level", "none", "What packets must be.").choices(&["none", "sign", "encrypt"]).fixed(),
        text("auth-file", "/etc/collectd/auth_file", "The file of users and passwords.").fixed(),
        text("parse-multivalue-plugin", "split", "Whether several values become several points or one.")
            .choices(&["split", "join"])
            .fixed(),
    ],
    checks::nothing,
);

const OPENTSDB: DataSection = one(
    "opentsdb",
    "Points in OpenTSDB's formats, over telnet and HTTP.",
    &[
        ENABLED.fixed(),
        text("bind-address", ":4242", "Host and port to listen on.").fixed(),
        text("database", "opentsdb", "The database of the points.").fixed(),
        text("retention-policy", "", "Their retention policy.").fixed(),
        text("consistency-level", "one", "Has no effect.").fixed(),
        flag("tls-enabled", false, "Whether to speak TLS.").fixed(),
        text("certificate", "/etc/ssl/influxdb.pem", "The PEM file of certificate and key.").fixed(),
        int("batch-size", 1000, "How many points are taken at once.").fixed(),
        int("batch-pending", 5, "How many of such batches may wait.").fixed(),
        duration("batch-timeout", "1s", "How long a batch that is not full waits.").fixed(),
        flag("log-point-errors", true, "Whether points that cannot be read are logged.").fixed(),
    ],
    checks::nothing,
);

const UDP: DataSection = array(
    "udp",
    0,
    "Points in line protocol over UDP.",
    &[
        ENABLED.fixed(),
        text("bind-address", "", "Host and port to listen on.").fixed(),
        int("read-buffer", 0, "The size of the socket's buffer in bytes; 0 for the system's.").fixed(),
        int("buffer", 0, "How many packets may wait; 0 for 1000.").fixed(),
        text("database", "", "The database of the points.").fixed(),
        text("retention-policy", "", "Their retention policy; the default one if it is not given.").fixed(),
    ],
    check_udp,
);

fn check_udp(all: &[Values]) -> Result<(), String> {
    all.iter().filter(|values| values.bool("enabled")).try_for_each(|values| {
        ["bind-address", "database"].iter().try_for_each(|key| checks::required(values, key))?;
        checks::port(values.text("bind-address")).map(drop)
    })
}
