//! Users: who they are, how their passwords are checked, and what each may do.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, OnceLock, PoisonError},
};

use axum::http::Method;
use ring::{hmac, pbkdf2};
use store::{Page, Store, users::User};

use crate::definitions::Refused;

/// What can be allowed to a user who is no admin.
pub const PERMISSIONS: &[&str] = &["none", "api", "config_api", "write_points", "all"];

/// How much work it is to try a password where the config does not say: 2 to the power of it.
pub const COST: u32 = 10;
/// More of a password bcrypt does not look at.
const LONGEST_PASSWORD: usize = 72;

/// The users of one daemon. Calls may block on the disk or take a while to try a password.
pub struct Users {
    store: store::users::Users,
    /// Passwords that were right, by user: signed with a key of this process, so that trying one again is no work.
    tried: Mutex<HashMap<String, (String, hmac::Tag)>>,
    key: hmac::Key,
    cost: u32,
    /// The hash of nobody's password: a name that does not exist takes as long as one that does.
    nobody: OnceLock<String>,
}

/// What a request says of a user to be made or changed; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub password: Option<String>,
    pub admin: Option<bool>,
    pub permissions: Option<Vec<String>>,
}

impl Users {
    /// `cost` is that of new passwords.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(store: &Store, cost: u32) -> Result<Users, Refused> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| Refused::failed("the system has no randomness"))?;
        Ok(Users { store: store.users(), tried: Mutex::default(), key, cost, nobody: OnceLock::new() })
    }

    pub fn list(&self, page: &Page<'_>) -> Result<Vec<User>, Refused> {
        Ok(self.store.list(page)?)
    }

    pub fn get(&self, name: &str) -> Result<User, Refused> {
        self.store.get(name)?.ok_or_else(|| Refused::missing("no user exists"))
    }

    pub fn create(&self, name: &str, changes: &Changes) -> Result<User, Refused> {
        if name.is_empty() {
            return Err(Refused::bad("username is required"));
        }
        if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '@' | '_')) {
            let text = format!("username must contain only letters, numbers, '-', '.', '@' and '_'. {name:?}");
            return Err(Refused::bad(text));
        }
        if changes.password.as_deref().unwrap_or_default().is_empty() {
            return Err(Refused::bad("password is required"));
        }
        let user = self.changed(User { name: name.to_string(), ..User::default() }, changes)?;
        match self.store.create(&user) {
            Err(store::Error::Exists { .. }) => Err(Refused::bad(format!("user {name} already exists"))),
            outcome => Ok(outcome.map(|()| user)?),
        }
    }

    pub fn update(&self, name: &str, changes: &Changes) -> Result<User, Refused> {
        let user = self.changed(self.get(name)?, changes)?;
        self.store.replace(&user)?;
        Ok(user)
    }

    pub fn delete(&self, name: &str) -> Result<(), Refused> {
        Ok(self.store.delete(name)?)
    }

    /// The user, if the password is theirs.
    pub fn check(&self, name: &str, password: &str) -> Result<Option<User>, Refused> {
        let Some(user) = self.store.get(name)? else {
            let nobody = self.nobody.get_or_init(|| bcrypt::hash("", self.cost).unwrap_or_default());
            is_password(nobody, password);
            return Ok(None);
        };
        let tag = hmac::sign(&self.key, password.as_bytes());
        let tried = |tried: &(String, hmac::Tag)| {
            tried.0 == user.password_hash && hmac::verify(&self.key, password.as_bytes(), tried.1.as_ref()).is_ok()
        };
        if self.tried().get(name).is_some_and(tried) {
            return Ok(Some(user));
        }
        if !is_password(&user.password_hash, password) {
            return Ok(None);
        }
        self.tried().insert(name.to_string(), (user.password_hash.clone(), tag));
        Ok(Some(user))
    }

    fn changed(&self, mut user: User, changes: &Changes) -> Result<User, Refused> {
        if let Some(permissions) = &changes.permissions {
            if let Some(unknown) = permissions.iter().find(|permission| !PERMISSIONS.contains(&permission.as_str())) {
                let text = format!("unknown permission {unknown:?}: one of {}", PERMISSIONS.join(", "));
                return Err(Refused::bad(text));
            }
            user.permissions = permissions.iter().filter(|permission| *permission != "none").cloned().collect();
        }
        if let Some(admin) = changes.admin {
            user.admin = admin;
        }
        if let Some(password) = changes.password.as_deref().filter(|password| !password.is_empty()) {
            user.password_hash = self.hashed(password)?;
        }
        Ok(user)
    }

    fn hashed(&self, password: &str) -> Result<String, Refused> {
        if password.len() > LONGEST_PASSWORD {
            return Err(Refused::bad(format!("a password may be no longer than {LONGEST_PASSWORD} bytes")));
        }
        bcrypt::hash(password, self.cost).map_err(|error| Refused::failed(error.to_string()))
    }

    fn tried(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, hmac::Tag)>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a user may make a request; if not, the name of what would be needed.
