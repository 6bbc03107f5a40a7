//! Log lines as a test sees them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// What is logged on this thread while it lives.
pub(crate) struct Lines {
    written: Arc<Mutex<Vec<u8>>>,
    _default: DefaultGuard,
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Writer(Arc::clone(&written));
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            written,
            _default: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<Value> {
        let written = std::mem::take(&mut *self.written.lock().unwrap());
        let text = String::from_utf8(written).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
