//! The reference server as a child process: built, started, and stopped in its own order.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child;
use crate::failure::{Done, Failure};
use crate::project;

/// How long the server may take to say that it listens, and to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// Builds the server as it is deployed.
pub fn build() -> Done {
    child::run(child::cargo().args(["build", "--quiet", "--release", "--package", "syncline-server"]))
}

/// The built server.
pub fn program() -> PathBuf {
    project::built("release", "syncline-server")
}

/// The server on a free local port, with this database file, serving the demo and the package. It refuses what is marked to be
/// refused, so that the demo can show that.
pub fn command(database: &Path) -> Command {
    let mut command = child::command(program());
    command.arg("--db").arg(database).args(["--listen", "127.0.0.1:0", "--static", "www", "--package", "pkg", "--reject-marked"]);
    command
}

/// A server that runs until it is stopped or dropped.
pub struct Server {
    process: Child,
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub address: String,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub fn start(database: &Path) -> Done<Self> {
        // The server ends with its standard input, so also when we are killed.
        let mut command = command(database);
        command.arg("--stop-with-stdin").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| child::could_not_start(&command, &error))?;
        let (said, heard) = mpsc::channel();
        if let Some(output) = process.stdout.take() {
            // The thread reads to the end, so that the server never waits for somebody to take its output.
            thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(said.send(line))));
        }
        let mut server = Self { process, address: String::new() };
        let line = heard.recv_timeout(PATIENCE).map_err(|_| Failure::new("the server did not say where it listens"))?;
        server.address =
            address_in(&line).ok_or_else(|| Failure::new(format!("the server's first line is no address: {line}")))?.to_owned();
        Ok(server)
    }

    /// Asks the server to end, and fails unless it does so by itself and in peace.
    pub fn stop(mut self) -> Done {
        drop(self.process.stdin.take());
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            match self.process.try_wait().map_err(|error| Failure::new(format!("waiting for the server: {error}")))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::new(format!("the server ended with {status}"))),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(Failure::new(format!("the server went on for {} s after it was asked to stop", PATIENCE.as_secs())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a stop there is nothing left to kill, and both calls say so.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn address_in(line: &str) -> Option<&str> {
    line.strip_prefix("listening ").map(str::trim).filter(|address| address.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_the_first_line() {
        assert_eq!(address_in("listening http://127.0.0.1:40123"), Some("http://127.0.0.1:40123"));
        assert_eq!(address_in("error: address in use"), None);
        assert_eq!(address_in("listening soon"), None);
    }
}
