//! Text that is no JSON.

use bytes::Bytes;

use super::{Records, Unparsable, collect};

/// Splits it into what can be recovered.
pub(super) fn split(text: &Bytes) -> Records {
    match std::str::from_utf8(text) {
        Ok(_) => collect::whole(text, Unparsable::Text),
        Err(_) => collect::whole(text, Unparsable::InvalidUtf8),
    }
}
