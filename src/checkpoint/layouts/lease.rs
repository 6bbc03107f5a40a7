//! Positions inside JSON leases: what the Event Processor Hosts wrote, the libraries before the
//! current Azure SDKs.
//!
//! Each lease is a blob that its owner also holds a storage lease on (30 to 60 s, renewed), so the
//! service itself knows whether he is alive.

use serde_json::{Map, Value};

use super::{Holder, Layout, Life, Object, Reached, StoredPosition};
use crate::checkpoint::StoreError;
use crate::event_hub::{Offset, PartitionId, SequenceNumber, Timestamp};

/// What a lease says.
pub(super) struct Lease {
    owner: String,
    /// `None` before the first checkpoint.
    reached: Option<Reached>,
    enqueued_at: Option<Timestamp>,
}

/// Reads a lease.
pub(super) fn read(layout: Layout, object: &Object, body: &[u8]) -> Result<Lease, StoreError> {
    let unreadable = |problem: &str| StoreError::Unreadable {
        place: object.name.clone(),
        problem: problem.to_owned(),
    };
    let Ok(Value::Object(outer)) = serde_json::from_slice(body) else {
        return Err(unreadable("it is not the JSON object of a lease"));
    };
    let outer = lower_case(outer);
    let inner = match (layout, outer.get("checkpoint")) {
        (Layout::BeatsV1, Some(Value::Object(inner))) => lower_case(inner.clone()),
        (Layout::BeatsV1, _) => return Err(unreadable("it has no `checkpoint`")),
        _ => outer.clone(),
    };
    let offset = match inner.get("offset") {
        Some(Value::String(text)) => Some(text.as_str()),
        None | Some(Value::Null) => None,
        Some(_) => return Err(unreadable("its `offset` is not text")),
    };
    let number = match inner.get("sequencenumber") {
        Some(number) => number
            .as_i64()
            .ok_or_else(|| unreadable("its `sequenceNumber` is no number"))?,
        None => return Err(unreadable("it has no `sequenceNumber`")),
    };
    let text = |map: &Map<String, Value>, name: &str| {
        map.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(Lease {
        owner: text(&outer, "owner"),
        reached: reached(offset, number),
        // A time that was never set is the year 1 for Go.
        enqueued_at: Timestamp::parse_rfc3339(&text(&inner, "enqueuetime"))
            .filter(|moment| *moment > Timestamp(0)),
    })
}

/// A lease that was never checkpointed has number 0 and no offset, or the offset -1.
fn reached(offset: Option<&str>, number: i64) -> Option<Reached> {
    let offset = offset.filter(|text| !text.is_empty() && !text.starts_with('@'));
    match (offset, number) {
        (Some(Offset::BEGINNING_TEXT), _) => Some(Reached::Nothing),
        (None, ..=0) => None,
        (offset, number) if number >= 0 => Some(Reached::Number(
            SequenceNumber(number),
            offset.map(Offset::new),
        )),
        (Some(offset), _) => Some(Reached::Offset(Offset::new(offset))),
        (None, _) => None,
    }
}

fn lower_case(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

impl Lease {
    /// Who has the partition, or had it at last: an orderly end does not take his name out, so
    /// only the storage lease says whether he is alive.
    pub(super) fn holder(&self, object: &Object, partition: &PartitionId) -> Option<Holder> {
        (!self.owner.is_empty() || object.is_leased).then(|| Holder {
            partition: partition.clone(),
            owner: self.owner.clone(),
            life: Life::Lease(object.is_leased),
        })
    }

    /// The position; `None` before the first checkpoint.
    pub(super) fn position(&self, layout: Layout, object: &Object) -> Option<StoredPosition> {
        Some(StoredPosition {
            path: object.name.clone(),
            layout,
            reached: self.reached.clone()?,
            enqueued_at: self.enqueued_at,
            hub_created_at: None,
            modified_at: object.modified_at,
            age: object.age,
            etag: object.etag.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::checkpoint::ETag;

    fn object(is_leased: bool) -> Object {
        Object {
            name: "here".to_owned(),
            fields: Default::default(),
            etag: ETag::new("1"),
            age: Duration::ZERO,
            modified_at: Timestamp(1),
            size: 1,
            is_leased,
        }
    }

    fn lease(layout: Layout, body: &str) -> Result<Lease, StoreError> {
        read(layout, &object(false), body.as_bytes())
    }

    fn number(number: i64, offset: &str) -> Option<Reached> {
        Some(Reached::Number(
            SequenceNumber(number),
            Some(Offset::new(offset)),
        ))
    }

    #[test]
    fn leases_of_net() {
        let body = r#"{"PartitionId":"0","Owner":"681d365b","Token":"2d0c4276","Epoch":386,
            "Offset":"8591964920","SequenceNumber":960180}"#;
        let lease = lease(Layout::FunctionsLegacy, body).unwrap();
        assert_eq!(lease.reached, number(960_180, "8591964920"));
        assert_eq!(lease.owner, "681d365b");
    }

    #[test]
    fn leases_of_java() {
        let body = r#"{"offset":"4711","sequenceNumber":12,"partitionId":"3","epoch":2,
            "owner":"logstash-1","token":"t"}"#;
        assert_eq!(
            lease(Layout::Logstash, body).unwrap().reached,
            number(12, "4711")
        );
        // Before the first checkpoint its offset is null, which its JSON leaves out.
        let body = r#"{"sequenceNumber":0,"partitionId":"3","epoch":1,"owner":"o","token":""}"#;
        assert_eq!(lease(Layout::Logstash, body).unwrap().reached, None);
    }

    #[test]
    fn leases_of_go() {
        let body = r#"{"partitionID":"1","epoch":1,"owner":"382ed56f","checkpoint":{
            "offset":"31680","sequenceNumber":9,"enqueueTime":"2024-06-03T10:34:22.678Z"},
            "state":"available","token":"32cd8a2c"}"#;
        let read = lease(Layout::BeatsV1, body).unwrap();
        assert_eq!(read.reached, number(9, "31680"));
        assert_eq!(
            read.enqueued_at.unwrap().to_rfc3339(),
            "2024-06-03T10:34:22.678Z"
        );
        let body = r#"{"partitionID":"0","epoch":1,"owner":"382ed56f","checkpoint":{
            "offset":"-1","sequenceNumber":0,"enqueueTime":"0001-01-01T00:00:00Z"},
            "state":"available","token":"33cdc5d9"}"#;
        let read = lease(Layout::BeatsV1, body).unwrap();
        assert_eq!(read.reached, Some(Reached::Nothing));
        assert_eq!(read.enqueued_at, None);
    }

    #[test]
    fn what_is_no_lease_is_refused() {
        for body in ["", "[]", "{}", r#"{"Offset":5,"SequenceNumber":1}"#] {
            assert!(lease(Layout::FunctionsLegacy, body).is_err(), "{body}");
        }
        let flat = r#"{"offset":"5","sequenceNumber":1}"#;
        assert!(lease(Layout::BeatsV1, flat).is_err());
    }

    #[test]
    fn an_owner_without_a_storage_lease_may_be_gone() {
        let body = r#"{"Owner":"","Offset":"5","SequenceNumber":1}"#;
        let lease = lease(Layout::FunctionsLegacy, body).unwrap();
        assert_eq!(lease.holder(&object(false), &PartitionId::new("0")), None);
        let holder = lease.holder(&object(true), &PartitionId::new("0")).unwrap();
        assert!(holder.life.is_fresh(Duration::ZERO));
    }
}
