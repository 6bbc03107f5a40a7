//! The broker's end of a link that is attached: who may, to what, from where.

use std::sync::Arc;

use fe2o3_amqp_types::definitions::SenderSettleMode;
use fe2o3_amqp_types::performatives::Attach;

use super::Engine;
use super::attach::{epoch_of, start_of, target_address};
use super::link::{CREDIT, Consumer, Feed, Incoming, Inlet, LinkEnd, Outgoing, Replies};
use crate::address::{self, Node};
use crate::cbs;
use crate::epoch::{Condition, Kick, Reader};
use crate::faults::{Action, Occasion, Scope};
use crate::filter::{Start, StartAt};
use crate::hub::{Hub, Partition};
use crate::observe::AttachRecord;

const ARGUMENT: &str = "com.microsoft:argument-error";

impl Engine {
    /// Builds the broker's end, or says why not.
    pub(super) fn build(
        &mut self,
        attach: &Attach,
        address: &str,
        sends: bool,
    ) -> Result<LinkEnd, Condition> {
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
