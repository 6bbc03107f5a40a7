//! 5. Filter: which sinks want a record, by its category.
//!
//! A sink selects with globs (`*` any text, `?` one character, the case of letters does not
//! matter): it wants what one of `include_categories` matches, or everything without such a list,
//! but for what one of `exclude_categories` matches. What has no category (text, values that are no
//! objects, objects without the field) counts as one named [`NO_CATEGORY`].
//!
//! A record that no sink wants goes where `unrouted` says.

use std::sync::Arc;

use smallvec::SmallVec;
use wildmatch::WildMatch;

use crate::checkpoint::ledgers::Received;
use crate::config::{CategoriesConfig, Config, Unrouted};
use crate::envelope::Records;
use crate::record::{Origin, Record};

/// The category of what has none. Azure gives no category such a name.
pub const NO_CATEGORY: &str = "<none>";

/// Categories that are selected.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Empty: everything.
    include: Vec<WildMatch>,
    exclude: Vec<WildMatch>,
}

impl Selection {
    /// `None` when it selects everything.
    pub fn new(config: &CategoriesConfig) -> Option<Self> {
        let globs = |patterns: &[String]| {
            let glob = |pattern: &String| WildMatch::new_case_insensitive(pattern);
            patterns.iter().map(glob).collect()
        };
        config.selects().then(|| Self {
            include: globs(&config.include),
            exclude: globs(&config.exclude),
        })
    }

    /// Whether a record is selected.
    pub fn selects(&self, record: &Record<'_>) -> bool {
        self.wants(record.category().as_deref().unwrap_or(NO_CATEGORY))
    }

    fn wants(&self, category: &str) -> bool {
        let matches = |globs: &[WildMatch]| globs.iter().any(|glob| glob.matches(category));
        (self.include.is_empty() || matches(&self.include)) && !matches(&self.exclude)
    }
}

/// What all sinks select. Made once; reads the category of a record only when one selects.
#[derive(Clone, Debug)]
pub struct Filter {
    /// In the order of the configuration; `None` wants everything.
    sinks: Vec<Option<Selection>>,
    /// The sink that gets what no other wants.
    rest: Option<usize>,
    /// What is meant of all that, by a command that sends only a part.
    part: Option<Part>,
}

/// A part of what sinks select.
#[derive(Clone, Debug)]
struct Part {
    /// Per sink, whether it is meant.
    sinks: Vec<bool>,
    /// Categories that are meant; `None` is all.
    only: Option<Selection>,
}

/// Where the records of one event go.
#[derive(Debug)]
pub struct Routes {
    /// Counts for the balance.
    pub received: Received,
    /// Per sink, how many records it wants.
    pub owed: SmallVec<[u32; 2]>,
    /// Per sink, the places of the records that it wants, in order; `None` is all of them.
    pub places: SmallVec<[Option<Arc<[u32]>>; 2]>,
}

