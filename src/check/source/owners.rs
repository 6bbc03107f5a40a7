//! Who owns the partitions.

use super::{HubProperties, Log, Point, Subject};
use crate::check::store;
use crate::checkpoint::{Ownership, StoreError};

/// Says who has the partitions.
pub(super) async fn look(log: &Log, subject: &Subject<'_>, hub: &HubProperties) {
    let key = subject.key();
    let is_live =
        |owner: &Ownership| owner.owner.is_some() && owner.age < subject.config.ownership.expiry;
    let listed = async {
        let owners = subject.store.list_owners(&key).await?;
        let unseen = subject.store.list_unseen_owners(&key).await?;
        Ok::<_, StoreError>((owners, unseen))
    };
    let (owners, unseen) = match listed.await {
        Ok(listed) => listed,
        Err(error) => return store::report(log, Point::Owners, &error, None),
    };
    let unseen = unseen.iter().filter(|it| is_live(it)).count();
    if unseen > 0 {
        let seen = format!(
            "another program owns {unseen} partitions of this group under paths in another case: \
             it does not see this one's claims"
        );
        let remedy = "stop it first, or give this source a consumer group of its own";
        return log.warning(Point::Owners, seen, remedy);
    }
    let live: Vec<_> = owners.iter().filter(|it| is_live(it)).collect();
    let mut names: Vec<_> = live.iter().filter_map(|it| it.owner.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    log.ok(
        Point::Owners,
        match live.len() {
            0 => "nobody owns a partition now".to_owned(),
            count => format!(
                "{count} of {} partitions are owned by {} live forwarders",
                hub.partitions.len(),
                names.len()
            ),
        },
    );
}
