//! Child processes: started in the project's root, and named by their command line when they fail.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::failure::{Done, Failure};
use crate::project;

/// A command that runs in the project's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project::root());
    command
}

/// The cargo that started us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command to its end with our own input and output.
pub fn run(command: &mut Command) -> Done {
    let status = command.status().map_err(|error| could_not_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{status}: {}", shown(command)))) }
}

/// Runs a command and gives what it wrote to its standard output; what it wrote to standard error is in the failure.
pub fn capture(command: &mut Command) -> Done<String> {
    let output = command.output().map_err(|error| could_not_start(command, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("{}: {}\n{}", output.status, shown(command), said.trim_end())));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("no UTF-8 came from: {}", shown(command))))
}

/// What a program says about itself, or nothing where it can't be started: for finding out what is installed.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| {
        let argument = argument.to_string_lossy();
        if argument.contains([' ', '"', '*']) { format!("'{argument}'") } else { argument.into_owned() }
    });
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// The failure of a command that never ran.
pub fn could_not_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", command.get_program().to_string_lossy()))
}
