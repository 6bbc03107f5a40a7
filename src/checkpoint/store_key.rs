//! Names under which the ownerships and checkpoints of a consumer group are stored.

use crate::event_hub::PartitionId;

/// A consumer group of a hub: the prefix of everything stored for it.
///
/// The layout is the one of the Azure SDKs, lower-cased as .NET, JavaScript and Python write it,
/// so that they, KEDA and this program find each other's checkpoints:
/// `<namespace>/<hub>/<group>/checkpoint/<partition>` and `.../ownership/<partition>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    prefix: String,
    namespace: String,
    hub: String,
    group: String,
}

impl GroupKey {
    /// `namespace` is the fully qualified one (`<name>.servicebus.windows.net`), never a custom
    /// endpoint; the case of all three does not matter.
    pub fn new(namespace: &str, hub: &str, group: &str) -> Self {
        Self {
            prefix: format!("{namespace}/{hub}/{group}").to_lowercase(),
            namespace: namespace.to_owned(),
            hub: hub.to_owned(),
            group: group.to_owned(),
        }
    }

    /// `<namespace>/<hub>/<group>`, lower case, without a slash at the end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The same with the case kept, as the Go and Rust SDKs write it: only ever read.
    pub fn case_kept_prefix(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.hub, self.group)
    }

    /// Path of a partition's checkpoint.
    pub fn checkpoint(&self, partition: &PartitionId) -> String {
        format!("{}/checkpoint/{partition}", self.prefix)
    }

    /// Path of a partition's ownership.
    pub fn ownership(&self, partition: &PartitionId) -> String {
        format!("{}/ownership/{partition}", self.prefix)
    }
}
