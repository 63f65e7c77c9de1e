//! The reference server: `syncline::authority` over SQLite and HTTP, with the demo's files beside it.
//!
//! It trusts the header `syncline-scope` to name the user. With `--token` it asks for one secret that all its users
//! share; whoever needs more puts it behind something that knows who is asking and sets the header.

mod arguments;
mod control;
mod data;
mod faults;
mod files;
mod http;
mod listen;
mod sqlite;
mod tables;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use syncline::authority::{AcceptAll, Authority, Limits, RefuseMarked};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, USAGE};
use crate::data::{AppRules, Data};
use crate::faults::{Counters, Faults};
use crate::http::Server;
use crate::sqlite::SqliteStore;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("syncline-server: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("syncline-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(older) = &arguments.copy_from {
        SqliteStore::restore(&arguments.db, older, &generation(&arguments)?)?;
    }
    let store = SqliteStore::open(&arguments.db, &generation(&arguments)?, arguments.keep_values)?;
    let authority = Arc::new(authority(&arguments));
    let (data, writer) = Data::start(store, &arguments.db, authority.clone());
    let runtime = Runtime::new()?;
    let served = runtime.block_on(serve(arguments, authority, data));
    // The runtime's tasks hold the data; when the last one is gone the writer closes the file.
    runtime.shutdown_timeout(Duration::from_secs(2));
    if writer.join().is_err() {
        return Err("the writing thread failed".into());
    }
    Ok(served?)
}

fn authority(arguments: &Arguments) -> Authority<AppRules> {
    let defaults = Limits::default();
    let limits = Limits {
        request_bytes: arguments.request_bytes.unwrap_or(defaults.request_bytes),
        entry_bytes: arguments.entry_bytes.unwrap_or(defaults.entry_bytes),
        changes_per_pull: arguments.page_changes.unwrap_or(defaults.changes_per_pull),
        ..defaults
    };
    let rules: AppRules = if arguments.reject_marked { Box::new(RefuseMarked) } else { Box::new(AcceptAll) };
    Authority { limits, rules, outcomes_kept: arguments.keep_outcomes }
}

/// The name of a life that may begin: eight hexadecimal digits that no other life of any data has.
fn generation(arguments: &Arguments) -> Result<String, getrandom::Error> {
    if let Some(given) = &arguments.generation {
        return Ok(given.clone());
    }
    let mut bits = [0; 4];
    getrandom::fill(&mut bits)?;
    Ok(format!("{:08x}", u32::from_be_bytes(bits)))
}

async fn serve(arguments: Arguments, authority: Arc<Authority<AppRules>>, data: Data) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let server = Arc::new(Server {
        authority,
        data: Arc::new(data),
        faults: Faults::new(arguments.faults, arguments.seed),
        counters: Counters::default(),
        token: arguments.token,
    });
    let mut router = Router::new().nest("/sync", http::routes(server.clone(), &arguments.allow_origin));
    if arguments.test_control {
        router = router.nest("/test", control::routes(server));
    }
    router = router.merge(files::routes(arguments.www.as_deref(), arguments.package.as_deref()));

    listen::serve(listener, router, async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end_of_stdin(), if arguments.stop_with_stdin => {}
        }
    })
    .await;
    Ok(())
}

/// Whoever started this server holds the other end of the pipe; when they are gone, nobody needs it.
async fn end_of_stdin() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        // Nobody listens where the server was told to stop in another way.
        tell.send(()).unwrap_or_default();
    });
    drop(told.await);
}
