//! The simulator as a program of its own: `cargo xtask sim` builds it optimised and runs it.

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    syncline::sim::cli::run(&arguments)
}
