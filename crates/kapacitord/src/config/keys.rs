//! Short words for the keys of sections that are data, and the keys that many of them have.

use declare::{DataDefault, DataKey, DataSection, Shape, Values};

pub(super) const fn flag(name: &'static str, default: bool, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Bool(default), about)
}

pub(super) const fn int(name: &'static str, default: i64, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Int(default), about)
}

pub(super) const fn text(name: &'static str, default: &'static str, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Text(default), about)
}

/// The default as Go writes durations.
pub(super) const fn duration(name: &'static str, default: &'static str, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Duration(default), about)
}

pub(super) const fn texts(name: &'static str, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::Texts, about)
}

pub(super) const fn table(name: &'static str, about: &'static str) -> DataKey {
    DataKey::new(name, DataDefault::TextTable, about)
}

pub(super) const ENABLED: DataKey = flag("enabled", false, "Whether it is in use.");
pub(super) const GLOBAL: DataKey =
    flag("global", false, "Whether all alerts are sent here, also those that do not ask for it.");
pub(super) const STATE_CHANGES_ONLY: DataKey =
    flag("state-changes-only", false, "With global: whether only changes of level are sent.");
pub(super) const INSECURE_SKIP_VERIFY: DataKey =
    flag("insecure-skip-verify", false, "Whether any certificate of the server's will do.");
pub(super) const SSL_CA: DataKey =
    text("ssl-ca", "", "The PEM file of the authority that the server's certificate must be from.");
pub(super) const SSL_CERT: DataKey = text("ssl-cert", "", "The PEM file of our certificate.");
pub(super) const SSL_KEY: DataKey = text("ssl-key", "", "The PEM file of our key.");
pub(super) const SSL_SERVER_NAME: DataKey =
    text("ssl-server-name", "", "The name that the server's certificate must have, if not its host's.");
pub(super) const USERNAME: DataKey = text("username", "", "The user to be.");
pub(super) const PASSWORD: DataKey = text("password", "", "The user's password.").secret();

/// A section that stands once.
pub(super) const fn one(
    name: &'static str,
    about: &'static str,
    keys: &'static [DataKey],
    check: fn(&[Values]) -> Result<(), String>,
) -> DataSection {
    DataSection { name, shape: Shape::One, about, keys, check }
}

/// A section that may stand several times, `default_elements` times without any in the file.
pub(super) const fn array(
    name: &'static str,
    default_elements: usize,
    about: &'static str,
    keys: &'static [DataKey],
    check: fn(&[Values]) -> Result<(), String>,
) -> DataSection {
    DataSection { name, shape: Shape::Array { default_elements }, about, keys, check }
}

/// As `array`, where elements in the file never start from defaults.
pub(super) const fn fresh(
    name: &'static str,
    default_elements: usize,
    about: &'static str,
    keys: &'static [DataKey],
    check: fn(&[Values]) -> Result<(), String>,
) -> DataSection {
    DataSection { name, shape: Shape::Fresh { default_elements }, about, keys, check }
}
