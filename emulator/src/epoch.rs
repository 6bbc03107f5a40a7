//! Who may read a partition in one consumer group at the same time
//! (<https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host#epoch>).
//!
//! An exclusive reader (one with an epoch) throws off every other reader whose
//! epoch is not higher and every reader without one; while it is there, readers
//! with a lower epoch or none are refused. Without an exclusive reader, five may
//! read side by side.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Readers without an epoch per partition and group.
pub(crate) const MOST_READERS: usize = 5;
const STOLEN: &str = "amqp:link:stolen";

/// A condition and the text beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Condition {
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
        }
    }
}

/// Lets one party tell a link that it must go.
#[derive(Debug)]
pub(crate) struct Kick {
    reason: Mutex<Option<Condition>>,
    waker: Arc<Notify>,
}

impl Kick {
    pub(crate) fn new(waker: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            reason: Mutex::new(None),
            waker,
        })
    }

    pub(crate) fn kick(&self, reason: Condition) {
        self.reason.lock().get_or_insert(reason);
        self.waker.notify_one();
    }

    pub(crate) fn reason(&self) -> Option<Condition> {
        self.reason.lock().clone()
    }
}

/// One reader that has been let in.
pub(crate) struct Reader {
    pub(crate) id: u64,
    pub(crate) epoch: Option<i64>,
    pub(crate) name: String,
    pub(crate) kick: Arc<Kick>,
}

/// The readers of one partition in one group.
#[derive(Default)]
pub(crate) struct Readers(Vec<Reader>);

impl Readers {
    /// Lets `new` in, throwing off whom it displaces, or refuses it.
    pub(crate) fn admit(&mut self, new: Reader) -> Result<(), Condition> {
        let highest = self.0.iter().filter_map(|reader| reader.epoch).max();
        match (new.epoch, highest) {
            (None, Some(highest)) => {
                return Err(Condition::new(
                    STOLEN,
                    format!(
                        "At least one receiver for the endpoint is created with epoch of '{highest}', and so non-epoch receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected."
                    ),
                ));
            }
            (None, None) if self.0.len() >= MOST_READERS => {
                return Err(Condition::new(
                    "amqp:resource-limit-exceeded",
                    format!(
                        "Exceeded the maximum number of allowed receivers per partition in a consumer group which is {MOST_READERS}."
                    ),
                ));
            }
            (Some(epoch), Some(highest)) if epoch < highest => {
                return Err(Condition::new(
                    STOLEN,
                    format!(
                        "A receiver with a higher epoch '{highest}' already exists. A new receiver with epoch {epoch} cannot be created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or disconnected."
                    ),
                ));
            }
            (None, None) => {}
            (Some(epoch), _) => {
                for old in self.0.drain(..) {
                    old.kick.kick(Condition::new(STOLEN, format!(
                        "New receiver '{}' with higher epoch of '{epoch}' is created hence current receiver '{}' with epoch '{}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used.",
                        new.name, old.name, old.epoch.unwrap_or(0),
                    )));
                }
            }
        }
        self.0.push(new);
        Ok(())
    }

    pub(crate) fn leave(&mut self, id: u64) {
        self.0.retain(|reader| reader.id != id);
    }

    /// Throws everybody off.
    pub(crate) fn kick_all(&mut self, reason: &Condition) {
        for reader in self.0.drain(..) {
            reader.kick.kick(reason.clone());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(id: u64, epoch: Option<i64>) -> Reader {
        Reader {
            id,
            epoch,
            name: id.to_string(),
            kick: Kick::new(Arc::default()),
        }
    }

    #[test]
    fn equal_and_higher_take_over() {
        let mut readers = Readers::default();
        let (a, b, c) = (reader(1, Some(3)), reader(2, Some(3)), reader(3, Some(4)));
        let (kick_a, kick_b, kick_c) = (a.kick.clone(), b.kick.clone(), c.kick.clone());
        readers.admit(a).unwrap();
        readers.admit(b).unwrap();
        assert_eq!(kick_a.reason().unwrap().name, STOLEN);
        readers.admit(c).unwrap();
        assert_eq!(kick_b.reason().unwrap().name, STOLEN);
        assert_eq!(readers.admit(reader(4, Some(3))).unwrap_err().name, STOLEN);
        assert_eq!(readers.admit(reader(5, None)).unwrap_err().name, STOLEN);
        assert_eq!(kick_c.reason(), None);
        readers.leave(3);
        readers.admit(reader(6, Some(0))).unwrap();
    }

    #[test]
    fn five_without_epoch() {
        let mut readers = Readers::default();
        let kicks: Vec<_> = (0..5)
            .map(|id| {
                let one = reader(id, None);
                let kick = one.kick.clone();
                readers.admit(one).unwrap();
                kick
            })
            .collect();
        let refused = readers.admit(reader(9, None)).unwrap_err();
        assert_eq!(refused.name, "amqp:resource-limit-exceeded");
        readers.admit(reader(10, Some(0))).unwrap();
        assert!(kicks.iter().all(|kick| kick.reason().is_some()));
        assert_eq!(readers.len(), 1);
    }
}
