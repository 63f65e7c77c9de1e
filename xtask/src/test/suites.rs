//! The suites, in the order in which they run: what is cheap and tells most comes first.

use std::path::{Path, PathBuf};

use super::transcript::{CargoTests, Script};
use super::trial::Trial;
use crate::arguments::Arguments;
use crate::child;
use crate::crash;
use crate::demo;
use crate::failure::Done;
use crate::pack;
use crate::project::{self, WASM_TARGET};
use crate::replay;
use crate::scripts::Stage;
use crate::sim;
use crate::size;
use crate::tools::{browser, npm, rust};

/// A suite.
pub struct Suite {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn(&mut Trial) -> Done,
}

/// Two lanes, that run side by side; the suites of each run one after the other. Much of a run is one compiler at work, or a browser
/// that waits. The first lane has the tests that cargo builds, the second those that need the package and the server, and neither waits
/// for what the other one builds.
pub const LANES: [&[Suite]; 2] = [
    &[
        Suite { name: "format", about: "rustfmt", run: format },
        Suite { name: "clippy", about: "lints, native and wasm", run: clippy },
        Suite { name: "native", about: "tests of all crates, and their doc tests", run: native },
        Suite { name: "sim", about: "a slice of the simulator: the laws hold, the planted bugs are caught", run: simulation },
        Suite { name: "facade", about: "the JavaScript half, on a stand-in for the module", run: facade },
        Suite { name: "browser", about: "wasm-pack tests in headless Chromium", run: in_browser },
    ],
    &[
        Suite { name: "pack", about: "the npm package", run: packing },
        Suite { name: "size", about: "what a user downloads", run: sizes },
        Suite { name: "package", about: "the package as its users see it", run: package },
        Suite { name: "e2e", about: "real browser, real server, real faults", run: end_to_end },
        Suite { name: "demo", about: "the demo page, once through", run: demonstration },
        Suite { name: "crash", about: "a few kills of real browsers under load", run: crashing },
        Suite { name: "replay", about: "slices of editing sessions, recorded and made up", run: replaying },
    ],
];

/// The features that every native build of a test run shares, so that nothing is built twice.
const FEATURES: [&str; 2] = ["--features", "sim"];

fn format(trial: &mut Trial) -> Done {
    rust::checkers()?;
    trial.check("format", child::cargo().args(["fmt", "--all", "--check"]));
    Ok(())
}

fn clippy(trial: &mut Trial) -> Done {
    rust::checkers()?;
    rust::wasm_target()?;
    const DENY: [&str; 3] = ["--", "-D", "warnings"];
    if trial.wants("native") {
        trial.check("native", child::cargo().args(["clippy", "--quiet", "--workspace", "--all-targets"]).args(FEATURES).args(DENY));
    }
    if trial.wants("wasm") {
        let mut cargo = child::cargo();
        cargo.args(["clippy", "--quiet", "--target", WASM_TARGET, "--lib", "--tests", "--features", "planted"]);
        trial.check("wasm", cargo.args(DENY));
    }
    Ok(())
}

fn native(trial: &mut Trial) -> Done {
    let mut cargo = child::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]).args(FEATURES).args(["--", "--show-output"]);
    trial.tests("native", &mut cargo, &mut CargoTests::default());
    Ok(())
}

fn simulation(trial: &mut Trial) -> Done {
    if trial.wants("laws") {
        trial.check("laws", sim::command().args(["--runs", "1000", "--seed", "1"]));
    }
    if trial.wants("wasm") {
        trial.step("wasm", || sim::compare("20", "1"));
    }
    if trial.wants("bugs") {
        trial.check("bugs", sim::command().args(["--bug", "ALL", "--runs", "2000", "--seed", "1"]));
    }
    Ok(())
}

fn facade(trial: &mut Trial) -> Done {
    npm::tools()?;
    if trial.wants("facade") {
        trial.tests("facade", child::command("node").arg("tests/facade/run.mjs"), &mut Script::new("facade"));
    }
    if trial.wants("stream") {
        trial.check("stream", sim::command().args(["--facade", "20"]));
        trial.check("stream-broken", sim::command().args(["--facade", "5", "--broken"]));
    }
    Ok(())
}

