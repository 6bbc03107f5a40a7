//! Which index or data stream a record goes to.

use crate::record::Record;
use crate::template::{Bounded, OTHER, Template};

/// How records are given to indices.
#[derive(Debug)]
pub(super) enum Names {
    /// As Elastic's integration does it, in this namespace.
    Vendor(String),
    /// By a template, and what stands for the names beyond the bound.
    Template(Box<Bounded>, String),
}

/// Different names at most, as each is an index with shards of its own.
const NAMES_MAX: usize = 200;

/// Longest name in bytes.
///
/// **Source**: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
const NAME_BYTES_MAX: usize = 255;

impl Names {
    /// `None` when the template is none, which is reported before.
    pub(super) fn new(is_raw: bool, namespace: Option<&str>, index: Option<&str>) -> Option<Self> {
        // Braces would be a template's.
        let namespace = part(namespace.unwrap_or_default()).replace(['{', '}'], "_");
        let written = match (index, is_raw) {
            (Some(written), _) => written.to_owned(),
            (None, true) => {
                format!("logs-entra.{{{{ category | lower || \"none\" }}}}-{namespace}")
            }
            (None, false) => return Some(Self::Vendor(namespace)),
        };
        let template = Template::compile(&written).ok()?;
        let bounded = Box::new(Bounded::new(template, NAMES_MAX));
        Some(Self::Template(
            bounded,
            format!("logs-entra.other-{namespace}"),
        ))
    }

    /// The name for a record: always one that is allowed.
    pub(super) fn of(&self, record: &Record<'_>) -> String {
        match self {
            Self::Vendor(namespace) => {
                let category = record.category();
                format!("logs-{}-{namespace}", dataset(category.as_deref()))
            }
            Self::Template(template, other) => {
                let mut name = String::new();
                template.render(record, &mut name);
                match name == OTHER {
                    true => other.clone(),
                    false => allowed(&name).unwrap_or_else(|| other.clone()),
                }
            }
        }
    }
}

/// Where the integration takes a category. Its pipelines throw away what is not theirs.
///
/// **Source**: the pipeline of `logs-azure.events-*` and `routing_rules.yml` beside it,
/// <https://github.com/elastic/integrations/tree/main/packages/azure/data_stream/events>; all sign-ins
/// together since <https://github.com/elastic/integrations/pull/15807>, Azure AD Graph since
/// <https://github.com/elastic/integrations/issues/18879>.
fn dataset(category: Option<&str>) -> &'static str {
    match category {
        None => "azure.events",
        Some("AuditLogs") => "azure.auditlogs",
        Some("ProvisioningLogs") => "azure.provisioning",
        Some("RiskyUsers" | "UserRiskEvents") => "azure.identity_protection",
        Some("MicrosoftGraphActivityLogs") => "azure.graphactivitylogs",
        Some("AzureADGraphActivityLogs") => "azure.aadgraphactivitylogs",
        Some(sign_ins) if sign_ins.ends_with("SignInLogs") => "azure.signinlogs",
        Some(
            "Administrative" | "Security" | "ServiceHealth" | "Alert" | "Recommendation" | "Policy"
            | "Autoscale" | "ResourceHealth",
        ) => "azure.activitylogs",
        Some("ApplicationGatewayFirewallLog" | "ApplicationGatewayAccessLog") => {
            "azure.application_gateway"
        }
        Some(
            "AzureFirewallApplicationRule"
            | "AzureFirewallNetworkRule"
            | "AzureFirewallDnsProxy"
            | "AZFWApplicationRule"
            | "AZFWNetworkRule"
            | "AZFWNatRule"
            | "AZFWDnsQuery",
        ) => "azure.firewall_logs",
        Some(
            "ApplicationConsole" | "SystemLogs" | "IngressLogs" | "BuildLogs"
            | "ContainerEventLogs",
        ) => "azure.springcloudlogs",
        Some(_) => "azure.platformlogs",
    }
}

/// Type, dataset and namespace in the name of a data stream; none of them has a `-`.
///
/// **Source**: <https://www.elastic.co/docs/reference/ecs/ecs-data_stream>
pub(super) fn data_stream(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.split('-');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    let is_right = parts.next().is_none() && matches!(found.0, "logs" | "metrics" | "traces");
    (is_right && !found.1.is_empty() && !found.2.is_empty()).then_some(found)
}

/// One part of a data stream's name, at most 100 bytes of it.
fn part(text: &str) -> String {
    let allowed = allowed(text).unwrap_or_else(|| "default".to_owned());
    allowed.replace('-', "_").chars().take(100).collect()
}

/// A text as the name of an index, with `_` for what no name may have; `None` when nothing is left.
///
/// **Source**: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
fn allowed(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        let c = match c {
            '\\' | '/' | '*' | '?' | '"' | '<' | '>' | '|' | ' ' | ',' | '#' | ':' => '_',
            c if c.is_ascii_graphic() => c,
            _ => '_',
        };
        let is_first = name.is_empty() && matches!(c, '-' | '_' | '+' | '.');
        if !is_first && name.len() < NAME_BYTES_MAX {
            name.push(c);
        }
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_go_where_the_integration_takes_them() {
        for (category, expected) in [
            (None, "azure.events"),
            (Some("SignInLogs"), "azure.signinlogs"),
            (Some("ADFSSignInLogs"), "azure.signinlogs"),
            (
                Some("MicrosoftServicePrincipalSignInLogs"),
                "azure.signinlogs",
            ),
            (Some("AuditLogs"), "azure.auditlogs"),
            (Some("ProvisioningLogs"), "azure.provisioning"),
            (Some("UserRiskEvents"), "azure.identity_protection"),
            (Some("RiskyServicePrincipals"), "azure.platformlogs"),
            (
                Some("AzureADGraphActivityLogs"),
                "azure.aadgraphactivitylogs",
            ),
            (Some("Administrative"), "azure.activitylogs"),
            // Its pipelines compare letter by letter, too.
            (Some("signinlogs"), "azure.platformlogs"),
        ] {
            assert_eq!(dataset(category), expected, "{category:?}");
        }
    }

    #[test]
    fn a_name_is_one_that_is_allowed() {
        for (text, expected) in [
            (
                "logs-entra.SignInLogs-default",
                Some("logs-entra.signinlogs-default"),
            ),
            ("_-.+a b/c:d\u{fc}", Some("a_b_c_d_")),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(allowed(text).as_deref(), expected, "{text}");
        }
        assert_eq!(
            allowed(&"\u{130}x".repeat(300)).map(|it| it.len()),
            Some(255)
        );
        assert_eq!(part("Prod-EU 1"), "prod_eu_1");
        assert_eq!(part("\""), "default");
    }

    #[test]
    fn a_data_stream_has_three_parts() {
        let found = data_stream("logs-azure.signinlogs-default");
        assert_eq!(found, Some(("logs", "azure.signinlogs", "default")));
        for other in ["entra", "logs-a", "logs-a-b-c", "logs--a", "other-a-b"] {
            assert_eq!(data_stream(other), None, "{other}");
        }
    }
}
