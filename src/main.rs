//! The program: arguments, logs, runtime, command, exit code.

use std::process::ExitCode;

use clap::Parser;
use entra_forwarder::cli::Cli;
use entra_forwarder::cli::exit::Exit;
use entra_forwarder::event_hub::runtime::STACK_BYTES;
use entra_forwarder::telemetry::logs;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = logs::start(cli.log_filter()) {
        eprintln!("error: --log: {error}");
        return ExitCode::from(2);
    }
    logs::keep_panics_short();
    // Several crates bring TLS; without a default the first handshake would panic. It is set only
    // here, so it cannot be set already.
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Internal.into();
        }
    };
    // On a worker, which has the large stack; the main thread has whatever the system gave it.
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn_on(cli.execute(), runtime.handle());
    let exit = runtime.block_on(tasks.join_next());
    // What is still running is abandoned clients of a silent peer; they are not waited for.
    runtime.shutdown_background();
    match exit {
        Some(Ok(exit)) => exit.into(),
        _ => Exit::Internal.into(),
    }
}
