//! Addresses of nodes, and the audiences of tokens.

/// What an address names. Names keep their spelling; comparing is without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Cbs,
    Management,
    Hub {
        hub: String,
    },
    HubPartition {
        hub: String,
        partition: String,
    },
    Consumer {
        hub: String,
        group: String,
        partition: String,
    },
}

/// Takes scheme, host and port off and the slashes at the ends.
pub(crate) fn path(address: &str) -> &str {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => address,
    };
    path.trim_matches('/')
}

/// Reads an address: a plain path or a full URL.
pub(crate) fn parse(address: &str) -> Option<Node> {
    let segments: Vec<&str> = path(address).split('/').collect();
    let is = |text: &str, name: &str| text.eq_ignore_ascii_case(name);
    match segments.as_slice() {
        [node] if is(node, "$cbs") => Some(Node::Cbs),
        [node] | [_, node] if is(node, "$management") => Some(Node::Management),
        [hub] if !hub.is_empty() => Some(Node::Hub {
            hub: (*hub).to_owned(),
        }),
        [hub, word, partition] if is(word, "partitions") => Some(Node::HubPartition {
            hub: (*hub).to_owned(),
            partition: (*partition).to_owned(),
        }),
        [hub, word, group, other, partition]
            if is(word, "consumergroups") && is(other, "partitions") =>
        {
            Some(Node::Consumer {
                hub: (*hub).to_owned(),
                group: (*group).to_owned(),
                partition: (*partition).to_owned(),
            })
        }
        _ => None,
    }
}

/// Whether a token for the path `audience` is good for the entity at `path`:
/// the same, or above it. Both in lower case, without slashes at the ends.
pub(crate) fn covers(audience: &str, path: &str) -> bool {
    audience.is_empty()
        || path
            .strip_prefix(audience)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let consumer = Some(Node::Consumer {
            hub: "eh1".into(),
            group: "$Default".into(),
            partition: "3".into(),
        });
        for address in [
            "eh1/ConsumerGroups/$Default/Partitions/3",
            "/eh1/consumergroups/$Default/partitions/3",
            "amqps://localhost:5673/eh1/ConsumerGroups/$Default/Partitions/3",
        ] {
            assert_eq!(parse(address), consumer);
        }
        assert_eq!(parse("$cbs"), Some(Node::Cbs));
        assert_eq!(parse("eh/$management"), Some(Node::Management));
        assert_eq!(parse("amqp://h/eh"), Some(Node::Hub { hub: "eh".into() }));
        assert_eq!(parse("a/b/c"), None);
        assert_eq!(parse("amqps://h"), None);
    }

    #[test]
    fn audiences() {
        assert!(covers("eh1", "eh1/consumergroups/$default/partitions/0"));
        assert!(covers("", "eh1"));
        assert!(!covers("eh", "eh1"));
        assert!(!covers("eh1/consumergroups/a", "eh1/consumergroups/ab"));
    }
}
