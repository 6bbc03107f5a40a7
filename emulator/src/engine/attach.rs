//! Links being attached: who may, to what, from where.

use std::sync::Arc;

use bytes::Bytes;
use fe2o3_amqp_types::definitions::{ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::TargetArchetype;
use fe2o3_amqp_types::performatives::Attach;
use serde_amqp::Value;
use tokio::time::Instant;

use super::Engine;
use super::link::{CREDIT, Consumer, Feed, Incoming, Inlet, Link, LinkEnd, Outgoing, Replies};
use crate::address::{self, Node};
use crate::cbs;
use crate::epoch::{Condition, Kick, Reader};
use crate::faults::{Action, Occasion, Scope};
use crate::filter::{self, Start, StartAt};
use crate::hub::{Hub, Partition};
use crate::observe::AttachRecord;
use crate::wire::performative::{self, AttachAnswer, LinkCredit};
use crate::wire::section;

const SELECTOR: &str = "apache.org:selector-filter:string";
const EPOCH: &str = "com.microsoft:epoch";
const ARGUMENT: &str = "com.microsoft:argument-error";

impl Outgoing {
    pub(super) fn credit_of(&self, handle: u32) -> LinkCredit {
        LinkCredit {
            handle,
            delivery_count: self.delivery_count,
            credit: self.credit,
            drain: self.drain,
        }
    }
}

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

    /// Builds the broker's end, or says why not.
    fn build(&mut self, attach: &Attach, address: &str, sends: bool) -> Result<LinkEnd, Condition> {
        let Some(node) = address::parse(address) else {
            return Err(not_found(address));
        };
        match (node, sends) {
            (Node::Cbs, _) => self.node_end(attach, true, sends),
            (Node::Management, _) => {
                if !self.grants.any(self.broker.now_ms()) {
                    return Err(unauthorized(true, address));
                }
                self.node_end(attach, false, sends)
            }
            (Node::Hub { hub }, false) => self.producer(address, &hub, None, attach),
            (Node::HubPartition { hub, partition }, false) => {
                self.producer(address, &hub, Some(&partition), attach)
            }
            (
                Node::Consumer {
                    hub,
                    group,
                    partition,
                },
                true,
            ) => self.consumer(attach, address, &hub, &group, &partition),
            _ => Err(not_found(address)),
        }
    }

    fn node_end(&self, attach: &Attach, cbs: bool, sends: bool) -> Result<LinkEnd, Condition> {
        if sends {
            return Ok(sender(
                attach,
                Feed::Replies(Replies {
                    cbs,
                    target: target_address(attach),
                    queue: Default::default(),
                }),
            ));
        }
        if cbs && self.broker.options.quirks.single_cbs_link && self.has_cbs() {
            return Err(Condition::new(
                "amqp:not-allowed",
                "A link to the $cbs node has already been opened on this connection.",
            ));
        }
        let inlet = if cbs { Inlet::Cbs } else { Inlet::Management };
        Ok(receiver(attach, inlet))
    }

    fn has_cbs(&self) -> bool {
        let mut links = self
            .sessions
            .values()
            .flat_map(|session| session.links.values());
        links.any(|link| {
            matches!(
                &link.end,
                LinkEnd::Receiver(Incoming {
                    inlet: Inlet::Cbs,
                    ..
                })
            )
        })
    }

    fn producer(
        &self,
        address: &str,
        hub: &str,
        partition: Option<&str>,
        attach: &Attach,
    ) -> Result<LinkEnd, Condition> {
        let occasion = Occasion {
            hub: Some(hub),
            partition,
            connection: self.id,
            ..Occasion::default()
        };
        self.attach_faults(occasion)?;
        let path = address::path(address).to_ascii_lowercase();
        if !self.grants.allow(&path, false, self.broker.now_ms()) {
            return Err(unauthorized(false, address));
        }
        let hub = self
            .broker
            .find_hub(hub)
            .ok_or_else(|| not_found(address))?;
        let partition = match partition {
            Some(id) => Some(find_partition(&hub, id)?),
            None => None,
        };
        Ok(receiver(attach, Inlet::Producer { hub, partition }))
    }

    fn attach_faults(&self, occasion: Occasion<'_>) -> Result<(), Condition> {
        match self.broker.faults.fire(Scope::Attach, occasion) {
            Some(Action::RefuseAttach {
                condition,
                description,
            }) => Err(Condition::new(&condition, description)),
            _ => Ok(()),
        }
    }

    fn consumer(
        &self,
        attach: &Attach,
        address: &str,
        hub_name: &str,
        group_name: &str,
        id: &str,
    ) -> Result<LinkEnd, Condition> {
        let start = start_of(attach);
        let epoch = epoch_of(attach);
        let occasion = Occasion {
            hub: Some(hub_name),
            group: Some(group_name),
            partition: Some(id),
            connection: self.id,
            sequence: None,
        };
        let shown = start.clone().unwrap_or_else(|_| Start::earliest());
        let mut record = AttachRecord {
            at_ms: self.broker.now_ms(),
            connection: self.id,
            link: attach.name.clone(),
            address: address.to_owned(),
            hub: hub_name.to_owned(),
            group: group_name.to_owned(),
            partition: id.to_owned(),
            start: shown.at,
            inclusive: shown.inclusive,
            epoch,
            credit: 0,
            refused: None,
        };
        let admitted = self.attach_faults(occasion).and_then(|()| {
            let path = address::path(address).to_ascii_lowercase();
            if !self.grants.allow(&path, true, self.broker.now_ms()) {
                return Err(unauthorized(true, address));
            }
            let start = start.map_err(|text| Condition::new(ARGUMENT, text))?;
            let hub = self
                .broker
                .find_hub(hub_name)
                .ok_or_else(|| not_found(address))?;
            let group: Arc<str> = hub
                .group(group_name)
                .ok_or_else(|| not_found(address))?
                .into();
            let partition = find_partition(&hub, id)?;
            let (next, dead) = self.begin_at(&partition, &start, occasion)?;
            let reader = Reader {
                id: self.broker.number(),
                epoch,
                name: attach.name.clone(),
                kick: Kick::new(self.waker.clone()),
            };
            let seat = partition.admit(&group, reader, self.waker.clone())?;
            Ok((seat, group, next, dead))
        });
        match admitted {
            Ok((seat, group, next, dead)) => {
                let attach_number = self.broker.observed.attach(record);
                let consumer = Consumer {
                    seat,
                    next,
                    dead,
                    group,
                    partition_id: id.to_owned(),
                    link: attach.name.as_str().into(),
                    attach_number,
                    credit_noted: false,
                    hold_until: None,
                };
                Ok(sender(attach, Feed::Consumer(Box::new(consumer))))
            }
            Err(condition) => {
                record.refused = Some(condition.name.clone());
                self.broker.observed.attach(record);
                Err(condition)
            }
        }
    }

    /// The number to begin with, quirks and faults included, and whether the
    /// reader will never be given anything.
    fn begin_at(
        &self,
        partition: &Partition,
        start: &Start,
        occasion: Occasion<'_>,
    ) -> Result<(i64, bool), Condition> {
        let quirks = &self.broker.options.quirks;
        let mut log = partition.log.lock();
        log.retain(self.broker.now_ms());
        let mut next = log
            .resolve(start)
            .map_err(|text| Condition::new(ARGUMENT, text))?;
        let minus_one = !start.inclusive && start.at == StartAt::Sequence(-1);
        let dead = quirks.minus_one_is_dead && minus_one && log.last_sequence() == -1;
        if !start.inclusive && start.at == StartAt::Sequence(log.last_sequence()) {
            next -= i64::from(quirks.older_events_after_last);
        }
        drop(log);
        if let Some(Action::RewindAttach { events }) =
            self.broker.faults.fire(Scope::Start, occasion)
        {
            next = next.saturating_sub_unsigned(events);
        }
        Ok((next, dead))
    }
}

