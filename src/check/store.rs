//! The checkpoint store: it is there, and does what ownership and checkpoints need of it.

use std::path::Path;
use std::time::Duration;

use super::expiry;
use super::finding::{Cause, Log, Point};
use super::role::Role;
use super::token::{self, Claims};
use crate::app::outside::parts::{BlobPart, Parts};
use crate::app::signatures;
use crate::checkpoint::StoreError;
use crate::checkpoint::directory::DirectoryStore;
use crate::clock::{Rng, SharedRng};
use crate::config::{Config, StoreConfig};

pub(crate) mod access;
mod blob;
mod conditions;
mod folder;
mod protection;

pub(crate) use blob::remove_abandoned;
pub(crate) use folder::{Problem, Scratch};

/// What the names of everything that the check writes begin with: nobody else's do.
pub(crate) const PROBES: &str = "entra-forwarder-check";

/// Age from which a probe is nobody's any more: no check takes as long.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The points behind those of the way there.
const CALLS: [Point; 6] = [
    Point::Container,
    Point::Write,
    Point::Conditions,
    Point::Read,
    Point::Delete,
    Point::Protection,
];

/// Looks at the checkpoint store; gives whether it is there.
pub(crate) async fn look(log: &Log, config: &Config, parts: &Parts) -> bool {
    match (&config.checkpoints.store, &parts.checkpoints) {
        (StoreConfig::Memory, _) => {
            log.note(
                Point::Container,
                "in this process's memory: every start begins as the first one",
                "for production set checkpoints.store = \"blob\" (or \"directory\")",
            );
            true
        }
        (StoreConfig::Directory { path }, _) => {
            directory(log, path, config.checkpoints.timeout).await
        }
        (_, Some(part)) => {
            let access = access::reach(log, config, part, "checkpoints.container_url").await;
            match access {
                Ok(claims) => blob::look(log, part, claims.as_ref()).await,
                Err(failed) => {
                    log.skipped(&CALLS, failed);
                    false
                }
            }
        }
        (StoreConfig::Blob { .. }, None) => false,
    }
}

async fn directory(log: &Log, path: &Path, timeout: Duration) -> bool {
    let scratch = match Scratch::make(path, &probe_id()).await {
        Ok(scratch) => scratch,
        Err(problem) => {
            problem.report(log, Point::Container, path);
            let behind = [Point::Write, Point::Conditions, Point::Read];
            log.skipped(&behind, Point::Container);
            return false;
        }
    };
    log.ok(
        Point::Container,
        format!("{} can be written", path.display()),
    );
    let store = DirectoryStore::new(scratch.path(), timeout);
    conditions::look(log, &store, &conditions::group(&probe_id()), None).await;
    scratch.remove(log).await;
    true
}

/// A name that no other check uses.
pub(crate) fn probe_id() -> String {
    let rng = SharedRng::from_entropy();
    format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())
}

/// Reports what a store answered; `role` gives what may be missing.
pub(crate) fn report(log: &Log, point: Point, error: &StoreError, missing: Option<String>) {
    match error {
        StoreError::Unauthorized(text) => {
            let (seen, advice) = split(text);
            let is_role =
                text.contains("PermissionMismatch") || text.contains("AccountPermissions");
            let remedy = match missing.filter(|_| is_role) {
                Some(command) => command,
                None => advice.unwrap_or("check the credential").to_owned(),
            };
            log.failed(point, Cause::NotPermitted, seen, remedy);
        }
        StoreError::Unavailable(text) if text.starts_with("the container ") => {
            let (seen, advice) = split(text);
            let remedy = advice.unwrap_or("create it");
            log.failed(point, Cause::Unavailable, seen, remedy);
        }
        StoreError::Unavailable(text) => {
            let remedy = "look at the account's state and firewall (its service health), and try \
                          again";
            log.failed(point, Cause::Unavailable, text, remedy);
        }
        StoreError::Conflict => {
            let seen = "the answer says that somebody else wrote, which nobody did";
            let remedy = "check that container_url leads to blob storage of Azure";
            log.failed(point, Cause::Other, seen, remedy);
        }
        StoreError::Unreadable { .. } => {
            let remedy = "look at that object: nobody but consumers of Event Hubs must write there";
            log.failed(point, Cause::Other, error.to_string(), remedy);
        }
    }
}

/// The errors of stores say what to do behind a colon.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(": ") {
        Some((seen, advice)) => (seen, Some(advice)),
        None => (text, None),
    }
}