impl Filter {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let rest = match &config.unrouted {
            Some(Unrouted::Sink(name)) => config.sinks.keys().position(|it| it == name),
            Some(Unrouted::Drop) | None => None,
        };
        let sinks = config.sinks.values();
        Self {
            sinks: sinks.map(|it| Selection::new(&it.categories)).collect(),
            rest,
            part: None,
        }
    }

    /// The same for some of the sinks, in the order of the configuration, and some categories of
    /// what they select. What none of these sinks wants counts as unrouted.
    pub fn narrowed(self, sinks: Vec<bool>, only: Option<Selection>) -> Self {
        Self {
            part: Some(Part { sinks, only }),
            ..self
        }
    }

    /// So many sinks that want everything.
    pub fn none(sinks: usize) -> Self {
        Self {
            sinks: vec![None; sinks],
            rest: None,
            part: None,
        }
    }

    /// At most so many bytes of memory the routes of so many records take.
    pub fn memory_bytes_max(&self, records: usize) -> u64 {
        let selecting = match self.part {
            None => self.sinks.iter().flatten().count(),
            Some(_) => self.sinks.len(),
        };
        (selecting * records * size_of::<u32>()) as u64
    }

    /// Says where the records of an event go.
    pub fn route(&self, records: &Records, origin: &Origin) -> Routes {
        let routes = self.route_all(records, origin);
        match &self.part {
            None => routes,
            Some(part) => part.of(routes, records, origin),
        }
    }

    fn route_all(&self, records: &Records, origin: &Origin) -> Routes {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let mut chosen: SmallVec<[Vec<u32>; 2]> = SmallVec::from_elem(Vec::new(), self.sinks.len());
        let mut unrouted = 0;
        if self.sinks.iter().any(Option::is_some) {
            let all_go_somewhere = self.sinks.iter().any(Option::is_none);
            for (place, piece) in (0..).zip(records.all()) {
                let category = Record::new(piece, origin).category();
                let category = category.as_deref().unwrap_or(NO_CATEGORY);
                let mut is_wanted = all_go_somewhere;
                for (selection, chosen) in self.sinks.iter().zip(&mut chosen) {
                    if selection.as_ref().is_some_and(|it| it.wants(category)) {
                        chosen.push(place);
                        is_wanted = true;
                    }
                }
                if is_wanted {
                    continue;
                }
                match self.rest.and_then(|sink| chosen.get_mut(sink)) {
                    Some(chosen) => chosen.push(place),
                    None => unrouted += 1,
                }
            }
        }
        let places = self.sinks.iter().zip(chosen).map(|(selection, chosen)| {
            let is_part = selection.is_some() && chosen.len() < records.len();
            is_part.then(|| Arc::from(chosen))
        });
        let places: SmallVec<[Option<Arc<[u32]>>; 2]> = places.collect();
        let owed = places.iter().map(|it| match it {
            Some(places) => u32::try_from(places.len()).unwrap_or(u32::MAX),
            None => count,
        });
        Routes {
            received: Received {
                records: count,
                unrouted,
            },
            owed: owed.collect(),
            places,
        }
    }
}

impl Part {
    /// Takes what is not meant out of routes.
    fn of(&self, routes: Routes, records: &Records, origin: &Origin) -> Routes {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let is_meant = |piece| match &self.only {
            None => true,
            Some(only) => only.selects(&Record::new(piece, origin)),
        };
        let meant: Vec<bool> = records.all().map(is_meant).collect();
        let mut is_wanted = vec![false; meant.len()];
        let places = routes.places.iter().zip(&self.sinks);
        let places: SmallVec<[Option<Arc<[u32]>>; 2]> = places
            .map(|(places, is_meant)| {
                let before = match places {
                    Some(places) => places.to_vec(),
                    None => (0..count).collect(),
                };
                let mut left = before;
                left.retain(|place| {
                    let place = *place as usize;
                    *is_meant && meant.get(place).copied().unwrap_or(false)
                });
                for place in &left {
                    if let Some(is_wanted) = is_wanted.get_mut(*place as usize) {
                        *is_wanted = true;
                    }
                }
                Some(Arc::from(left))
            })
            .collect();
        let unrouted = is_wanted.iter().filter(|is_wanted| !**is_wanted).count();
        let owed = places.iter().flatten();
        Routes {
            received: Received {
                records: count,
                unrouted: u32::try_from(unrouted).unwrap_or(u32::MAX),
            },
            owed: owed
                .map(|places| u32::try_from(places.len()).unwrap_or(u32::MAX))
                .collect(),
            places,
        }
    }
}

/// Whether a record could be wanted by no sink, as far as their lists of globs show: surely not
/// when a sink takes everything, or when what a sink excludes is included by others to the letter.
pub fn may_leave_some(sinks: &[CategoriesConfig]) -> bool {
    let is_included = |pattern: &String| {
        sinks.iter().any(|sink| {
            let mut include = sink.include.iter();
            sink.exclude.is_empty() && include.any(|it| it.eq_ignore_ascii_case(pattern))
        })
    };
    let takes_the_rest = |sink: &CategoriesConfig| {
        let takes_all = sink.include.is_empty() || sink.include.iter().any(|it| it == "*");
        takes_all && sink.exclude.iter().all(is_included)
    };
    !sinks.iter().any(takes_the_rest)
}

#[cfg(test)]
mod tests;
