//! A container: what the program does to blobs, done to some of its own.

use super::conditions;
use super::{
    ABANDONED, BlobPart, Claims, Log, PROBES, Point, access, probe_id, protection, report,
};
use crate::check::finding::Cause;
use crate::checkpoint::StoreError;
use crate::checkpoint::blob::BlobStore;
use crate::checkpoint::blob::container::{Listed, NotStored};

/// What behind the listing is not looked at when it fails.
const BEHIND: [Point; 5] = [
    Point::Write,
    Point::Conditions,
    Point::Read,
    Point::Delete,
    Point::Protection,
];

/// Makes the calls, and removes what they have made. Gives whether the container is there.
pub(super) async fn look(log: &Log, part: &BlobPart, claims: Option<&Claims>) -> bool {
    let missing = || access::role_command(part, claims);
    let container = &part.container;
    let left_behind = match container.page(&format!("{PROBES}/"), None, 100).await {
        Ok((blobs, _)) => blobs,
        Err(error) => {
            report(log, Point::Container, &error, missing());
            log.skipped(&BEHIND, Point::Container);
            return false;
        }
    };
    let seen = format!("{} is there and can be listed", container.url());
    log.ok(Point::Container, seen);
    if access::may_not_delete(part) {
        without_traces(log, part).await;
        protection::look(log, part, None).await;
        return true;
    }
    remove_abandoned(part, &left_behind).await;
    let id = probe_id();
    let group = conditions::group(&id);
    let store = BlobStore::new(container.clone());
    conditions::look(log, &store, &group, missing()).await;
    let prefix = format!("{}/", group.prefix());
    let is_versioned = clean(log, part, &prefix, missing()).await;
    protection::look(log, part, Some((&prefix, is_versioned))).await;
    true
}

/// Removes probes of checks that were interrupted; another one may be under way.
pub(crate) async fn remove_abandoned(part: &BlobPart, probes: &[Listed]) {
    for blob in probes.iter().filter(|blob| blob.age > ABANDONED) {
        let removed = part.container.delete(&blob.name, &blob.etag).await;
        removed.unwrap_or_else(
            |error| tracing::debug!(event = "old_probe_stays", %error, "an old probe stays"),
        );
    }
}

/// Removes the blobs below this prefix; gives whether the account keeps versions of them.
async fn clean(log: &Log, part: &BlobPart, prefix: &str, missing: Option<String>) -> bool {
    let mut is_versioned = false;
    let removed = async {
        let (blobs, _) = part.container.page(prefix, None, 100).await?;
        for blob in &blobs {
            let head = part.container.head(&blob.name).await?;
            is_versioned |= head.is_some_and(|head| head.is_versioned);
            part.container.delete(&blob.name, &blob.etag).await?;
        }
        Ok::<_, StoreError>(blobs.len())
    };
    match removed.await {
        // Nothing was written, which is said elsewhere.
        Ok(0) => log.skipped(&[Point::Delete], Point::Write),
        Ok(_) => log.ok(Point::Delete, "the probe blobs are removed"),
        Err(error) => {
            report(log, Point::Delete, &error, missing);
        }
    }
    is_versioned
}

/// Asks what can be asked without leaving a blob that could not be removed.
async fn without_traces(log: &Log, part: &BlobPart) {
    let probe = format!("{PROBES}/probe");
    let why = "a probe blob could not be removed: the signature lacks the permission `d`";
    let remedy = "none for running; with `d` in the signature's `sp` the check tries everything, \
                  and `dead-letters replay | purge` work";
    match part.container.refuses_other_version(&probe).await {
        Ok(true) => {
            log.ok(Point::Write, "blobs may be written");
            let seen = format!("If-Match is looked at; If-None-Match was not tried: {why}");
            log.note(Point::Conditions, seen, remedy);
        }
        Ok(false) => {
            log.ok(Point::Write, "blobs may be written");
            conditions::broken(log, "If-Match", "a blob was written over another version");
        }
        Err(not_stored) => {
            refused(log, not_stored);
            log.skipped(&[Point::Conditions], Point::Write);
        }
    }
    match part.container.head(&probe).await {
        Ok(_) => log.ok(Point::Read, "blobs may be read"),
        Err(error) => report(log, Point::Read, &error, None),
    }
    log.note(Point::Delete, format!("not tried: {why}"), remedy);
}

fn refused(log: &Log, not_stored: NotStored) {
    let text = match not_stored {
        NotStored::Answered {
            status: 401 | 403,
            problem,
            ..
        }
        | NotStored::NoToken(problem) => {
            return report(log, Point::Write, &StoreError::Unauthorized(problem), None);
        }
        NotStored::Answered { problem, .. } | NotStored::NoAnswer(problem) => problem,
        NotStored::Immutable { problem } => {
            let remedy = "take a container without an immutability policy for checkpoints";
            return log.failed(Point::Write, Cause::Other, problem, remedy);
        }
        NotStored::TimedOut => "no answer in time".to_owned(),
    };
    report(log, Point::Write, &StoreError::Unavailable(text), None);
}
