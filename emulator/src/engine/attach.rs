//! Links being attached: what a client asks for, and the answer.

use bytes::Bytes;
use fe2o3_amqp_types::definitions::{ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::TargetArchetype;
use fe2o3_amqp_types::performatives::Attach;
use serde_amqp::Value;
use tokio::time::Instant;

use super::Engine;
use super::link::{Link, LinkEnd};
use crate::address;
use crate::filter::{self, Start};
use crate::wire::performative::{self, AttachAnswer, LinkCredit};
use crate::wire::section;

const SELECTOR: &str = "apache.org:selector-filter:string";
const EPOCH: &str = "com.microsoft:epoch";

impl Engine {
    pub(super) fn on_attach(&mut self, channel: u16, attach: &Attach, raw: &Bytes) {
        if !self.sessions.contains_key(&channel) {
            return;
        }
        let sends = attach.role == Role::Receiver;
        let address = address_of(attach, sends);
        let result = self.build(attach, &address, sends);
        let fields = performative::fields(raw).unwrap_or_default();
        let field = |index: usize| fields.get(index).cloned().unwrap_or_default();
        // Refusing is an answer without the broker's own terminus, then a detach.
        let (mut source, mut target) = (field(5), field(6));
        if result.is_err() {
            match sends {
                true => source = Bytes::new(),
                false => target = Bytes::new(),
            }
        }
        let max_message = u64::try_from(self.broker.options.max_message_size).unwrap_or(0);
        let answer = AttachAnswer {
            name: &attach.name,
            handle: attach.handle.0,
            receiver: !sends,
            sender_settle: match attach.snd_settle_mode {
                SenderSettleMode::Unsettled => 0,
                SenderSettleMode::Settled => 1,
                SenderSettleMode::Mixed => 2,
            },
            receiver_settle: match attach.rcv_settle_mode {
                ReceiverSettleMode::First => 0,
                ReceiverSettleMode::Second => 1,
            },
            source: &source,
            target: &target,
            max_message,
            properties: &[],
        };
        performative::attach(self.outbox.small(), channel, &answer);
        match result {
            Ok(end) => self.keep(channel, attach, &address, end),
            Err(condition) => {
                let out = self.outbox.small();
                performative::detach(out, channel, attach.handle.0, true, Some(&condition));
                self.note_links();
            }
        }
    }

    fn keep(&mut self, channel: u16, attach: &Attach, address: &str, end: LinkEnd) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let handle = attach.handle.0;
        if let LinkEnd::Receiver(incoming) = &end {
            let credit = LinkCredit {
                handle,
                delivery_count: incoming.delivery_count,
                credit: incoming.credit,
                drain: false,
            };
            let windows = session.windows();
            performative::flow(self.outbox.small(), channel, windows, Some(credit));
        }
        let link = Link {
            name: attach.name.clone(),
            handle,
            path: address::path(address).to_ascii_lowercase(),
            last_traffic: Instant::now(),
            end,
        };
        session.links.insert(handle, link);
        self.had_link = true;
    }
}

pub(super) fn target_address(attach: &Attach) -> Option<String> {
    match attach.target.as_deref()? {
        TargetArchetype::Target(target) => target.address.clone(),
    }
}

fn address_of(attach: &Attach, sends: bool) -> String {
    let address = match sends {
        true => attach
            .source
            .as_ref()
            .and_then(|source| source.address.clone()),
        false => target_address(attach),
    };
    address.unwrap_or_default()
}

/// The start position in the source's filter.
pub(super) fn start_of(attach: &Attach) -> Result<Start, String> {
    let filters = attach
        .source
        .as_ref()
        .and_then(|source| source.filter.as_ref());
    let selector = filters.and_then(|filters| {
        filters
            .iter()
            .find(|(name, _)| name.as_str() == SELECTOR)
            .map(|(_, value)| value)
    });
    let text = match selector {
        None | Some(Value::Null) => return Ok(Start::earliest()),
        Some(Value::Described(described)) => section::text(&described.value),
        Some(value) => section::text(value),
    };
    filter::parse(text.unwrap_or_default())
}

/// The epoch, in whatever integer type the client chose.
pub(super) fn epoch_of(attach: &Attach) -> Option<i64> {
    let properties = attach.properties.as_ref()?;
    let (_, value) = properties.iter().find(|(name, _)| name.as_str() == EPOCH)?;
    match value {
        Value::Long(epoch) => Some(*epoch),
        Value::Int(epoch) => Some(i64::from(*epoch)),
        Value::Uint(epoch) => Some(i64::from(*epoch)),
        Value::Ulong(epoch) => i64::try_from(*epoch).ok(),
        _ => None,
    }
}
