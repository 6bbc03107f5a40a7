//! The conformance suite, run for each store.

use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::checkpoint::blob::{BlobStore, Container};
use entra_forwarder::checkpoint::directory::DirectoryStore;
use entra_forwarder::checkpoint::memory::MemoryStore;
use entra_forwarder::config::Secret;

use crate::azurite::TestContainer;
use crate::conformance::{self, Store};

/// Generous: a busy machine is no failure here.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One test per property: `store!` gives the store, and whatever must live as long as it.
macro_rules! conformance {
    ($store:expr, $test:meta, $many:expr) => {
        conformance!(@each $store, $test,
            an_empty_store_holds_nothing,
            a_partition_is_claimed_once,
            a_claim_is_renewed_with_the_last_version_only,
            a_released_partition_is_free,
            a_lost_partition_cannot_be_released,
            ages_grow_and_begin_anew_at_renewal,
            a_checkpoint_is_created_once,
            a_checkpoint_is_replaced_in_its_last_version_only,
            writing_the_same_checkpoint_again_fences_others_off,
            a_condition_on_nothing_does_not_hold,
            every_field_of_a_checkpoint_comes_back,
            groups_do_not_see_each_other,
            the_case_of_names_does_not_matter,
            of_concurrent_claims_one_wins,
            of_concurrent_writes_one_wins,
        );

        #[$test]
        async fn many_partitions_are_all_listed() {
            let (store, _keep) = $store.await;
            conformance::many_partitions_are_all_listed(store, $many).await;
        }
    };
    (@each $store:expr, $test:meta, $($property:ident,)+) => {
        $(
            #[$test]
            async fn $property() {
                let (store, _keep) = $store.await;
                conformance::$property(store).await;
            }
        )+
    };
}

mod memory {
    use super::*;

    async fn store() -> (Store, ()) {
        (Arc::new(MemoryStore::new()), ())
    }

    conformance!(store(), tokio::test(start_paused = true), 1024);
}

mod directory {
    use super::*;

    async fn store() -> (Store, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        (
            Arc::new(DirectoryStore::new(root.path().join("made/later"), TIMEOUT)),
            root,
        )
    }

    conformance!(store(), tokio::test(flavor = "multi_thread"), 1024);
}

mod blob {
    use super::*;

    async fn store() -> (Store, TestContainer) {
        let container = TestContainer::create().await;
        let url = Secret::new(container.url());
        let opened = Container::new(&url, None, TIMEOUT)
            .unwrap()
            .with_page_size(30);
        (Arc::new(BlobStore::new(opened)), container)
    }

    conformance!(store(), tokio::test(flavor = "multi_thread"), 200);
}
