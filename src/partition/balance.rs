//! Which partitions this replica wants: its share of the free ones at once, and partitions of a
//! replica that has too many only after a while.
//!
//! Every replica decides for itself from a list of the owners. The same list leads all of them to
//! the same distribution of what is free, so that they rarely claim the same partition; when they
//! do, the condition of the claim lets one of them through. A replica that owns nothing yet is in
//! nobody's list: it takes what is free, and otherwise waits until it may steal.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Rng;
use crate::event_hub::PartitionId;

/// One partition of the hub and who owns it now; `None` when it is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The partition.
    pub partition: PartitionId,
    /// A live owner: one that renewed its claim in time.
    pub owner: Option<String>,
}

/// What one replica remembers between two looks.
#[derive(Debug)]
pub struct Balancer {
    me: String,
    steal_after: Duration,
    looks_every: Duration,
    uneven_since: Option<Instant>,
    /// Since when each free partition has been seen to be free.
    free_since: BTreeMap<PartitionId, Instant>,
}

impl Balancer {
    /// For the replica `me`, which steals after an imbalance has lasted `steal_after`.
    pub fn new(me: &str, steal_after: Duration) -> Self {
        Self {
            me: me.to_owned(),
            steal_after,
            looks_every: Duration::ZERO,
            uneven_since: None,
            free_since: BTreeMap::new(),
        }
    }

    /// The same where every replica looks this often: what is dealt to others is theirs for so
    /// long, however often this one looks.
    pub fn looking_every(mut self, interval: Duration) -> Self {
        self.looks_every = interval;
        self
    }

    /// The partitions to claim now.
    ///
    /// Free ones are dealt out to the owners that have the fewest. What was free at an earlier
    /// look, after which everybody has had time for one, and is free still is claimed by whoever
    /// sees it: its replica may be gone, or may not be allowed to claim. When nothing is free and
    /// somebody has at least two more than this replica for `steal_after`, up to half of what is
    /// lacking is stolen, so that several thieves do not overdo it together.
    pub fn wishes(&mut self, seen: &[Seen], now: Instant, rng: &dyn Rng) -> Vec<PartitionId> {
        let me = self.me.clone();
        let mut owned: BTreeMap<&str, Vec<&PartitionId>> = BTreeMap::new();
        owned.insert(&me, Vec::new());
        for it in seen {
            if let Some(owner) = &it.owner {
                owned.entry(owner).or_default().push(&it.partition);
            }
        }
        let free: Vec<_> = seen.iter().filter(|it| it.owner.is_none()).collect();
        if free.is_empty() {
            self.free_since.clear();
            return self.steal(owned, seen.len(), now, rng);
        }
        self.uneven_since = None;
        let before = std::mem::take(&mut self.free_since);
        let mut counts: BTreeMap<&str, usize> = owned
            .iter()
            .map(|(owner, has)| (*owner, has.len()))
            .collect();
        let mut wishes = Vec::new();
        for it in &free {
            let Some((owner, count)) = counts
                .iter_mut()
                .min_by(|(a_name, a), (b_name, b)| (**a, **a_name).cmp(&(**b, **b_name)))
            else {
                break;
            };
            *count += 1;
            let since = before.get(&it.partition);
            if *owner == me
                || since.is_some_and(|since| now.duration_since(*since) >= self.looks_every)
            {
                wishes.push(it.partition.clone());
            }
            let since = since.copied().unwrap_or(now);
            self.free_since.insert(it.partition.clone(), since);
        }
        wishes
    }

