//! `cargo xtask WORD`: one word for each job of the project.

mod arguments;
mod bench;
mod child;
mod coverage;
mod crash;
mod demo;
mod failure;
mod merge;
mod module;
mod pack;
mod project;
mod replay;
mod say;
mod scripts;
mod server;
mod sim;
mod size;
mod stamp;
mod test;
mod tools;

use std::process::ExitCode;

use arguments::Arguments;
use failure::Done;

/// A word: its name, how it is typed, what it does, and the function behind it.
type Word = (&'static str, &'static str, &'static str, fn(Arguments) -> Done);

const WORDS: [Word; 10] = [
    ("demo", "[--db FILE] [--check]", "serve the demo; --check runs it once in a headless browser and ends", demo::word),
    ("test", "[SUITE[/UNIT] ...]", "everything that must pass, or only the suites named", test::word),
    ("sim", "[--runs N] [--seed S] [--bug B1|ALL] [--facade N] [--wasm N] [--json]", "the simulator", sim::word),
    ("coverage", "[--runs N] [--missing] [--json]", "lines of the engine that tests and simulator run", coverage::word),
    ("pack", "[--features X --out DIR]", "build the npm package into pkg/ and check it", pack::word),
    ("size", "[--functions N] [--json]", "bytes that a user downloads, against the budget", size::word),
    (
        "replay",
        "[FILE | --seed N | --together] [--astral] [--slice N] [--json]",
        "type a recorded editing session in a real browser",
        replay::word,
    ),
    ("crash", "[--kills N] [--resets N] [--seed S] [--mirror await] [--json]", "kill real browsers under load", crash::word),
    ("merge", "[FILE] [--json]", "recorded three-way merges of texts, beside diff-match-patch", merge::word),
    ("bench", "[--json] [--only NAME] | --sizes", "against peers, in a real browser", bench::word),
];

fn main() -> ExitCode {
    let mut typed = std::env::args().skip(1);
    let name = typed.next().unwrap_or_default();
    let Some((_, _, _, word)) = WORDS.iter().find(|(known, ..)| *known == name) else {
        let asked = matches!(name.as_str(), "--help" | "-h" | "help");
        if !asked && !name.is_empty() {
            eprintln!("no such word: {name}\n");
        }
        help();
        return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    match word(Arguments::new(typed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn help() {
    println!("cargo xtask WORD\n");
    for (name, arguments, about, _) in WORDS {
        println!("  {:<57} {about}", format!("{name} {arguments}"));
    }
    println!("\nTools that are missing are installed into target/tools and xtask/node/node_modules.");
}
