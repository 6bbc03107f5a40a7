//! The tenant that a record belongs to.

use std::fmt;

use super::keys::Key;
use super::{Field, Fields, Record};

/// A GUID in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId([u8; TenantId::BYTES]);

impl TenantId {
    const BYTES: usize = 36;

    /// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` of any letter case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::BYTES] = text.trim().as_bytes().try_into().ok()?;
        let is_guid = bytes.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        is_guid.then(|| Self(bytes.map(|byte| byte.to_ascii_lowercase())))
    }

    /// Its text, in lower case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The tenant of a record.
///
/// | from | when |
/// |---|---|
/// | `AADTenantId` | it is a GUID: beside it, the `TenantId` of a Log Analytics export is the workspace |
/// | `tenantId` | it is a GUID |
/// | `/tenants/<guid>` at the start of `resourceId` | there is nothing above |
/// | `organizationId` | there is nothing above: records of the Office 365 Management Activity API |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant.
    pub id: TenantId,
    /// The tenant that the resource id names, when that is another one: nobody can say which of
    /// them is right.
    pub other: Option<TenantId>,
}

impl Tenant {
    /// Whether the record names two tenants.
    pub fn is_conflict(&self) -> bool {
        self.other.is_some()
    }
}

impl Record<'_> {
    /// [`Fields::tenant`].
    pub fn tenant(&self) -> Option<Tenant> {
        self.read(&[Field::Tenant]).tenant()
    }
}

impl Fields<'_> {
    /// The tenant; `None` when the record names none by its GUID.
    pub fn tenant(&mut self) -> Option<Tenant> {
        let named = self.tenant_at(Key::TenantId);
        let resource = self.resource_id().and_then(|id| of_resource(&id));
        // Two places that agree leave nothing to a third one, for which the rest of the record
        // would have to be read.
        if let (Some(id), true) = (named, named == resource) {
            return Some(Tenant { id, other: None });
        }
        match self.tenant_at(Key::AadTenantId).or(named) {
            Some(id) => Some(Tenant {
                id,
                other: resource.filter(|other| *other != id),
            }),
            None => {
                let id = resource.or_else(|| self.tenant_at(Key::OrganizationId))?;
                Some(Tenant { id, other: None })
            }
        }
    }

    fn tenant_at(&mut self, key: Key) -> Option<TenantId> {
        TenantId::parse(&self.text(key)?)
    }
}

/// The tenant that a resource id begins with.
fn of_resource(id: &str) -> Option<TenantId> {
    let mut segments = id.trim_start_matches('/').split('/');
    let first = segments.next()?;
    first
        .eq_ignore_ascii_case("tenants")
        .then(|| TenantId::parse(segments.next()?))?
}

#[cfg(test)]
mod tests {
    use super::super::testing::with;

    const A: &str = "aaaaaaaa-0000-4000-8000-00000000000A";
    const B: &str = "bbbbbbbb-0000-4000-8000-00000000000b";

    fn check(record: &str, id: Option<&str>, other: Option<&str>) {
        let record = record.replace("$A", A).replace("$B", B);
        with(&record, |record| {
            let found = record.tenant();
            let found_id = found.map(|it| it.id.to_string());
            assert_eq!(found_id, id.map(str::to_lowercase));
            let found_other = found.and_then(|it| it.other).map(|it| it.to_string());
            assert_eq!(found_other, other.map(str::to_lowercase));
            assert_eq!(found.is_some_and(|it| it.is_conflict()), other.is_some());
        });
    }

    #[test]
    fn the_tenant_id_else_the_resource_id() {
        check(r#"{"tenantId":"$A"}"#, Some(A), None);
        check(r#"{"TENANTID":"$A","resourceId":null}"#, Some(A), None);
        let resource = r#"{"resourceId":"/TENANTS/$A/PROVIDERS/MICROSOFT.AADIAM"}"#;
        check(resource, Some(A), None);
        check(r#"{"ResourceId":"/tenants/$A"}"#, Some(A), None);
        check(
            r#"{"tenantId":"user1","resourceId":"/tenants/$A/x"}"#,
            Some(A),
            None,
        );
        check(r#"{"OrganizationId":"$A"}"#, Some(A), None);
        for nothing in [
            r#"{"tenantId":"/TENANT_ID"}"#,
            r#"{"tenantId":"$A0"}"#,
            r#"{"tenantId":1}"#,
            r#"{"resourceId":"/tenants/contoso/providers/x"}"#,
            r#"{"resourceId":"/subscriptions/$A/resourceGroups/tenants"}"#,
            r#"{"resourceId":"/subscriptions/s/resourceGroups/tenants/$A"}"#,
            r#"{"resourceId":"$A"}"#,
            r#"{"properties":{"tenantId":"$A"}}"#,
        ] {
            check(nothing, None, None);
        }
    }

    #[test]
    fn two_that_differ_are_a_conflict() {
        check(
            r#"{"tenantId":"$A","resourceId":"/tenants/$B/providers/x"}"#,
            Some(A),
            Some(B),
        );
        let lower = r#"{"tenantId":"$A","resourceId":"/tenants/$a/x"}"#;
        check(&lower.replace("$a", &A.to_lowercase()), Some(A), None);
    }

    #[test]
    fn beside_the_tenant_stands_the_workspace() {
        check(
            r#"{"TenantId":"$B","x":1,"AADTenantId":"$A"}"#,
            Some(A),
            None,
        );
        check(
            r#"{"TenantId":"$B","ResourceId":"/tenants/$A/providers/x","AADTenantId":"$A"}"#,
            Some(A),
            None,
        );
        check(
            r#"{"AADTenantId":"$A","ResourceId":"/tenants/$B/providers/x"}"#,
            Some(A),
            Some(B),
        );
        check(r#"{"TenantId":"$B","AADTenantId":""}"#, Some(B), None);
        // The early end: what agrees is not read further, and could not be otherwise.
        check(
            r#"{"TenantId":"$B","ResourceId":"/tenants/$B/x","AADTenantId":"$B"}"#,
            Some(B),
            None,
        );
    }
}
