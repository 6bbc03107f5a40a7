//! When credentials end that somebody has to renew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event_hub::Timestamp;

/// What kind of credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryKind {
    /// A ready-made shared access signature.
    Signature,
    /// A certificate, of a client or of an application.
    Certificate,
    /// A token, which is renewed by itself.
    Token,
}

impl ExpiryKind {
    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Certificate => "certificate",
            Self::Token => "token",
        }
    }
}

/// The ends that are known, by kind and place in the configuration.
#[derive(Debug, Default)]
pub struct Expiries(Mutex<BTreeMap<(ExpiryKind, String), Timestamp>>);

impl Expiries {
    /// Notes when the credential in a place ends; a later one takes the place of an earlier one.
    pub fn note(&self, kind: ExpiryKind, place: &str, ends: Timestamp) {
        self.lock().insert((kind, place.to_owned()), ends);
    }

    /// All of them.
    pub fn read(&self) -> Vec<(ExpiryKind, String, Timestamp)> {
        let known = self.lock();
        let all = known.iter();
        all.map(|((kind, place), ends)| (*kind, place.clone(), *ends))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(ExpiryKind, String), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
