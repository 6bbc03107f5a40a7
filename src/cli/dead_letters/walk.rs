//! Goes through the dead letters that are meant, object by object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::filter::Filter;
use crate::checkpoint::ETag;
use crate::deliver::dead_letter::{
    Content, DeadLetterArchive, DeadLetterError, Facts, Listed, Read, StoredLetter,
};

/// Objects of one call on the store: as many as a container gives at once.
const PAGE: usize = 5_000;

/// The letters of an object that are meant.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) version: ETag,
    /// Whether it holds nothing else.
    pub(super) is_whole: bool,
    pub(super) letters: Vec<Letter>,
}

/// A letter that is meant.
#[derive(Debug)]
pub(super) struct Letter {
    /// How it is named on the command line.
    pub(super) address: String,
    pub(super) facts: Facts,
    /// Its bytes, when they were asked for.
    pub(super) body: Option<Bytes>,
}

/// What the user named or described.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Everything that fits.
    Fitting(Filter),
    /// Objects, letters of batches (`<name>#<index>`), stable ids.
    Named(Vec<String>),
}

/// A walk through the store.
pub(super) struct Walk<'a> {
    store: &'a dyn DeadLetterArchive,
    filter: Filter,
    /// Objects that were named, and which of their letters; without an index, all of them.
    named: BTreeMap<String, BTreeSet<Option<u32>>>,
    /// Ids that were named and not found yet; `None` when everything that fits is meant.
    ids: Option<BTreeSet<String>>,
    with_bodies: bool,
    page: VecDeque<Listed>,
    /// Where the next page begins; `None` behind the last one.
    next: Option<Option<String>>,
    /// What could not be read, a sentence each.
    pub(super) unreadable: Vec<String>,
    /// Names that are nowhere; ids are told at the end ([`Self::missing`]).
    nowhere: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(store: &'a dyn DeadLetterArchive, wanted: Wanted, with_bodies: bool) -> Self {
        let mut named: BTreeMap<String, BTreeSet<Option<u32>>> = BTreeMap::new();
        let (filter, ids) = match wanted {
            Wanted::Fitting(filter) => (filter, None),
            Wanted::Named(names) => {
                let is_path = |name: &String| name.contains('/');
                let (paths, ids): (Vec<_>, Vec<_>) = names.into_iter().partition(is_path);
                for path in paths {
                    let (name, index) = divided(&path);
                    named.entry(name).or_default().insert(index);
                }
                let ids: BTreeSet<_> = ids.into_iter().collect();
                (Filter::default(), Some(ids))
            }
        };
        Self {
            store,
            with_bodies: with_bodies || filter.needs_body(),
            filter,
            named,
            ids,
            page: VecDeque::new(),
            next: Some(None),
            unreadable: Vec::new(),
            nowhere: Vec::new(),
        }
    }

    /// What was named and is nowhere; whole when the walk has come to its end.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        let names = self.nowhere.iter().chain(self.ids.iter().flatten());
        names.map(String::as_str)
    }

    /// The next object with letters that are meant; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Object>, DeadLetterError> {
        while let Some((name, indices)) = self.named.pop_first() {
            if let Some(object) = self.look_up(name, &indices).await? {
                return Ok(Some(object));
            }
        }
        loop {
            if self.ids.as_ref().is_some_and(BTreeSet::is_empty) {
                return Ok(None);
            }
            while let Some(listed) = self.page.pop_front() {
                if let Some(object) = self.look(listed).await? {
                    return Ok(Some(object));
                }
            }
            let Some(from) = self.next.take() else {
                return Ok(None);
            };
            let folder = self.filter.folder();
            let page = self.store.list(&folder, from.as_deref(), PAGE).await?;
            self.page = page.objects.into();
            self.next = page.next.map(Some);
        }
    }

    /// Reads an object that was named.
    async fn look_up(
        &mut self,
        name: String,
        indices: &BTreeSet<Option<u32>>,
    ) -> Result<Option<Object>, DeadLetterError> {
        let Some(read) = self.store.read(&name).await? else {
            self.nowhere.push(name);
            return Ok(None);
        };
        let there: BTreeSet<_> = read.letters.iter().map(|it| it.facts.index).collect();
        let missing = indices
            .iter()
            .flatten()
            .filter(|it| !there.contains(&Some(**it)));
        let missing: Vec<_> = missing.map(|index| format!("{name}#{index}")).collect();
        self.nowhere.extend(missing);
        let is_meant = |letter: &StoredLetter| {
            indices.contains(&None) || indices.contains(&letter.facts.index)
        };
        Ok(self.chosen(name, read, is_meant))
    }

    /// Looks at an object of a listing.
    async fn look(&mut self, listed: Listed) -> Result<Option<Object>, DeadLetterError> {
        let facts = match listed.content {
            Content::Unreadable(problem) => {
                self.unreadable.push(format!("{}: {problem}", listed.name));
                return Ok(None);
            }
            Content::One(facts) => {
                let is_named = self.ids.as_ref().is_none_or(|ids| ids.contains(&facts.id));
                if !self.filter.fits(&facts) || !is_named {
                    return Ok(None);
                }
                Some(facts)
            }
            Content::Batch { first, .. } if self.filter.excludes_batch(&first) => return Ok(None),
            Content::Batch { .. } => None,
        };
        if let (Some(facts), false) = (&facts, self.with_bodies) {
            self.found(&facts.id);
            let letter = Letter {
                address: listed.name.clone(),
                facts: facts.clone(),
                body: None,
            };
            return Ok(Some(Object {
                name: listed.name,
                version: listed.version,
                is_whole: true,
                letters: vec![letter],
            }));
        }
        // Removed meanwhile is as good as never there.
        let Some(read) = self.store.read(&listed.name).await? else {
            return Ok(None);
        };
        let (filter, ids) = (self.filter.clone(), self.ids.clone());
        Ok(self.chosen(listed.name, read, |letter| {
            let is_named = ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&letter.facts.id));
            is_named && filter.fits(&letter.facts) && filter.fits_body(letter)
        }))
    }

    fn chosen(
        &mut self,
        name: String,
        read: Read,
        is_meant: impl Fn(&StoredLetter) -> bool,
    ) -> Option<Object> {
        let told = read.damaged.iter().map(|it| format!("{name}: {it}"));
        self.unreadable.extend(told);
        let all = read.letters.len();
        let is_batch = is_batch(&name);
        let chosen = read.letters.into_iter().filter(is_meant);
        let letters: Vec<_> = chosen
            .map(|letter| Letter {
                address: match letter.facts.index {
                    Some(index) if is_batch => format!("{name}#{index}"),
                    _ => name.clone(),
                },
                facts: letter.facts,
                body: self.with_bodies.then_some(letter.body),
            })
            .collect();
        for letter in &letters {
            self.found(&letter.facts.id);
        }
        (!letters.is_empty()).then_some(Object {
            name,
            version: read.version,
            is_whole: letters.len() == all && read.damaged.is_empty(),
            letters,
        })
    }

    fn found(&mut self, id: &str) {
        if let Some(ids) = &mut self.ids {
            ids.remove(id);
        }
    }
}

/// Whether an object of this name holds several letters.
fn is_batch(name: &str) -> bool {
    name.rsplit('/')
        .next()
        .is_some_and(|name| name.contains("-batch-"))
}

/// The name of an object, and the index of one of its letters.
fn divided(name: &str) -> (String, Option<u32>) {
    let parts = name.rsplit_once('#');
    match parts.map(|(object, index)| (object, index.parse())) {
        Some((object, Ok(index))) => (object.to_owned(), Some(index)),
        _ => (name.to_owned(), None),
    }
}