fn in_browser(trial: &mut Trial) -> Done {
    rust::wasm_target()?;
    let pack = rust::wasm_pack()?;
    let bindgen = rust::wasm_bindgen()?;
    let browser = browser::browser()?;
    let capabilities = project::target().join("test/webdriver.json");
    project::write(&capabilities, browser.capabilities())?;
    for file in project::files_in(&project::root().join("tests"), ".rs") {
        let name = stem(&file);
        if !name.starts_with("browser") || !trial.wants(&name) {
            continue;
        }
        let mut wasm_pack = child::command(&pack);
        wasm_pack.args(["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"]).arg(&browser.driver);
        // With the bugs that can be planted in the shell: each test that guards against one is seen to fail over it.
        wasm_pack.args([".", "--test", &name, "--features", "planted"]);
        // wasm-pack looks for wasm-bindgen on the PATH; the runner beside it reads the other variables.
        wasm_pack.env("PATH", with_folder_of(&bindgen));
        wasm_pack.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &capabilities);
        wasm_pack.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60").env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        trial.tests(&name, &mut wasm_pack, &mut CargoTests::default());
    }
    Ok(())
}

fn packing(trial: &mut Trial) -> Done {
    trial.step("pack", || pack::word(Arguments::new([])));
    Ok(())
}

fn sizes(trial: &mut Trial) -> Done {
    trial.step("size", size::watch);
    Ok(())
}

fn package(trial: &mut Trial) -> Done {
    npm::tools()?;
    scripts(trial, Path::new("tests/package"), &[])
}

fn end_to_end(trial: &mut Trial) -> Done {
    let others = [stem(&demo::check_script()), stem(Path::new(replay::SCRIPT)), stem(Path::new(crash::SCRIPT))];
    scripts(trial, Path::new("tests/e2e"), &others.each_ref().map(String::as_str))
}

/// Runs the scripts of a folder one by one, those of its subfolders excepted: they are what the scripts import.
fn scripts(trial: &mut Trial, folder: &Path, except: &[&str]) -> Done {
    let stage = Stage::ready()?;
    for file in project::files_in(&project::root().join(folder), ".mjs") {
        let name = stem(&file);
        if !except.contains(&name.as_str()) && trial.wants(&name) {
            trial.tests(&name, &mut stage.script(&file), &mut Script::new(&name));
        }
    }
    Ok(())
}

fn demonstration(trial: &mut Trial) -> Done {
    let stage = Stage::ready()?;
    let script = demo::check_script();
    demo::with_server(|address| {
        trial.tests("demo", stage.script(&script).env("SYNCLINE_URL", address), &mut Script::new("demo"));
        Ok(())
    })
}

fn replaying(trial: &mut Trial) -> Done {
    let stage = Stage::ready()?;
    let slices: [(&str, &[&str]); 3] = [
        ("recorded", &["--slice", "1500"]),
        ("astral", &["--seed", "1", "--slice", "1500", "--astral"]),
        ("together", &["--together", "--slice", "1500"]),
    ];
    for (unit, arguments) in slices {
        if trial.wants(unit) {
            trial.check(unit, stage.script(Path::new(replay::SCRIPT)).args(arguments));
        }
    }
    Ok(())
}

fn crashing(trial: &mut Trial) -> Done {
    let mut script = Stage::ready()?.script(Path::new(crash::SCRIPT));
    trial.tests("crash", script.args(["--kills", "6", "--resets", "1", "--mirror", "await"]), &mut Script::new("crash"));
    Ok(())
}

/// The PATH with a program's folder in front.
fn with_folder_of(program: &Path) -> std::ffi::OsString {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let first = program.parent().map(Path::to_path_buf);
    // Joining fails only where a folder holds the separator, and then it could not have been on the PATH.
    std::env::join_paths(first.into_iter().chain(std::env::split_paths(&folders))).unwrap_or(folders)
}

fn stem(file: &Path) -> String {
    PathBuf::from(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
