//! Knows every record that was produced and what became of it, and judges.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use super::journal::{Journal, Rule};
use super::records::Made;
use super::selection::Selections;
use super::taste::{Dislike, Tastes};

/// Partition, timeline and number of an event. A partition that begins anew gets a new timeline.
pub(crate) type EventKey = (usize, u32, i64);

/// Timeline and number within a partition.
pub(crate) type Place = (u32, i64);

/// A record: its event and its index in it.
pub(crate) type RecordKey = (EventKey, usize);

pub(crate) struct Oracle {
    journal: Arc<Journal>,
    selections: Selections,
    /// What is no JSON becomes a dead letter.
    buries_text: bool,
    tastes: Arc<Tastes>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: BTreeMap<EventKey, Event>,
    /// Per encoding, the record that these bytes are.
    wires: [HashMap<Vec<u8>, RecordKey>; 2],
    stored: BTreeMap<usize, Stored>,
}

struct Event {
    /// Per record and sink, whether the sink is to have it.
    wanted_by: Vec<Vec<bool>>,
    /// Per record and sink, how often it was accepted.
    accepted: Vec<Vec<u32>>,
    /// Per record and sink, what the sink has against it, and how often it became a dead letter.
    dislikes: Vec<Vec<Option<Dislike>>>,
    given_up: Vec<Vec<u32>>,
    /// Per record, its bytes.
    originals: Vec<Vec<u8>>,
    letter: Option<&'static str>,
    letters: u32,
    /// Whether it must be delivered: it was not excused.
    wanted: bool,
    /// The only process that still has it: the hub lost it.
    only_in: Option<String>,
}

impl Event {
    fn is_done(&self) -> bool {
        let wanted_by = self.wanted_by.iter().flatten();
        let times = self.accepted.iter().flatten();
        let times = times.zip(self.given_up.iter().flatten());
        let mut records = wanted_by.zip(times);
        !self.wanted
            || (records
                .all(|(is_wanted, (accepted, letters))| !is_wanted || accepted + letters > 0)
                && (self.letter.is_none() || self.letters > 0))
    }
}

/// The stored checkpoint of a partition.
#[derive(Clone)]
struct Stored {
    place: Place,
    writer: String,
}

