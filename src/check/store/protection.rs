//! Soft delete and versioning of the checkpoints' account: they keep what nobody needs again, and
//! are paid for.

use super::{BlobPart, Log, Point};
use crate::checkpoint::StoreError;

const VERSIONING: &str = "versioning is on: every checkpoint and renewal, up to 21,600 a day \
                          and partition, leaves a version that is paid for";
const COST: &str = "(docs/cost.md)";

/// Says what the account keeps. `probe` is where blobs were deleted, if some were, and whether they
/// had versions.
pub(super) async fn look(log: &Log, part: &BlobPart, probe: Option<(&str, bool)>) {
    let account = account(part);
    let is_versioned = probe.is_some_and(|(_, is_versioned)| is_versioned);
    let days = match part.container.soft_delete_days().await {
        Ok(days) => Ok(days),
        Err(StoreError::Unauthorized(_)) => by_trial(part, probe).await,
        Err(error) => Err(error.to_string()),
    };
    let update =
        format!("az storage account blob-service-properties update --account-name {account}");
    let soft = match &days {
        Ok(Some(0)) => Some("soft delete is on".to_owned()),
        Ok(Some(days)) => Some(format!("soft delete is on ({days} days)")),
        Ok(None) | Err(_) => None,
    };
    let soft = soft.map(|soft| {
        format!(
            "{soft}: what is deleted or written over is kept and paid for; checkpoints themselves \
             are metadata, which it does not keep"
        )
    });
    match (is_versioned, soft) {
        (true, soft) => {
            let seen = [Some(VERSIONING.to_owned()), soft].into_iter().flatten();
            let seen = seen.collect::<Vec<_>>().join("; ");
            let remedy = format!("{update} --enable-versioning false {COST}");
            log.warning(Point::Protection, seen, remedy);
        }
        (false, Some(soft)) => {
            let remedy = format!(
                "{update} --enable-delete-retention false {COST}, unless dead letters are kept \
                 there: for them it is right"
            );
            log.warning(Point::Protection, soft, remedy);
        }
        (false, None) => match (days, probe) {
            (Ok(_), Some(_)) => log.ok(Point::Protection, "neither soft delete nor versioning"),
            (Ok(_), None) => log.note(
                Point::Protection,
                "no soft delete; whether there is versioning cannot be told without a probe blob",
                "see the account's data protection: both should be off for checkpoints",
            ),
            (Err(why), _) => log.note(
                Point::Protection,
                format!("cannot be told ({why})"),
                "see the account's data protection: soft delete and versioning should be off for \
                 checkpoints",
            ),
        },
    }
}

/// A right that ends at the container may not read the account's properties: then what was deleted
/// shows it.
async fn by_trial(part: &BlobPart, probe: Option<(&str, bool)>) -> Result<Option<i32>, String> {
    let needed = "a right on the account is needed to read its properties";
    let Some((prefix, _)) = probe else {
        return Err(needed.to_owned());
    };
    let kept = part.container.keeps_deleted(prefix).await;
    let kept = kept.map_err(|_| needed.to_owned())?;
    Ok(kept.then_some(0))
}

fn account(part: &BlobPart) -> String {
    let url = url::Url::parse(part.url.expose()).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    let name = host.filter(|_| url.as_ref().is_some_and(|it| it.domain().is_some()));
    let name = name.and_then(|host| host.split('.').next());
    name.unwrap_or("<ACCOUNT>").to_owned()
}
