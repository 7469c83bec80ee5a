//! Who may use the daemon.

use serde::{Deserialize, Serialize};

use crate::record::{self, Record};
use crate::{Error, Page, Store};

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// May do everything.
    pub admin: bool,
    /// Else: names of what is allowed.
    pub permissions: Vec<String>,
    /// What the password is checked against; never the password.
    pub password_hash: String,
}

impl Record for User {
    const KIND: &'static str = "user";
}

/// The stored users.
#[derive(Debug, Clone)]
pub struct Users(pub(crate) Store);

impl Users {
    /// The user of this name.
    pub fn get(&self, name: &str) -> Result<Option<User>, Error> {
        self.0.db.get(&key(name))?.map(|bytes| record::decode(name, &bytes)).transpose()
    }

    /// A page of all, by name.
    pub fn list(&self, page: &Page<'_>) -> Result<Vec<User>, Error> {
        record::Items::new(&self.0.db, &[], page).collect()
    }

    /// Stores a new user.
    ///
    /// # Errors
    /// [`Error::Exists`]
    pub fn create(&self, user: &User) -> Result<(), Error> {
        let _change = self.0.change();
        if self.get(&user.name)?.is_some() {
            return Err(Error::Exists { kind: User::KIND, id: user.name.clone() });
        }
        self.0.db.put(&key(&user.name), &record::encode(user)?)
    }

    /// Stores a user in place of the one of the same name.
    ///
    /// # Errors
    /// [`Error::Missing`]
    pub fn replace(&self, user: &User) -> Result<(), Error> {
        let _change = self.0.change();
        if self.get(&user.name)?.is_none() {
            return Err(Error::Missing { kind: User::KIND, id: user.name.clone() });
        }
        self.0.db.put(&key(&user.name), &record::encode(user)?)
    }

    /// Forgets a user; no error if there is none.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        self.0.db.delete(&key(name))
    }
}

fn key(name: &str) -> Vec<u8> {
    record::key(User::KIND, &[], name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_made_changed_and_forgotten() {
        let users = Store::in_memory().users();
        let bob = User { name: "bob".into(), ..User::default() };
        assert!(matches!(users.replace(&bob), Err(Error::Missing { .. })));
        users.create(&bob).unwrap();
        assert!(matches!(users.create(&bob), Err(Error::Exists { .. })));
        let admin = User { admin: true, ..bob };
        users.replace(&admin).unwrap();
        assert_eq!(users.list(&Page::ALL).unwrap(), [admin]);
        users.delete("bob").unwrap();
        assert_eq!(users.get("bob").unwrap(), None);
    }
}