impl Oracle {
    pub(crate) fn new(journal: Arc<Journal>, selections: Selections, buries_text: bool) -> Self {
        Self {
            journal,
            selections,
            buries_text,
            tastes: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// The same, of sinks that do not take everything.
    pub(crate) fn tasting(self, tastes: Arc<Tastes>) -> Self {
        Self { tastes, ..self }
    }

    /// What the sinks dislike.
    pub(crate) fn tastes(&self) -> &Tastes {
        &self.tastes
    }

    /// An event came into being.
    pub(crate) fn produced(&self, key: EventKey, made: &Made) {
        let mut state = self.state.lock().unwrap();
        let text = made.text.filter(|_| self.buries_text);
        let count = made.wires.len() - usize::from(text.is_some());
        for (index, wires) in made.wires.iter().take(count).enumerate() {
            for (known, wire) in state.wires.iter_mut().zip(wires) {
                assert!(
                    known.insert(wire.clone(), (key, index)).is_none(),
                    "no two are alike"
                );
            }
        }
        let categories = made.categories.iter().take(count);
        let wanted_by: Vec<_> = categories.map(|it| self.wanted_by(*it)).collect();
        if count > 0 && !wanted_by.iter().flatten().any(|it| *it) {
            self.journal.count("event for no sink", 1);
        }
        let none: Vec<_> = wanted_by.iter().map(|sinks| vec![0; sinks.len()]).collect();
        let dislikes = wanted_by.iter().zip(&made.wires).enumerate();
        let dislikes = dislikes.map(|(index, (sinks, wires))| {
            let judge = |sink| self.tastes.judge(sink, (key, index), wires);
            let sinks = sinks.iter().enumerate();
            sinks
                .map(|(sink, is_wanted)| is_wanted.then(|| judge(sink)).flatten())
                .collect()
        });
        let event = Event {
            dislikes: dislikes.collect(),
            originals: made.originals.clone(),
            accepted: none.clone(),
            given_up: none,
            wanted_by,
            letter: made.letter.or(text),
            letters: 0,
            wanted: true,
            only_in: None,
        };
        state.events.insert(key, event);
    }

    /// Per sink, whether it is to have a record of this category.
    fn wanted_by(&self, category: Option<&str>) -> Vec<bool> {
        let (wanted, is_rest) = self.selections.wanted_by(category);
        if is_rest {
            self.journal.count("record for the rest", 1);
        }
        if wanted.contains(&true) && wanted.contains(&false) {
            self.journal.count("record for some sinks", 1);
        }
        wanted
    }

    /// Which record these bytes are; anything else is altered or unexpected.
    pub(crate) fn identify(&self, encoding: usize, wire: &[u8]) -> Option<RecordKey> {
        let known = self.state.lock().unwrap().wires[encoding]
            .get(wire)
            .copied();
        if known.is_none() {
            let text = String::from_utf8_lossy(&wire[..wire.len().min(200)]).into_owned();
            self.journal
                .violate(Rule::Unaltered, format!("nobody produced {text:?}"));
        }
        known
    }

    /// An endpoint took records over.
    pub(crate) fn accepted(&self, sink: usize, records: &[RecordKey]) {
        let mut state = self.state.lock().unwrap();
        for (key, index) in records {
            let event = state.events.get_mut(key).unwrap();
            if !event.wanted_by[*index][sink] {
                let detail = format!("{key:?} {index} at {sink}, which does not select it");
                self.journal.violate(Rule::Routing, detail);
            }
            let times = &mut event.accepted[*index][sink];
            *times += 1;
            if *times > 1 {
                self.journal
                    .note("duplicate", format_args!("{key:?} {index} at {sink}"));
            }
        }
    }

    /// How many records were accepted, repetitions included.
    pub(crate) fn acceptances(&self) -> u64 {
        let state = self.state.lock().unwrap();
        let times = state
            .events
            .values()
            .flat_map(|event| event.accepted.iter().flatten());
        times.map(|times| u64::from(*times)).sum()
    }

    /// An event, or the text in it, became a dead letter.
    pub(crate) fn lettered(&self, key: EventKey, reason: &'static str) {
        let mut state = self.state.lock().unwrap();
        match state.events.get_mut(&key) {
            Some(event) if event.letter == Some(reason) => event.letters += 1,
            _ => {
                drop(state);
                let detail = format!("{key:?} became a dead letter as {reason}");
                self.journal.violate(Rule::Unaltered, detail);
            }
        }
    }

    /// What a sink has against a record.
    pub(crate) fn dislike(&self, sink: usize, (key, index): RecordKey) -> Option<Dislike> {
        self.state.lock().unwrap().events[&key].dislikes[index][sink]
    }

    /// A sink's dead letter of a record was confirmed; gives what the sink has against it.
    pub(crate) fn lettered_by(
        &self,
        sink: usize,
        (key, index): RecordKey,
        body: &[u8],
    ) -> Option<Dislike> {
        let mut state = self.state.lock().unwrap();
        let event = state.events.get_mut(&key);
        let Some(event) = event.filter(|it| it.wanted_by.get(index).is_some_and(|it| it[sink]))
        else {
            let detail = format!("{sink} gives up {key:?} {index}, which it does not select");
            self.journal.violate(Rule::Routing, detail);
            return None;
        };
        event.given_up[index][sink] += 1;
        if event.originals[index] != body {
            let detail = format!("the dead letter of {key:?} {index} has other bytes");
            self.journal.violate(Rule::Unaltered, detail);
        }
        event.dislikes[index][sink]
    }

    /// Whether a record waits to be given up, for which something else must be accepted; of all that
    /// sinks dislike, or of poison alone.
    pub(crate) fn awaits_proof(&self, is_poison: bool) -> bool {
        let state = self.state.lock().unwrap();
        let is_meant = |it: &Option<Dislike>| match it {
            Some(Dislike::Poison(_)) => true,
            dislike => dislike.is_some() && !is_poison,
        };
        let mut events = state.events.values();
        events.any(|event| {
            let mut dislikes = event.dislikes.iter().flatten();
            event.wanted && dislikes.any(is_meant) && !event.is_done()
        })
    }

    /// Another program delivered everything of a partition behind `after` up to `to`.
    pub(crate) fn delivered_elsewhere(&self, partition: usize, after: Place, to: Place) {
        let mut state = self.state.lock().unwrap();
        for (_, event) in range(&mut state.events, partition, after, to) {
            event
                .accepted
                .iter_mut()
                .flatten()
                .for_each(|times| *times += 1);
            event.letters += 1;
        }
    }

    /// Nobody can or shall deliver these events any more: passed by retention, or before the
    /// start.
    pub(crate) fn excuse(&self, partition: usize, after: Place, to: Place) {
        let mut state = self.state.lock().unwrap();
        for (_, event) in range(&mut state.events, partition, after, to) {
            event.wanted = false;
        }
    }

    /// The hub lost events. What `holder` has certainly handed on, up to a place, is still owed by
    /// it; the rest is gone.
    pub(crate) fn lost(&self, keys: impl Iterator<Item = EventKey>, holder: Option<(&str, Place)>) {
        let mut state = self.state.lock().unwrap();
        for key in keys {
            let event = state.events.get_mut(&key).unwrap();
            match holder {
                Some((process, handed)) if (key.1, key.2) <= handed => {
                    event.only_in = Some(process.to_owned());
                }
                _ => event.wanted = false,
            }
        }
    }

    /// A process is gone or has lost a partition: what only it had is gone too.
    pub(crate) fn process_lost(&self, process: &str, partition: Option<usize>) {
        let mut state = self.state.lock().unwrap();
        for (key, event) in &mut state.events {
            let is_meant = partition.is_none_or(|partition| partition == key.0);
            if is_meant && event.only_in.as_deref() == Some(process) {
                event.wanted = false;
            }
        }
    }

    /// A checkpoint was stored: nothing up to it may be missing anywhere. It may go back when the
    /// partition began anew behind the last one: then older events are read again.
    pub(crate) fn stored(&self, partition: usize, place: Place, writer: &str, may_go_back: bool) {
        let mut state = self.state.lock().unwrap();
        let stored = Stored {
            place,
            writer: writer.to_owned(),
        };
        let before = state.stored.insert(partition, stored);
        let after = match &before {
            // The first checkpoint says where the group starts: nothing before it is wanted.
            None => {
                drop(state);
                return self.excuse(partition, (0, i64::MIN), place);
            }
            Some(before) => before.place,
        };
        let missing = range(&mut state.events, partition, after, place)
            .find(|(_, event)| !event.is_done())
            .map(|(key, _)| *key);
        drop(state);
        if place < after && !may_go_back {
            let detail = format!("partition {partition}: {place:?} stored after {after:?}");
            self.journal.violate(Rule::Fencing, detail);
        } else if let Some(key) = missing {
            let detail = format!("{place:?} is stored, and {key:?} is missing");
            self.journal.violate(Rule::Checkpoint, detail);
        }
    }

    /// A process has read an event: bounded is what lies between it and what it stored.
    pub(crate) fn read(&self, process: &str, key: EventKey, uncommitted_max: u64) {
        let mut state = self.state.lock().unwrap();
        let stored = state.stored.get(&key.0).cloned();
        // The event that a reopening looks at may stand far behind, on another timeline.
        let Some(stored) = stored.filter(|stored| stored.place.0 == key.1) else {
            return;
        };
        let beyond = range(&mut state.events, key.0, stored.place, (key.1, key.2))
            .filter(|(_, event)| event.wanted && event.only_in.is_none())
            .count() as u64;
        drop(state);
        // One more may have been lost on the link before this one, which is then read again.
        if stored.writer == process && beyond > uncommitted_max + 1 {
            let detail = format!(
                "{process} read {key:?}, {beyond} events beyond {:?}: more than {uncommitted_max}",
                stored.place
            );
            self.journal.violate(Rule::Duplicates, detail);
        }
    }

    /// The stored place of a partition, and who wrote it.
    pub(crate) fn stored_place(&self, partition: usize) -> Option<(Place, String)> {
        let state = self.state.lock().unwrap();
        let stored = state.stored.get(&partition);
        stored.map(|stored| (stored.place, stored.writer.clone()))
    }

    /// What is still to be done: an event that is not delivered, or not covered by a checkpoint.
    pub(crate) fn missing(&self) -> Option<String> {
        let state = self.state.lock().unwrap();
        let behind = |key: &EventKey| {
            state
                .stored
                .get(&key.0)
                .is_none_or(|stored| stored.place < (key.1, key.2))
        };
        let mut events = state.events.iter().filter(|(_, event)| event.wanted);
        events.find_map(|(key, event)| {
            if !event.is_done() {
                let letters = (event.letter, event.letters);
                let counts = (&event.accepted, &event.given_up, &event.dislikes, letters);
                return Some(format!("{key:?} is not delivered everywhere: {counts:?}"));
            }
            // A position behind what the hub has lost there is none.
            let is_behind = event.only_in.is_none() && behind(key);
            is_behind.then(|| format!("{key:?} is delivered and behind no checkpoint"))
        })
    }
}

fn range(
    events: &mut BTreeMap<EventKey, Event>,
    partition: usize,
    after: Place,
    to: Place,
) -> impl Iterator<Item = (&EventKey, &mut Event)> {
    let from = (partition, after.0, after.1);
    let to = (partition, to.0, to.1).max(from);
    events
        .range_mut(from..=to)
        .filter(move |(key, _)| **key > from)
}