    fn steal(
        &mut self,
        mut owned: BTreeMap<&str, Vec<&PartitionId>>,
        partitions: usize,
        now: Instant,
        rng: &dyn Rng,
    ) -> Vec<PartitionId> {
        let mine = owned.remove(self.me.as_str()).map_or(0, |has| has.len());
        let richest = owned.values().map(Vec::len).max().unwrap_or_default();
        if richest < mine + 2 {
            self.uneven_since = None;
            return Vec::new();
        }
        let since = *self.uneven_since.get_or_insert(now);
        if now.duration_since(since) < self.steal_after {
            return Vec::new();
        }
        let lacking = (partitions / (owned.len() + 1)).saturating_sub(mine);
        let mut wishes = Vec::new();
        for _ in 0..lacking.div_ceil(2).max(1) {
            let Some(has) = owned.values_mut().max_by_key(|has| has.len()) else {
                break;
            };
            if has.len() < mine + wishes.len() + 2 {
                break;
            }
            let drawn = usize::try_from(rng.next_u64() % has.len() as u64).unwrap_or_default();
            wishes.push(has.swap_remove(drawn).clone());
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SharedRng;

    const STEAL_AFTER: Duration = Duration::from_secs(60);

    /// Partitions of the owners in this text, one letter each; `.` is free.
    fn seen(owners: &str) -> Vec<Seen> {
        let seen = owners.chars().enumerate().map(|(id, owner)| Seen {
            partition: PartitionId::new(id.to_string()),
            owner: (owner != '.').then(|| owner.to_string()),
        });
        seen.collect()
    }

    fn ids(wishes: &[PartitionId]) -> Vec<&str> {
        wishes.iter().map(PartitionId::as_str).collect()
    }

    #[test]
    fn what_is_free_is_dealt_out_to_those_with_the_fewest() {
        let (now, rng) = (Instant::now(), SharedRng::seeded(1));
        let wishes = |me, owners| Balancer::new(me, STEAL_AFTER).wishes(&seen(owners), now, &rng);
        assert_eq!(ids(&wishes("a", "....")), ["0", "1", "2", "3"]);
        assert_eq!(ids(&wishes("a", "ab....")), ["2", "4"]);
        assert_eq!(ids(&wishes("b", "ab....")), ["3", "5"]);
        assert_eq!(ids(&wishes("a", "aaab..")), [""; 0]);
        assert_eq!(ids(&wishes("b", "aaab..")), ["4", "5"]);
        assert_eq!(ids(&wishes("c", "aaab..")), ["4"]);
    }

    #[test]
    fn what_nobody_took_is_taken_at_the_second_look() {
        let (now, rng) = (Instant::now(), SharedRng::seeded(1));
        let mut balancer = Balancer::new("a", STEAL_AFTER);
        assert_eq!(ids(&balancer.wishes(&seen("aab."), now, &rng)), [""; 0]);
        assert_eq!(ids(&balancer.wishes(&seen("aab."), now, &rng)), ["3"]);
        assert_eq!(ids(&balancer.wishes(&seen("aabb"), now, &rng)), [""; 0]);
        assert_eq!(ids(&balancer.wishes(&seen("aab."), now, &rng)), [""; 0]);
    }

    #[test]
    fn what_others_are_dealt_is_theirs_until_they_have_had_a_look() {
        let (begin, rng) = (Instant::now(), SharedRng::seeded(1));
        let mut balancer = Balancer::new("a", STEAL_AFTER).looking_every(Duration::from_secs(2));
        let mut after = |millis, owners| {
            let now = begin + Duration::from_millis(millis);
            let wishes = balancer.wishes(&seen(owners), now, &rng);
            ids(&wishes).join(" ")
        };
        assert_eq!(after(0, "ab...."), "2 4");
        assert_eq!(after(300, "aba.a."), "");
        assert_eq!(after(1_999, "aba.ab"), "");
        assert_eq!(after(2_000, "aba.ab"), "3");
    }

    #[test]
    fn an_imbalance_must_last_before_anything_is_stolen() {
        let (begin, rng) = (Instant::now(), SharedRng::seeded(1));
        let mut balancer = Balancer::new("b", STEAL_AFTER);
        let mut after = |seconds, owners| {
            let now = begin + Duration::from_secs(seconds);
            balancer.wishes(&seen(owners), now, &rng).len()
        };
        assert_eq!(after(0, "aaaaaaaa"), 0);
        assert_eq!(after(59, "aaaaaaaa"), 0);
        assert_eq!(after(60, "aaaaaaaa"), 2);
        assert_eq!(after(62, "aaaaaabb"), 1);
        assert_eq!(after(64, "aaaaabbb"), 1);
        assert_eq!(after(66, "aaaabbbb"), 0);
        // A new imbalance begins anew.
        assert_eq!(after(68, "aaaaaabb"), 0);
        assert_eq!(after(127, "aaaaaabb"), 0);
        assert_eq!(after(128, "aaaaaabb"), 1);
    }

    #[test]
    fn a_difference_of_one_is_fair() {
        let (begin, rng) = (Instant::now(), SharedRng::seeded(1));
        let mut balancer = Balancer::new("c", Duration::ZERO);
        assert!(balancer.wishes(&seen("aabbc"), begin, &rng).is_empty());
        assert_eq!(balancer.wishes(&seen("aaabbc"), begin, &rng).len(), 1);
    }
}
