//! What a fault does to a link or a connection once it has fired.

use std::time::Duration;

use bytes::BufMut;
use tokio::time::Instant;

use super::{Engine, Frozen};
use crate::epoch::Condition;
use crate::faults::Action;
use crate::wire::performative;

/// Larger than any frame that can be agreed here.
const OVERSIZED: usize = 4 * 1024 * 1024;

impl Engine {
    /// Carries out a fault that fired at a link (or at the whole connection).
    /// Says whether the connection goes on as before.
    pub(super) fn strike(&mut self, action: Action, link: Option<(u16, u32)>) -> bool {
        match action {
            Action::DetachLink {
                condition,
                description,
            } => {
                if let Some((channel, handle)) = link {
                    let error = condition
                        .map(|name| Condition::new(&name, description.unwrap_or_default()));
                    self.detach(channel, handle, error.as_ref());
                }
                true
            }
            Action::CloseConnection {
                condition,
                description,
            } => {
                let error =
                    condition.map(|name| Condition::new(&name, description.unwrap_or_default()));
                self.close(error.as_ref());
                false
            }
            Action::Reset => {
                self.end(true);
                false
            }
            Action::Freeze { ms } => {
                self.frozen = Some(Frozen {
                    thaws: self.broker.faults.thaws(),
                    until: ms.map(|ms| Instant::now() + Duration::from_millis(ms)),
                });
                false
            }
            Action::GarbageFrame => {
                self.outbox
                    .small()
                    .put_slice(b"\x00\x00\x00\x10\x02\x00\x00\x00garbage!");
                true
            }
            Action::OversizedFrame => {
                let out = self.outbox.small();
                let size = OVERSIZED.max(self.peer_max_frame.saturating_add(1));
                out.put_u32(crate::wire::len32(size.min(64 * 1024 * 1024)));
                out.put_slice(&[2, 0, 0, 0]);
                self.outbox.push(vec![0; OVERSIZED].into());
                true
            }
            _ => true,
        }
    }

    /// Detaches a link for good and forgets it.
    pub(super) fn detach(&mut self, channel: u16, handle: u32, error: Option<&Condition>) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        if session.links.remove(&handle).is_some() {
            performative::detach(self.outbox.small(), channel, handle, true, error);
            self.note_links();
        }
    }
}
