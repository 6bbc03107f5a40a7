//! 8. Compression: a batch's body becomes a gzip body.

use async_trait::async_trait;
use bytes::Bytes;