pub fn may(user: &User, method: &Method, path: &str) -> Result<(), &'static str> {
    let needed = match *method {
        Method::GET => "read",
        Method::DELETE => "delete",
        Method::HEAD | Method::OPTIONS => return Ok(()),
        _ => "write",
    };
    let write = matches!(path, "/write" | "/kapacitor/v1/write" | "/api/v1/write");
    let ping = matches!(path, "/ping" | "/kapacitor/v1/ping" | "/api/v1/ping");
    let config = path == "/kapacitor/v1/config" || path.starts_with("/kapacitor/v1/config/");
    let allows = |permission: &str| match permission {
        "all" => true,
        "api" => !write && !config,
        "config_api" => ping || config,
        "write_points" => ping || write,
        _ => false,
    };
    if user.admin || user.permissions.iter().any(|permission| allows(permission)) { Ok(()) } else { Err(needed) }
}

/// Whether a stored hash is of this password: of bcrypt, or, as stores of older versions have them,
/// `pbkdf2-sha256$ROUNDS$SALT$HASH`, the last two in hexadecimal.
fn is_password(stored: &str, password: &str) -> bool {
    if stored.starts_with("$2") {
        return bcrypt::verify(password, stored).unwrap_or(false);
    }
    let parts: Vec<&str> = stored.split('$').collect();
    let [_, rounds, salt, hash] = parts[..] else { return false };
    let (Ok(rounds), Some(salt), Some(hash)) = (rounds.parse::<NonZeroU32>(), unhex(salt), unhex(hash)) else {
        return false;
    };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &hash).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_checked_and_changed() {
        let users = Users::new(&Store::in_memory(), 4).unwrap();
        let password = |text: &str| Changes { password: Some(text.to_string()), ..Changes::default() };
        let made = users.create("bob", &password("p w:1")).unwrap();
        assert!(made.password_hash.starts_with("$2") && !made.password_hash.contains("p w:1"));
        let right = |text: &str| users.check("bob", text).unwrap().is_some();
        assert!(right("p w:1") && right("p w:1") && !right("x") && !right(""));
        users.update("bob", &password("new")).unwrap();
        assert!(right("new") && !right("p w:1"));
        assert!(users.check("eve", "new").unwrap().is_none());
        users.delete("bob").unwrap();
        assert!(!right("new"));
    }

    #[test]
    fn hashes_of_older_stores_are_known() {
        // Of "secret", one round, the salt "salt".
        let mut hash = [0; 16];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, b"salt", b"secret", &mut hash);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = format!("pbkdf2-sha256$1$73616c74${hex}");
        assert!(is_password(&stored, "secret") && !is_password(&stored, "Secret") && !is_password("", "secret"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let users = Users::new(&Store::in_memory(), 4).unwrap();
        let full = Changes { password: Some("p".into()), ..Changes::default() };
        users.create("a", &full).unwrap();
        let fly = Changes { permissions: Some(vec!["fly".into()]), ..full.clone() };
        for (name, changes, status) in [
            ("", &full, 400),
            ("b d", &full, 400),
            ("b", &Changes::default(), 400),
            ("b", &fly, 400),
            ("b", &Changes { password: Some("x".repeat(73)), ..full.clone() }, 400),
            ("a", &full, 400),
        ] {
            assert_eq!(users.create(name, changes).unwrap_err().status, status, "{name}");
        }
        assert_eq!(users.update("b", &full).unwrap_err().status, 404);
    }

    #[test]
    fn permissions_are_for_paths() {
        let with = |permissions: &[&str]| User {
            permissions: permissions.iter().map(|p| p.to_string()).collect(),
            ..User::default()
        };
        let cases = [
            (&["api"][..], Method::GET, "/kapacitor/v1/tasks/x", Ok(())),
            (&["api"], Method::GET, "/kapacitor/v1/config/smtp", Err("read")),
            (&["api"], Method::POST, "/write", Err("write")),
            (&["config_api"], Method::POST, "/kapacitor/v1/config/smtp/", Ok(())),
            (&["config_api"], Method::DELETE, "/kapacitor/v1/tasks/x", Err("delete")),
            (&["write_points"], Method::POST, "/write", Ok(())),
            (&["write_points"], Method::GET, "/kapacitor/v1/ping", Ok(())),
            (&[], Method::GET, "/kapacitor/v1/ping", Err("read")),
            (&[], Method::HEAD, "/kapacitor/v1/ping", Ok(())),
            (&["all"], Method::POST, "/kapacitor/v1/config/smtp/", Ok(())),
        ];
        for (permissions, method, path, expected) in cases {
            assert_eq!(may(&with(permissions), &method, path), expected, "{permissions:?} {method} {path}");
        }
        assert_eq!(may(&User { admin: true, ..User::default() }, &Method::DELETE, "/x"), Ok(()));
    }
}