fn sender(attach: &Attach, feed: Feed) -> LinkEnd {
    LinkEnd::Sender(Outgoing {
        delivery_count: 0,
        credit: 0,
        drain: false,
        settled: attach.snd_settle_mode == SenderSettleMode::Settled,
        partial: None,
        feed,
    })
}

fn receiver(attach: &Attach, inlet: Inlet) -> LinkEnd {
    LinkEnd::Receiver(Incoming {
        inlet,
        credit: CREDIT,
        delivery_count: attach.initial_delivery_count.unwrap_or(0),
        assembly: None,
    })
}

fn not_found(address: &str) -> Condition {
    let path = address::path(address);
    let text = format!("The messaging entity 'sb://localhost/{path}' could not be found.");
    Condition::new("amqp:not-found", text)
}

fn unauthorized(listen: bool, address: &str) -> Condition {
    let text = cbs::unauthorized(listen, address::path(address));
    Condition::new("amqp:unauthorized-access", text)
}

fn find_partition(hub: &Hub, id: &str) -> Result<Arc<Partition>, Condition> {
    let number: Option<u32> = id.parse().ok();
    number.and_then(|id| hub.partition(id)).ok_or_else(|| {
        let last = hub.partitions().len().saturating_sub(1);
        Condition::new("com.microsoft:argument-out-of-range", format!(
            "The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and {last}."
        ))
    })
}

fn target_address(attach: &Attach) -> Option<String> {
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
fn start_of(attach: &Attach) -> Result<Start, String> {
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
fn epoch_of(attach: &Attach) -> Option<i64> {
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
