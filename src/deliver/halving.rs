//! Which records of a batch are at fault: it is divided until they stand alone.
//!
//! ```text
//!  refused: [................]     smaller half first     the other one only if that tells nothing
//!           [.......]                                     [.......]
//!           accepted                                      must be the bad one: divided, not sent,
//!                                                         down to the record, which is sent alone
//! ```
//! With one bad record among `n` this takes at most `2 * ceil(log2 n) + 1` requests. A record is
//! guilty only with a witness: something else that was accepted since. Without one, the search ends
//! at [`SUSPECTS_MAX`] records, and asks for one part of every size instead: when all are refused, it
//! is not the records that are wrong.
//!
//! Somebody may mend the endpoint while a search is slow. So a refusal that is older than
//! [`FRESH`] convicts nobody: what it was about is sent again.

use std::time::Duration;

use tokio::time::Instant;

use crate::deliver::response::Fault;

/// What can be divided.
pub(crate) trait Divide: Sized {
    /// Records in it.
    fn count(&self) -> usize;

    /// Divides into the first `records` records and the rest.
    fn divide(self, records: usize) -> (Self, Self);
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<T> {
    /// Send this, and tell what became of it.
    Send(T),
    /// Nothing is left to be sent: see [`Halving::guilty`] and [`Halving::is_done`].
    Rest,
}

/// One part, and why it was refused the last time.
#[derive(Debug)]
struct Refused<T, W> {
    part: T,
    fault: Fault,
    why: W,
    at: Instant,
}

/// Records that may be refused before anything is accepted, until larger parts are left undivided.
pub(crate) const SUSPECTS_MAX: usize = 8;

/// How long a refusal tells something of the endpoint as it is.
pub(crate) const FRESH: Duration = Duration::from_secs(30);

impl<T, W> Refused<T, W> {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

#[derive(Debug)]
enum Todo<T, W> {
    Send(T),
    /// The other half of what is sent next. When that is accepted, this is known to be bad.
    Other(Refused<T, W>),
}

/// The search in one batch. `W` is why a part was refused.
#[derive(Debug)]
pub(crate) struct Halving<T, W> {
    /// The last one is next.
    todo: Vec<Todo<T, W>>,
    /// Single records that were refused, without a witness.
    suspects: Vec<Refused<T, W>>,
    /// Larger parts that were refused when there were enough suspects already.
    later: Vec<Refused<T, W>>,
    guilty: Vec<(T, W)>,
    is_witnessed: bool,
}

impl<T: Divide, W: Clone> Halving<T, W> {
    /// Everything is still to be sent, in these parts.
    pub(crate) fn of(parts: Vec<T>) -> Self {
        Self {
            todo: parts.into_iter().rev().map(Todo::Send).collect(),
            suspects: Vec::new(),
            later: Vec::new(),
            guilty: Vec::new(),
            is_witnessed: false,
        }
    }

    /// What to do next.
    pub(crate) fn next(&mut self) -> Step<T> {
        match self.todo.pop() {
            Some(Todo::Send(part)) => Step::Send(part),
            // Its first half is neither accepted nor refused: it was left to the next owner.
            Some(Todo::Other(other)) => Step::Send(other.part),
            None => Step::Rest,
        }
    }

    /// Something else was accepted since the refusals: they were the records' fault.
    pub(crate) fn witness(&mut self) {
        self.is_witnessed = true;
        for suspect in std::mem::take(&mut self.suspects) {
            if suspect.is_fresh() {
                self.guilty.push((suspect.part, suspect.why));
            } else {
                self.todo.push(Todo::Send(suspect.part));
            }
        }
        for refused in std::mem::take(&mut self.later) {
            self.divide(refused);
        }
    }

    /// What was sent was accepted.
    pub(crate) fn accepted(&mut self) {
        let last = self.todo.pop();
        self.witness();
        match last {
            // A single record is sent all the same: the first answer may have been an accident.
            Some(Todo::Other(other)) if other.is_fresh() && other.part.count() > 1 => {
                self.convict(other);
            }
            Some(Todo::Other(other)) => self.todo.push(Todo::Send(other.part)),
            send => self.todo.extend(send),
        }
    }

    /// What was sent was refused.
    pub(crate) fn refused(&mut self, part: T, fault: Fault, why: W) {
        self.undecided();
        let at = Instant::now();
        self.convict(Refused {
            part,
            fault,
            why,
            at,
        });
    }

    /// This is too large to be sent at all.
    pub(crate) fn too_large(&mut self, part: T, why: W) {
        self.undecided();
        let (fault, at) = (Fault::Size, Instant::now());
        self.divide(Refused {
            part,
            fault,
            why,
            at,
        });
    }

