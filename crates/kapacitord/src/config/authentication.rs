//! Who may do what, and tasks in Flux: accepted, kept and shown.

use declare::{DataSection, Values};

use super::checks;
use super::keys::{ENABLED, duration, flag, int, one, table, text};

pub(super) const SECTIONS: &[DataSection] = &[AUTH, FLUXTASK, CONFIG_OVERRIDE];

/// The smallest cost that bcrypt knows.
const MIN_BCRYPT_COST: i64 = 4;
/// Beyond it a login takes a minute.
const MAX_BCRYPT_COST: i64 = 20;

const AUTH: DataSection = one(
    "auth",
    "Where users and their rights come from.",
    &[
        ENABLED.fixed(),
        duration("cache-expiration", "0s", "How long what is known about a user is remembered.").fixed(),
        int("bcrypt-cost", 0, "How much work it is to check a password.").fixed(),
        text("meta-addr", "", "The address of InfluxDB's meta service.").fixed(),
        text("meta-username", "", "The user to be there.").fixed(),
        text("meta-password", "", "The user's password.").secret().fixed(),
        text("meta-internal-shared-secret", "", "The secret with which tokens for it are signed.").secret().fixed(),
        flag("meta-use-tls", false, "Whether to speak HTTPS with it.").fixed(),
        text("meta-ca", "", "The PEM file of the authority that its certificate must be from.").fixed(),
        text("meta-cert", "", "The PEM file of our certificate.").fixed(),
        text("meta-key", "", "The PEM file of our key.").fixed(),
        flag("meta-insecure-skip-verify", false, "Whether any certificate of its will do.").fixed(),
    ],
    check_auth,
);

const FLUXTASK: DataSection = one(
    "fluxtask",
    "Tasks written in Flux.",
    &[
        ENABLED.fixed(),
        text("task-run-influxdb", "", "The cluster that keeps the log of runs; none for no log.").fixed(),
        text("task-run-bucket", "kapacitor_fluxtask_logs", "The bucket or database of that log.").fixed(),
        text("task-run-org", "", "The organisation of that log, by name.").fixed(),
        text("task-run-orgid", "", "The organisation of that log, by id.").fixed(),
        text("task-run-measurement", "runs", "The measurement of that log.").fixed(),
        table("secrets", "Secrets that scripts may read, by name.").secret().fixed(),
        text("default-influxdb", "", "The cluster that scripts mean if they name none.").fixed(),
    ],
    check_fluxtask,
);

const CONFIG_OVERRIDE: DataSection = one(
    "config-override",
    "Changes to the config over HTTP.",
    &[flag("enabled", true, "Whether they are allowed.").fixed()],
    checks::nothing,
);

fn check_auth(all: &[Values]) -> Result<(), String> {
    for values in all.iter().filter(|values| values.bool("enabled")) {
        let cost = values.int("bcrypt-cost");
        if cost < MIN_BCRYPT_COST {
            return Err(format!("bcrypt-cost must be {MIN_BCRYPT_COST} or more, not {cost}"));
        }
        if cost > MAX_BCRYPT_COST {
            return Err(format!("bcrypt-cost must be {MAX_BCRYPT_COST} or less, not {cost}: 10 is usual"));
        }
    }
    Ok(())
}

fn check_fluxtask(all: &[Values]) -> Result<(), String> {
    for values in all.iter().filter(|values| values.bool("enabled")) {
        let has_log = values.text("task-run-influxdb") != "none";
        if has_log && !values.text("task-run-org").is_empty() && !values.text("task-run-orgid").is_empty() {
            return Err("must specify only one of task-run-org and task-run-orgid".to_string());
        }
    }
    Ok(())
}
