//! The keys of a record that are read, whatever their letter case.

/// A key at the top of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Key {
    AadTenantId,
    ActivityDateTime,
    Category,
    CategoryValue,
    CorrelationId,
    CreatedDateTime,
    CreationTime,
    EventDataId,
    EventTimestamp,
    Id,
    Level,
    Operation,
    OperationName,
    OperationNameValue,
    OrganizationId,
    Properties,
    Received,
    ResourceId,
    Result,
    ResultSignature,
    ResultStatus,
    ResultType,
    Status,
    TenantId,
    Time,
    TimeGenerated,
    Timestamp,
}

/// The number of keys.
pub(super) const KEYS: usize = 27;

impl Key {
    /// The key of a name, in any letter case.
    pub(super) fn of(name: &str) -> Option<Self> {
        let candidates: &[Self] = match name.len() {
            2 => &[Self::Id],
            4 => &[Self::Time],
            5 => &[Self::Level],
            6 => &[Self::Result, Self::Status],
            8 => &[Self::Category, Self::TenantId, Self::Received],
            9 => &[Self::Timestamp, Self::Operation],
            10 => &[Self::Properties, Self::ResourceId, Self::ResultType],
            11 => &[Self::AadTenantId, Self::EventDataId],
            12 => &[Self::CreationTime, Self::ResultStatus],
            13 => &[
                Self::OperationName,
                Self::CorrelationId,
                Self::TimeGenerated,
                Self::CategoryValue,
            ],
            14 => &[Self::EventTimestamp, Self::OrganizationId],
            15 => &[Self::CreatedDateTime, Self::ResultSignature],
            16 => &[Self::ActivityDateTime],
            18 => &[Self::OperationNameValue],
            _ => &[],
        };
        let mut candidates = candidates.iter().copied();
        candidates.find(|key| name.eq_ignore_ascii_case(key.name()))
    }

    /// Its name in the letter case of most records.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AadTenantId => "AADTenantId",
            Self::ActivityDateTime => "activityDateTime",
            Self::Category => "category",
            Self::CategoryValue => "categoryValue",
            Self::CorrelationId => "correlationId",
            Self::CreatedDateTime => "createdDateTime",
            Self::CreationTime => "creationTime",
            Self::EventDataId => "eventDataId",
            Self::EventTimestamp => "eventTimestamp",
            Self::Id => "id",
            Self::Level => "level",
            Self::Operation => "operation",
            Self::OperationName => "operationName",
            Self::OperationNameValue => "operationNameValue",
            Self::OrganizationId => "organizationId",
            Self::Properties => "properties",
            Self::Received => "received",
            Self::ResourceId => "resourceId",
            Self::Result => "result",
            Self::ResultSignature => "resultSignature",
            Self::ResultStatus => "resultStatus",
            Self::ResultType => "resultType",
            Self::Status => "status",
            Self::TenantId => "tenantId",
            Self::Time => "time",
            Self::TimeGenerated => "timeGenerated",
            Self::Timestamp => "timestamp",
        }
    }

    /// Its bit in a set.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_name() {
        let words = [
            "AADTenantId activityDateTime category categoryValue correlationId createdDateTime",
            "creationTime eventDataId eventTimestamp id level operation operationName",
            "operationNameValue organizationId properties received resourceId result",
            "resultSignature resultStatus resultType status tenantId time timeGenerated timestamp",
        ]
        .join(" ");
        let mut seen = 0_u32;
        for name in words.split(' ') {
            for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                let key = Key::of(&name).unwrap();
                assert_eq!(key.name().to_lowercase(), name.to_lowercase());
                assert!((key as usize) < KEYS);
                seen |= key.bit();
            }
        }
        assert_eq!(seen.count_ones() as usize, KEYS);
        assert_eq!(Key::of("tımestamp"), None);
        assert_eq!(Key::of("catecory"), None);
    }
}
