//! One connection: a single task that reads, decides and writes.
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use crate::broker::Broker;
/// A byte stream that a connection can run over.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Makes the coming drop of the stream a reset instead of an orderly end,
    /// where there is such a thing.
    fn reset_on_drop(&self) {}
}
impl Transport for tokio::net::TcpStream {
    fn reset_on_drop(&self) {
        let _ = self.set_zero_linger();
    }
}
impl Transport for tokio::io::DuplexStream {}
pub(crate) async fn serve(_transport: impl Transport, _broker: Arc<Broker>) {}
