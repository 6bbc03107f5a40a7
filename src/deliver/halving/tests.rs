use std::collections::BTreeSet;
use std::ops::Range;

use super::*;

impl Divide for Range<usize> {
    fn count(&self) -> usize {
        self.len()
    }

    fn divide(self, records: usize) -> (Self, Self) {
        let middle = self.start + records;
        (self.start..middle, middle..self.end)
    }
}

type Search = Halving<Range<usize>, ()>;

/// A search in all of these.
fn whole(records: Range<usize>) -> Search {
    Search::of(vec![records])
}

/// An endpoint that refuses what holds a bad record, and its books.
#[derive(Default)]
struct Endpoint {
    bad: BTreeSet<usize>,
    requests: usize,
    /// Parts of which no two share a record.
    accepted: Vec<Range<usize>>,
}

impl Endpoint {
    fn with(bad: impl IntoIterator<Item = usize>) -> Self {
        Self {
            bad: bad.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Sends until there is nothing left to send.
    fn serve(&mut self, search: &mut Search) {
        while let Step::Send(part) = search.next() {
            self.requests += 1;
            assert!(self.requests < 100_000, "it ends");
            assert!(!part.is_empty(), "nothing is sent without records");
            if self.bad.range(part.clone()).next().is_some() {
                search.refused(part, Fault::Content, ());
            } else {
                search.accepted();
                self.accepted.push(part);
            }
        }
    }
}

impl Endpoint {
    /// How many records were accepted, each once.
    fn count(&mut self) -> usize {
        self.accepted.sort_by_key(|part| part.start);
        let pairs = self.accepted.windows(2);
        assert!(
            pairs.into_iter().all(|it| it[0].end <= it[1].start),
            "twice"
        );
        self.accepted.iter().map(Range::len).sum()
    }
}

fn guilty(search: &mut Search) -> Vec<usize> {
    let guilty = search.guilty().into_iter();
    let mut guilty: Vec<_> = guilty
        .map(|(part, ())| {
            assert_eq!(part.len(), 1);
            part.start
        })
        .collect();
    guilty.sort_unstable();
    guilty
}

fn bound(records: usize) -> usize {
    2 * records.next_power_of_two().trailing_zeros() as usize + 1
}

#[test]
fn one_bad_record_is_found_within_the_bound_wherever_it_stands() {
    for records in (2..70).chain([100, 1_000, 1_023, 5_000]) {
        for bad in 0..records {
            let (mut search, mut endpoint) = (whole(0..records), Endpoint::with([bad]));
            endpoint.serve(&mut search);
            assert_eq!(guilty(&mut search), [bad]);
            assert!(search.is_done());
            assert_eq!(endpoint.count(), records - 1);
            let requests = endpoint.requests;
            assert!(
                requests <= bound(records),
                "{records} {bad}: {requests} requests"
            );
        }
    }
}

#[test]
fn several_bad_records_are_found_and_all_others_accepted() {
    for records in 2..40 {
        for step in 2..records {
            let bad: BTreeSet<_> = (step % 3..records).step_by(step).collect();
            let mut endpoint = Endpoint::with(bad.iter().copied());
            let mut search = whole(0..records);
            endpoint.serve(&mut search);
            assert!(guilty(&mut search).into_iter().eq(bad.iter().copied()));
            assert!(search.is_done(), "{records} {bad:?}");
            assert_eq!(endpoint.count(), records - bad.len());
        }
    }
}

#[test]
fn where_all_is_refused_nobody_is_guilty() {
    for records in (1..70).chain([5_000]) {
        let (mut search, mut endpoint) = (whole(0..records), Endpoint::with(0..records));
        endpoint.serve(&mut search);
        assert!(!search.is_done());
        assert!(guilty(&mut search).is_empty());
        assert!(search.accusation().is_some());
        assert!(
            endpoint.requests <= bound(records) + 2 * SUSPECTS_MAX,
            "{records}"
        );
        // Somebody mends it: everything arrives.
        endpoint.bad.clear();
        search.retry();
        endpoint.serve(&mut search);
        assert!(search.is_done());
        assert!(guilty(&mut search).is_empty());
        assert_eq!(endpoint.count(), records);
    }
}

#[test]
fn a_witness_from_elsewhere_is_one() {
    for records in 1..40 {
        let (mut search, mut endpoint) = (whole(0..records), Endpoint::with(0..records));
        endpoint.serve(&mut search);
        search.witness();
        endpoint.serve(&mut search);
        assert!(guilty(&mut search).into_iter().eq(0..records));
        assert!(search.is_done());
    }
}

#[test]
fn what_is_too_large_together_may_pass_in_parts() {
    for (records, limit) in [(10, 3), (5_000, 700), (2, 1), (64, 63)] {
        let mut search = whole(0..records);
        let mut accepted = Vec::new();
        while let Step::Send(part) = search.next() {
            if part.len() > limit {
                search.refused(part, Fault::Size, ());
            } else {
                search.accepted();
                accepted.extend(part);
            }
        }
        assert!(search.is_done());
        assert!(guilty(&mut search).is_empty());
        assert!(accepted.into_iter().eq(0..records), "in order, once each");
    }
}

#[test]
fn an_answer_per_record_judges_each_alone() {
    let mut search = whole(0..6);
    assert_eq!(search.next(), Step::Send(0..6));
    // 0 and 1 accepted, 2 and 3 refused, 4 and 5 not now.
    search.undecided();
    search.witness();
    search.refused(2..3, Fault::Content, ());
    search.refused(3..4, Fault::Content, ());
    search.again(4..6);
    assert_eq!(guilty(&mut search), [2, 3]);
    assert_eq!(search.next(), Step::Send(4..6));
    search.accepted();
    assert_eq!(search.next(), Step::Rest);
    assert!(search.is_done());
}

#[test]
fn a_half_that_tells_nothing_does_not_convict_the_other() {
    let mut search = whole(0..4);
    assert_eq!(search.next(), Step::Send(0..4));
    search.refused(0..4, Fault::Content, ());
    assert_eq!(search.next(), Step::Send(0..2));
    search.again(0..2);
    assert_eq!(search.next(), Step::Send(0..2));
    search.accepted();
    assert_eq!(search.next(), Step::Send(2..4));
    search.accepted();
    assert!(search.is_done());
    assert!(guilty(&mut search).is_empty());
}

#[test]
fn what_may_not_be_given_up_is_asked_for_one_by_one() {
    let (mut search, mut endpoint) = (whole(0..8), Endpoint::with([1, 4, 5]));
    endpoint.serve(&mut search);
    for _ in 0..3 {
        let (kept, requests) = (search.guilty(), endpoint.requests);
        assert_eq!(kept.len(), 3);
        search.probe(kept);
        assert!(!search.is_done());
        endpoint.serve(&mut search);
        assert_eq!(endpoint.requests, requests + 1);
    }
    endpoint.bad.clear();
    let kept = search.guilty();
    search.probe(kept);
    endpoint.serve(&mut search);
    search.acquit();
    endpoint.serve(&mut search);
    assert!(guilty(&mut search).is_empty());
    assert!(search.is_done());
    assert_eq!(endpoint.count(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_long_ago_is_asked_for_again() {
    let mut search = whole(0..4);
    let mut endpoint = Endpoint::with(0..4);
    for refused in [0..4, 0..2, 0..1] {
        assert_eq!(search.next(), Step::Send(refused.clone()));
        search.refused(refused, Fault::Content, ());
    }
    // Somebody mends it, while the search is slow.
    tokio::time::advance(FRESH).await;
    endpoint.bad.clear();
    endpoint.serve(&mut search);
    assert!(guilty(&mut search).is_empty());
    assert!(search.is_done());
    assert_eq!(endpoint.count(), 4);
    // The other half of what is accepted is not convicted either.
    let mut search = whole(0..4);
    assert_eq!(search.next(), Step::Send(0..4));
    search.refused(0..4, Fault::Content, ());
    tokio::time::advance(FRESH).await;
    Endpoint::default().serve(&mut search);
    assert!(guilty(&mut search).is_empty() && search.is_done());
}
