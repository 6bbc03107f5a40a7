//! The dead-letter store: a body can be written, read and deleted. What is written can not be taken
//! for a dead letter: it is not where those are looked for.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;

use super::finding::{Cause, Log, Point};
use super::store::{PROBES, Scratch, access, probe_id, remove_abandoned, report};
use super::token::Claims;
use crate::app::outside::parts::{BlobPart, Parts};
use crate::config::{Config, DeadLettersConfig, StoreConfig};

const CALLS: [Point; 3] = [Point::Write, Point::Read, Point::Delete];

/// Bytes that text would not bring back.
const BODY: &[u8] = b"probe\x00\xff\r\n";

/// Folder of the dead letters in a directory store.
const FOLDER: &str = "dead-letters";

/// Looks at the dead-letter store. `is_beside` is whether the checkpoint store is there.
pub(crate) async fn look(log: &Log, config: &Config, parts: &Parts, is_beside: bool) {
    match (&config.dead_letters, &config.checkpoints.store) {
        (DeadLettersConfig::Directory { path }, _) => directory(log, path).await,
        (DeadLettersConfig::Checkpoints, StoreConfig::Directory { path }) => {
            directory(log, &path.join(FOLDER)).await;
        }
        (DeadLettersConfig::Checkpoints, StoreConfig::Memory) => log.note(
            Point::Write,
            "in this process's memory: dead letters are gone with it",
            "set dead_letters.store = \"blob\" (or \"directory\")",
        ),
        (DeadLettersConfig::Checkpoints, StoreConfig::Blob { .. }) if !is_beside => {
            log.skipped_since(&CALLS, "checkpoints");
        }
        (DeadLettersConfig::Checkpoints, StoreConfig::Blob { .. }) => {
            if let Some(part) = &parts.checkpoints {
                // The way there is told with the checkpoints.
                container(log, part, None).await;
            }
        }
        (DeadLettersConfig::Blob { .. }, _) => {
            let Some(part) = &parts.dead_letters else {
                return;
            };
            match access::reach(log, config, part, "dead_letters.container_url").await {
                Ok(claims) => {
                    container(log, part, claims.as_ref()).await;
                    clean(part).await;
                }
                Err(failed) => log.skipped(&CALLS, failed),
            }
        }
    }
}

/// Removes what interrupted checks have left behind. What cannot be listed or removed stays.
async fn clean(part: &BlobPart) {
    let is_allowed = !access::may_not_delete(part);
    if is_allowed
        && let Ok((probes, _)) = part.container.page(&format!("{PROBES}/"), None, 100).await
    {
        remove_abandoned(part, &probes).await;
    }
}

async fn container(log: &Log, part: &BlobPart, claims: Option<&Claims>) {
    let missing = || access::role_command(part, claims);
    let path = format!("{PROBES}/{}/letter", probe_id());
    if access::may_not_delete(part) {
        let seen = "not written: the signature lacks the permission `d`, and a probe would stay";
        let remedy = "add `d` to the signature's `sp`: `dead-letters replay | purge` need it too";
        match part.container.may_upload(&path).await {
            Ok(()) => log.note(
                Point::Write,
                format!("blobs may be written; {seen}"),
                remedy,
            ),
            Err(_) => {
                let seen = "the signature allows no writing here";
                log.failed(Point::Write, Cause::NotPermitted, seen, "see `checkpoints`");
            }
        }
        return;
    }
    let made = part
        .container
        .create(&path, HashMap::new(), Bytes::from_static(BODY))
        .await;
    let etag = match made {
        Ok(etag) => etag,
        Err(error) => {
            report(log, Point::Write, &error, missing());
            return log.skipped(&[Point::Read, Point::Delete], Point::Write);
        }
    };
    log.ok(Point::Write, "a body can be written");
    match part.container.whole(&path).await {
        Ok(whole) => came_back(log, whole.as_ref().map(|whole| whole.body.as_ref())),
        Err(error) => report(log, Point::Read, &error, missing()),
    }
    match part.container.delete(&path, &etag).await {
        Ok(()) => log.ok(Point::Delete, "and deleted"),
        Err(error) => report(log, Point::Delete, &error, missing()),
    }
}

fn came_back(log: &Log, read: Option<&[u8]>) {
    if read == Some(BODY) {
        return log.ok(Point::Read, "it comes back as it was written");
    }
    let seen = "what was written does not come back as it was";
    let remedy = "let nothing on the way change bodies";
    log.failed(Point::Read, Cause::Other, seen, remedy);
}

async fn directory(log: &Log, path: &Path) {
    let written = async {
        let scratch = Scratch::make(path, &probe_id()).await?;
        let file = scratch.path().join("letter");
        let written = tokio::fs::write(&file, BODY).await;
        let read = tokio::fs::read(&file).await;
        Ok((scratch, written.and(read)))
    };
    match written.await {
        Ok((scratch, read)) => {
            log.ok(Point::Write, format!("{} can be written", path.display()));
            came_back(log, read.ok().as_deref());
            scratch.remove(log).await;
        }
        Err(problem) => {
            let problem: super::store::Problem = problem;
            problem.report(log, Point::Write, path);
            log.skipped(&[Point::Read, Point::Delete], Point::Write);
        }
    }
}
