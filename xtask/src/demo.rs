//! `demo`: two clients side by side in a page, against the real server.

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::child;
use crate::failure::{Done, Failure};
use crate::pack;
use crate::project;
use crate::scripts::Stage;
use crate::server::{self, Server};

/// The script that loads the page in a real browser; `SYNCLINE_URL` tells it where.
const CHECK: &str = "tests/e2e/demo_check.mjs";

/// `cargo xtask demo [--db FILE] [--check]`.
pub fn word(mut arguments: Arguments) -> Done {
    let database = arguments.value("--db")?;
    let check = arguments.flag("--check");
    arguments.end()?;
    if check {
        if database.is_some() {
            return Err(Failure::new("--check starts from an empty database: leave --db out"));
        }
        let stage = Stage::ready()?;
        return with_server(|address| child::run(stage.script(Path::new(CHECK)).env("SYNCLINE_URL", address)));
    }
    pack::package()?;
    server::build()?;
    let database = match database {
        Some(file) => std::path::absolute(&file).map_err(Failure::at(Path::new(&file)))?,
        None => empty_database("demo")?,
    };
    println!("the server prints its address; open it in a browser. Ctrl-C stops it.");
    become_server(&database)
}

/// Runs something against a server with an empty database, and stops the server afterwards.
pub fn with_server(job: impl FnOnce(&str) -> Done) -> Done {
    let database = empty_database(&format!("check-{}", std::process::id()))?;
    let server = Server::start(&database)?;
    let result = job(&server.address);
    let stopped = server.stop();
    remove(&database)?;
    result.and(stopped)
}

/// The script behind `demo --check`, for the test suites.
pub fn check_script() -> PathBuf {
    PathBuf::from(CHECK)
}

/// On Unix the server takes our place, so that Ctrl-C and signals reach it directly and it ends in its own order.
fn become_server(database: &Path) -> Done {
    let mut command = server::command(database);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = command.exec();
        Err(child::could_not_start(&command, &error))
    }
    #[cfg(not(unix))]
    child::run(&mut command)
}

fn empty_database(name: &str) -> Done<PathBuf> {
    let folder = project::target().join("demo");
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let database = folder.join(format!("{name}.sqlite"));
    remove(&database)?;
    Ok(database)
}

/// Removes a database with the journals that SQLite keeps beside it.
fn remove(database: &Path) -> Done {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = PathBuf::from(format!("{}{suffix}", database.display()));
        if file.exists() {
            fs::remove_file(&file).map_err(Failure::at(&file))?;
        }
    }
    Ok(())
}