    /// What was accepted before tells nothing any more: the endpoint has failed since.
    pub(crate) fn forget_witness(&mut self) {
        self.is_witnessed = false;
    }

    /// Leaves out what nobody waits for any more.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&T) -> bool) {
        self.suspects.retain(|it| is_wanted(&it.part));
        self.later.retain(|it| is_wanted(&it.part));
        self.guilty.retain(|(part, _)| is_wanted(part));
    }

    /// Puts single records that are to be sent together again.
    pub(crate) fn join(&mut self, join: impl FnOnce(Vec<T>) -> Vec<T>) {
        let todo = std::mem::take(&mut self.todo).into_iter();
        let mut singles = Vec::new();
        for it in todo {
            match it {
                Todo::Send(part) if part.count() == 1 => singles.push(part),
                other => self.todo.push(other),
            }
        }
        self.todo.extend(join(singles).into_iter().map(Todo::Send));
    }

    /// Of what was sent, this must be sent again.
    pub(crate) fn again(&mut self, part: T) {
        self.undecided();
        self.todo.push(Todo::Send(part));
    }

    /// What was sent tells nothing of its other half.
    pub(crate) fn undecided(&mut self) {
        if let Some(last) = self.todo.pop() {
            self.todo.push(match last {
                Todo::Other(other) => Todo::Send(other.part),
                send => send,
            });
        }
    }

    /// Takes the records whose fault it was.
    pub(crate) fn guilty(&mut self) -> Vec<(T, W)> {
        std::mem::take(&mut self.guilty)
    }

    /// Keeps records whose fault it was, since they may not be given up yet, and sends one of them
    /// again.
    pub(crate) fn probe(&mut self, guilty: Vec<(T, W)>) {
        self.guilty.extend(guilty);
        let one = self.guilty.pop();
        self.todo.extend(one.map(|(part, _)| Todo::Send(part)));
    }

    /// Sends again what was kept: the endpoint has changed its mind.
    pub(crate) fn acquit(&mut self) {
        let guilty = std::mem::take(&mut self.guilty).into_iter();
        let guilty = guilty.map(|(part, _)| Todo::Send(part));
        let todo = std::mem::take(&mut self.todo).into_iter();
        let todo = todo.map(|it| match it {
            // Nor does it tell anything of this half any more.
            Todo::Other(other) => Todo::Send(other.part),
            send => send,
        });
        self.todo = todo.chain(guilty).collect();
    }

    /// Whether something is to be sent.
    pub(crate) fn has_more(&self) -> bool {
        !self.todo.is_empty()
    }

    /// Whether nothing is left at all.
    pub(crate) fn is_done(&self) -> bool {
        let is_open = self.has_more() || !self.guilty.is_empty();
        !is_open && self.suspects.is_empty() && self.later.is_empty()
    }

    /// Why the first of those was refused for which there is no witness.
    pub(crate) fn accusation(&self) -> Option<&W> {
        let all = self.suspects.iter().chain(&self.later);
        all.map(|refused| &refused.why).next()
    }

    /// Takes everything that was refused and has no witness.
    pub(crate) fn unproven(&mut self) -> Vec<(T, W)> {
        let suspects = std::mem::take(&mut self.suspects);
        let later = std::mem::take(&mut self.later);
        let all = suspects.into_iter().chain(later);
        all.map(|it| (it.part, it.why)).collect()
    }

    /// Begins again with what was refused and has no witness.
    pub(crate) fn retry(&mut self) {
        // The smallest is next.
        let parts = self.unproven().into_iter().rev();
        self.todo.extend(parts.map(|(part, _)| Todo::Send(part)));
    }

    /// Acts on what is known to hold something bad.
    fn convict(&mut self, refused: Refused<T, W>) {
        if refused.part.count() > 1 {
            if !self.is_witnessed && self.suspects.len() >= SUSPECTS_MAX {
                self.later.push(refused);
            } else {
                self.divide(refused);
            }
        } else if self.is_witnessed {
            self.guilty.push((refused.part, refused.why));
        } else {
            self.suspects.push(refused);
        }
    }

    fn divide(&mut self, refused: Refused<T, W>) {
        let Refused {
            part,
            fault,
            why,
            at,
        } = refused;
        let half = part.count() / 2;
        let (first, other) = part.divide(half);
        self.todo.push(match fault {
            Fault::Content => Todo::Other(Refused {
                part: other,
                fault,
                why,
                at,
            }),
            Fault::Size => Todo::Send(other),
        });
        self.todo.push(Todo::Send(first));
    }
}

#[cfg(test)]
mod tests;
