//! Objects below a directory, in the order of their names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{BATCH, BODY, SIDECAR};
use crate::checkpoint::directory::files::{self, FileError};

/// The files of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) body: bool,
    pub(super) sidecar: bool,
    pub(super) batch: bool,
}

/// A walk that begins behind an object and ends when it has found enough.
pub(super) struct Walk<'a> {
    pub(super) root: &'a Path,
    /// What the paths begin with.
    pub(super) below: &'a str,
    /// The last object of the page before.
    pub(super) from: Option<&'a str>,
    pub(super) most: usize,
    /// Paths of objects, without their suffixes.
    pub(super) found: Vec<(String, Files)>,
}

impl Walk<'_> {
    /// Looks into a folder, which is named as objects are and ends with a slash, or is empty.
    pub(super) fn look(&mut self, folder: &str) -> Result<(), FileError> {
        let mut objects: BTreeMap<String, Files> = BTreeMap::new();
        let mut folders = BTreeSet::new();
        for (name, is_folder) in files::entries(&self.root.join(folder))? {
            if is_folder {
                folders.insert(format!("{folder}{name}/"));
                continue;
            }
            let known = [SIDECAR, BODY, BATCH].into_iter().find_map(|suffix| {
                let stem = name.strip_suffix(suffix)?;
                Some((format!("{folder}{stem}"), suffix))
            });
            let (path, suffix) = known.unwrap_or_else(|| (format!("{folder}{name}"), ""));
            let files = objects.entry(path).or_default();
            files.body |= suffix == BODY;
            files.sidecar |= suffix == SIDECAR;
            files.batch |= suffix == BATCH;
        }
        let mut all: Vec<(String, Option<Files>)> = objects
            .into_iter()
            .map(|(path, files)| (path, Some(files)))
            .chain(folders.into_iter().map(|path| (path, None)))
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, files) in all {
            if self.found.len() == self.most {
                break;
            }
            match files {
                Some(files) if self.is_wanted(&path) => self.found.push((path, files)),
                Some(_) => {}
                None if self.may_hold(&path) => self.look(&path)?,
                None => {}
            }
        }
        Ok(())
    }

    fn is_wanted(&self, path: &str) -> bool {
        path.starts_with(self.below) && self.from.is_none_or(|from| path > from)
    }

    fn may_hold(&self, folder: &str) -> bool {
        let is_asked = folder.starts_with(self.below) || self.below.starts_with(folder);
        let is_done = |from: &str| from > folder && !from.starts_with(folder);
        is_asked && !self.from.is_some_and(is_done)
    }
}
