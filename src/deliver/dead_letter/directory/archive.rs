//! Files given back as dead letters. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use super::super::{Content, DeadLetterError, Facts, Listed, Page, Read, StoredLetter, batch};
use super::walk::{Files, Walk};
use super::{BATCH, BODY, SIDECAR, file};
use crate::checkpoint::ETag;
use crate::checkpoint::directory::files::{self, FileError};
use crate::checkpoint::store_key::from_path_safe;
use crate::event_hub::Timestamp;

/// Version of what has no sidecar.
const UNFINISHED: &str = "unfinished";

fn version(content: &[u8]) -> ETag {
    ETag::new(&format!("{:032x}", xxhash_rust::xxh3::xxh3_128(content)))
}

pub(super) fn page(
    root: &Path,
    below: &str,
    from: Option<&str>,
    most: usize,
) -> Result<Page, DeadLetterError> {
    let mut walk = Walk {
        root,
        below,
        from,
        // One more, to know whether there is another page.
        most: most + 1,
        found: Vec::new(),
    };
    walk.look("")?;
    let mut found = walk.found;
    let is_whole = found.len() <= most;
    found.truncate(most);
    let next = found.last().map(|(path, _)| path.clone());
    let mut objects = Vec::with_capacity(found.len());
    for (path, files) in found {
        // What was removed meanwhile is left out.
        objects.extend(listed(root, &path, files)?);
    }
    Ok(Page {
        objects,
        next: next.filter(|_| !is_whole),
    })
}

fn listed(root: &Path, path: &str, found: Files) -> Result<Option<Listed>, FileError> {
    let name = from_path_safe(path);
    let size = |suffix| {
        let metadata = std::fs::metadata(file(root, path, suffix)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let (content, version, size, modified_at) = if found.batch {
        let Some((text, time)) = files::read(&file(root, path, BATCH))? else {
            return Ok(None);
        };
        let summary = batch::summary(&text, time.into());
        let content = summary.map(|(letters, first)| Content::Batch { letters, first });
        (content, version(&text), text.len() as u64, time)
    } else if found.sidecar {
        let Some((text, time)) = files::read(&file(root, path, SIDECAR))? else {
            return Ok(None);
        };
        let body = size(BODY).map(|(size, _)| size);
        let content = match body {
            None => Err("its body is not there".to_owned()),
            Some(_) => facts(&text, time, body).map(Content::One),
        };
        (content, version(&text), body.unwrap_or(0), time)
    } else {
        let suffix = if found.body { BODY } else { "" };
        let Some((size, time)) = size(suffix) else {
            return Ok(None);
        };
        let problem = match found.body {
            true => "its fields are not there: it is being written, or was only begun",
            false => "it is no dead letter",
        };
        let content = Err(problem.to_owned());
        (content, ETag::new(UNFINISHED), size, time)
    };
    let content = match &name {
        Some(_) => content,
        None => Err("its name is none of a dead letter".to_owned()),
    };
    Ok(Some(Listed {
        name: name.unwrap_or_else(|| path.to_owned()),
        version,
        modified_at: modified_at.into(),
        size,
        content: content.unwrap_or_else(Content::Unreadable),
    }))
}

fn facts(sidecar: &[u8], time: SystemTime, size: Option<u64>) -> Result<Facts, String> {
    let fields: BTreeMap<String, String> = serde_json::from_slice(sidecar)
        .map_err(|_| "its fields are no JSON object of texts".to_owned())?;
    let facts = Facts::read(&fields, Timestamp::from(time), size)?;
    match size {
        Some(size) if size != facts.size => {
            let expected = facts.size;
            Err(format!("it has {size} bytes instead of {expected}"))
        }
        _ => Ok(facts),
    }
}

pub(super) fn read(root: &Path, path: &str) -> Result<Option<Read>, DeadLetterError> {
    if let Some((text, time)) = files::read(&file(root, path, BATCH))? {
        let (letters, damaged) = batch::read(&text, time.into());
        return Ok(Some(Read {
            version: version(&text),
            letters,
            damaged,
        }));
    }
    let sidecar = files::read(&file(root, path, SIDECAR))?;
    let body = files::read(&file(root, path, BODY))?;
    let (version, letter) = match (sidecar, body) {
        (None, None) => return Ok(None),
        (None, Some(_)) => (
            ETag::new(UNFINISHED),
            Err("its fields are not there".to_owned()),
        ),
        (Some((text, _)), None) => (version(&text), Err("its body is not there".to_owned())),
        (Some((text, time)), Some((body, _))) => {
            let facts = facts(&text, time, Some(body.len() as u64));
            let checked = facts.and_then(|facts| facts.check(&body).map(|()| facts));
            let letter = checked.map(|facts| StoredLetter {
                facts,
                body: body.into(),
            });
            (version(&text), letter)
        }
    };
    let (letters, damaged) = match letter {
        Ok(letter) => (vec![letter], Vec::new()),
        Err(problem) => (Vec::new(), vec![problem]),
    };
    Ok(Some(Read {
        version,
        letters,
        damaged,
    }))
}

/// Removes with the lock held; `ids` are those of the letters that are meant, or all.
pub(super) fn remove(
    root: &Path,
    path: &str,
    seen: &ETag,
    ids: Option<&BTreeSet<String>>,
) -> Result<(), DeadLetterError> {
    let batch = file(root, path, BATCH);
    if let Some((text, _)) = files::read(&batch)? {
        if version(&text) != *seen {
            return Err(DeadLetterError::Changed);
        }
        let (rest, count) = ids.map_or_else(Default::default, |ids| batch::without(&text, ids));
        match count {
            0 => files::remove(&batch)?,
            _ => files::replace(&batch, ".batch.new", &rest)?,
        }
        return Ok(());
    }
    let (sidecar, body) = (file(root, path, SIDECAR), file(root, path, BODY));
    match files::read(&sidecar)? {
        Some((text, _)) if version(&text) != *seen => return Err(DeadLetterError::Changed),
        None if body.exists() && seen.as_str() != UNFINISHED => {
            return Err(DeadLetterError::Changed);
        }
        _ => {}
    }
    // The sidecar first: without it, a body is none that was confirmed.
    files::remove(&sidecar)?;
    files::remove(&body)?;
    Ok(())
}
