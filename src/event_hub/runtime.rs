//! A thread of its own for everything that speaks AMQP.
//!
//! `fe2o3-amqp` 0.16, which stands under the Azure SDK, takes note of a request only after it has
//! handed the request on. When its tasks run on several threads, a quick answer can come in
//! between: then the answer is not recognised, and the call waits for ever, or the connection is
//! closed (seen in one open of a hundred against a broker on the same machine, and more often
//! under load). On a single thread nothing comes in between. What a receiver delivers is decoded
//! by whoever reads it, on the threads of the pipeline.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Stack of every thread that may decode AMQP. The decoder recurses: a message of 1 MB can nest
/// 111,000 lists, which take 64 MiB in a release build, and more than 512 MiB without
/// optimisation. Only what is touched takes memory.
pub const STACK_BYTES: usize = if cfg!(debug_assertions) { 1024 } else { 256 } * 1024 * 1024;

/// The thread's runtime; the thread ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct AmqpRuntime(Arc<Thread>);

#[derive(Debug)]
struct Thread {
    handle: Handle,
    stop: CancellationToken,
    joined: Option<std::thread::JoinHandle<()>>,
}

impl AmqpRuntime {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let joined = std::thread::Builder::new()
            .name("amqp".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                runtime.block_on(stopped.cancelled());
                // What is left is closes of connections whose peer is silent.
                runtime.shutdown_background();
            })?;
        Ok(Self(Arc::new(Thread {
            handle,
            stop,
            joined: Some(joined),
        })))
    }

    /// The runtime, for tasks that outlive their starter.
    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Runs something on the thread and waits for it. `None` when it panicked or the thread has
    /// ended.
    ///
    /// # Cancel safety
    /// Dropping this drops what runs there.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut task = JoinSet::new();
        task.spawn_on(work, &self.0.handle);
        task.join_next().await?.ok()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(Err(_)) = self.joined.take().map(std::thread::JoinHandle::join) {
            tracing::error!(
                event = "amqp_thread_failed",
                "bug: the AMQP thread panicked"
            );
        }
    }
}
