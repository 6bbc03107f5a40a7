//! The commands that give a missing role.

use super::token::Claims;

/// A role of Azure (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// Reading a hub. On the hub itself: a role on a consumer group is not enough.
    Receiver {
        /// Fully qualified.
        namespace: &'a str,
        event_hub: &'a str,
    },
    /// Reading and writing the blobs of a container.
    Blobs {
        /// Name of the storage account.
        account: &'a str,
        container: &'a str,
    },
}

impl Role<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Receiver { .. } => "Azure Event Hubs Data Receiver",
            Self::Blobs { .. } => "Storage Blob Data Contributor",
        }
    }

    fn scope(self) -> String {
        let resource = match self {
            Self::Receiver {
                namespace,
                event_hub,
            } => {
                let name = namespace.split('.').next().unwrap_or(namespace);
                format!("Microsoft.EventHub/namespaces/{name}/eventhubs/{event_hub}")
            }
            Self::Blobs { account, container } => format!(
                "Microsoft.Storage/storageAccounts/{account}/blobServices/default/containers/\
                 {container}"
            ),
        };
        format!(
            "/subscriptions/<SUBSCRIPTION-ID>/resourceGroups/<RESOURCE-GROUP>/providers/{resource}"
        )
    }

    /// The command that gives it to the owner of a token. What is not known stands in angle
    /// brackets.
    pub(crate) fn command(self, claims: Option<&Claims>) -> String {
        let object = claims.and_then(|claims| claims.object_id.as_deref());
        let object = object.unwrap_or("<OBJECT-ID-OF-THE-IDENTITY>");
        let is_user = claims.is_some_and(|claims| claims.is_user);
        let kind = if is_user { "User" } else { "ServicePrincipal" };
        format!(
            "az role assignment create --assignee-object-id {object} --assignee-principal-type \
             {kind} --role \"{}\" --scope \"{}\"",
            self.name(),
            self.scope()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_filled_in() {
        let role = Role::Receiver {
            namespace: "contoso.servicebus.windows.net",
            event_hub: "logs",
        };
        let command = role.command(None);
        assert!(command.contains("<OBJECT-ID-OF-THE-IDENTITY>"), "{command}");
        let claims = Claims {
            object_id: Some("1-2-3".to_owned()),
            ..Claims::default()
        };
        assert_eq!(
            role.command(Some(&claims)),
            "az role assignment create --assignee-object-id 1-2-3 --assignee-principal-type \
             ServicePrincipal --role \"Azure Event Hubs Data Receiver\" --scope \
             \"/subscriptions/<SUBSCRIPTION-ID>/resourceGroups/<RESOURCE-GROUP>/providers/\
             Microsoft.EventHub/namespaces/contoso/eventhubs/logs\""
        );
        let blobs = Role::Blobs {
            account: "store",
            container: "checkpoints",
        };
        let claims = Claims {
            is_user: true,
            ..claims
        };
        let command = blobs.command(Some(&claims));
        assert!(
            command.contains("User --role \"Storage Blob Data Contributor\"")
                && command.ends_with(
                    "/storageAccounts/store/blobServices/default/containers/checkpoints\""
                ),
            "{command}"
        );
    }
}
