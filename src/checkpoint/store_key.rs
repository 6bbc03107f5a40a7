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

/// `name` as a file or blob name that cannot leave its folder and that every file system takes.
///
/// Slashes separate folders and stay. Letters, digits, `-`, `_`, `$` stay, and so do dots inside a
/// name; every other byte becomes `%` and two hexadecimal digits. No two names become one.
pub(crate) fn path_safe(name: &str) -> String {
    let folders = name.split('/').map(|folder| {
        if folder.is_empty() {
            return "%".to_owned();
        }
        let mut safe = String::with_capacity(folder.len());
        for (index, byte) in folder.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'$' => {
                    safe.push(char::from(byte));
                }
                b'.' if index > 0 => safe.push('.'),
                _ => safe.push_str(&format!("%{byte:02X}")),
            }
        }
        safe
    });
    folders.collect::<Vec<_>>().join("/")
}

/// The name that [`path_safe`] was given; `None` for a name it never makes.
pub(crate) fn from_path_safe(safe: &str) -> Option<String> {
    let mut name = Vec::with_capacity(safe.len());
    let mut bytes = safe.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            name.push(byte);
        }
    }
    let name = String::from_utf8(name).ok()?;
    (path_safe(&name) == safe).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_names_stay_in_their_folder() {
        let check = |name: &str, expected: &str| {
            assert_eq!(path_safe(name), expected);
            if !name.is_empty() {
                assert_eq!(from_path_safe(expected).as_deref(), Some(name));
            }
        };
        check("0", "0");
        check("my.hub-1/$default", "my.hub-1/$default");
        check("../etc", "%2E./etc");
        check("..", "%2E.");
        check(".hidden", "%2Ehidden");
        check("a\\b:c d", "a%5Cb%3Ac%20d");
        check("50%", "50%25");
        assert_eq!(path_safe("a//b"), "a/%/b");
        assert_eq!(path_safe("/etc"), "%/etc");
        assert_eq!(from_path_safe("%zz"), None);
    }
}
