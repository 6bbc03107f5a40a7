//! The same work done with `serde_json` alone.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// Splits a message into raw values; gives their number.
pub(crate) fn plain(body: &[u8]) -> usize {
    raw(body).len()
}

#[derive(Deserialize)]
struct Three<'a> {
    #[serde(borrow)]
    category: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow, rename = "tenantId")]
    tenant_id: Option<&'a RawValue>,
}

/// Splits it and borrows three fields of each record; gives how many were there.
pub(crate) fn three_fields(body: &[u8]) -> usize {
    let there = |record: &RawValue| {
        let three: Three = serde_json::from_str(record.get()).unwrap();
        let fields = [three.category, three.time, three.tenant_id];
        fields.into_iter().flatten().count()
    };
    raw(body).into_iter().map(there).sum()
}

/// Builds a tree of it; gives the number of records.
pub(crate) fn value(body: &[u8]) -> usize {
    let tree: Value = serde_json::from_slice(body).unwrap();
    tree["records"].as_array().map_or(0, Vec::len)
}

fn raw(body: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice::<Plain>(body).unwrap().records
}
