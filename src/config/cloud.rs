//! The clouds of Azure: which names and which login each of them has.
//!
//! **Source**: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>
//! and <https://learn.microsoft.com/azure/china/resources-developer-guide>. The scopes of tokens
//! for Event Hubs and storage are the same in all of them
//! (<https://learn.microsoft.com/azure/event-hubs/authenticate-application>).

/// A cloud of Azure: a world of its own, with its own names and its own login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The one that most tenants are in; GCC (not GCC High) is in it too.
    #[default]
    Public,
    /// Azure for the government of the USA: GCC High and DoD.
    UsGovernment,
    /// Azure in China, run by 21Vianet.
    China,
}

/// The words for a cloud, in the configuration.
pub(super) const WORDS: &[&str] = &[
    "public",
    "commercial",
    "gcc",
    "usgov",
    "gcc_high",
    "dod",
    "china",
];

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// The cloud of a word of the configuration.
    pub(super) fn of_word(word: &str) -> Self {
        match word {
            "usgov" | "gcc_high" | "dod" => Self::UsGovernment,
            "china" => Self::China,
            _ => Self::Public,
        }
    }

    /// Its first word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "usgov",
            Self::China => "china",
        }
    }

    /// What a namespace of Event Hubs is called behind its own name and a dot.
    pub fn event_hubs_suffix(self) -> &'static str {
        match self {
            Self::Public => "servicebus.windows.net",
            Self::UsGovernment => "servicebus.usgovcloudapi.net",
            Self::China => "servicebus.chinacloudapi.cn",
        }
    }

    /// What the blob service of a storage account is called behind the account's name and a dot.
    pub fn blob_suffix(self) -> &'static str {
        match self {
            Self::Public => "blob.core.windows.net",
            Self::UsGovernment => "blob.core.usgovcloudapi.net",
            Self::China => "blob.core.chinacloudapi.cn",
        }
    }

    /// Where its Microsoft Entra ID gives out tokens: a URL without a path.
    pub fn authority_host(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// What tokens for Azure Monitor's Logs Ingestion API are asked for
    /// (<https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview>).
    pub(crate) fn monitor_scope(self) -> &'static str {
        match self {
            Self::Public => "https://monitor.azure.com/.default",
            Self::UsGovernment => "https://monitor.azure.us/.default",
            Self::China => "https://monitor.azure.cn/.default",
        }
    }

    /// The cloud that a host name belongs to; `None` for names of one's own.
    pub fn of_host(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| {
            [cloud.event_hubs_suffix(), cloud.blob_suffix()]
                .iter()
                .any(|suffix| is_below(host, suffix))
        })
    }
}

fn is_below(host: &str, suffix: &str) -> bool {
    host.to_ascii_lowercase()
        .strip_suffix(suffix)
        .is_some_and(|name| name.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_cloud_and_every_cloud_a_word() {
        let clouds = WORDS.iter().map(|word| Cloud::of_word(word));
        use Cloud::{China, Public, UsGovernment};
        let expected = [
            Public,
            Public,
            Public,
            UsGovernment,
            UsGovernment,
            UsGovernment,
            China,
        ];
        assert!(clouds.eq(expected));
        for cloud in Cloud::ALL {
            assert!(WORDS.contains(&cloud.word()));
            assert_eq!(Cloud::of_word(cloud.word()), cloud);
        }
    }

    #[test]
    fn hosts_show_their_cloud() {
        for (host, cloud) in [
            ("contoso.servicebus.windows.net", Some(Cloud::Public)),
            (
                "Contoso.Servicebus.UsGovCloudApi.net",
                Some(Cloud::UsGovernment),
            ),
            ("contoso.blob.core.chinacloudapi.cn", Some(Cloud::China)),
            ("servicebus.windows.net", None),
            ("contososervicebus.windows.net", None),
            ("127.0.0.1", None),
            ("localhost", None),
        ] {
            assert_eq!(Cloud::of_host(host), cloud, "{host}");
        }
    }
}
