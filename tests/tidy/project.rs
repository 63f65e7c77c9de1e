//! What holds between files: versions, the README's commands, the size of the JavaScript half, the lints that are on.

use crate::assert_tidy;
use crate::files::{File, all, read};

const JS_BYTES_MAX: usize = 106 << 10;
const COMMANDS: [&str; 2] = ["cargo xtask demo", "cargo xtask test"];

/// The version in a manifest, TOML or JSON: the first line that gives one.
fn version(manifest: &str) -> Option<&str> {
    let given = |line| ["version = ", "\"version\": "].into_iter().find_map(|name| str::strip_prefix(line, name));
    manifest.lines().find_map(|line| given(line.trim())?.trim_end_matches(',').strip_prefix('"')?.strip_suffix('"'))
}

fn versions(cargo: &str, npm: &str) -> Option<String> {
    let (cargo, npm) = (version(cargo), version(npm));
    (cargo.is_none() || cargo != npm).then(|| format!("Cargo.toml says version {cargo:?}, pkg.json {npm:?}"))
}

fn commands(readme: &str) -> Vec<String> {
    let missing = COMMANDS.iter().filter(|command| !readme.contains(**command));
    missing.map(|command| format!("README.md does not name `{command}`")).collect()
}

/// What a page downloads of `src/js`, before anything makes it smaller.
fn javascript(files: &[File]) -> Option<String> {
    let shipped = files.iter().filter(|file| file.path.starts_with("src/js/") && file.path.ends_with(".js"));
    let bytes: usize = shipped.map(|file| file.text.len()).sum();
    (bytes == 0 || bytes > JS_BYTES_MAX).then(|| format!("src/js has {bytes} bytes; at most {JS_BYTES_MAX}, and more than none"))
}

/// Lints that `Cargo.toml` must deny, because `clippy.toml` says what they are about.
fn lints(cargo: &str) -> Vec<String> {
    let section = cargo.split("[lints.clippy]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    let denied = |lint: &&str| section.lines().any(|line| line.trim() == format!("{lint} = \"deny\""));
    let missing = ["disallowed_methods", "disallowed_types"].into_iter().filter(|lint| !denied(lint));
    missing.map(|lint| format!("Cargo.toml does not deny clippy::{lint}")).collect()
}

#[test]
fn both_manifests_have_one_version() {
    assert_tidy(versions(&read("Cargo.toml"), &read("pkg.json")));
}

#[test]
fn the_readme_names_both_commands() {
    assert_tidy(commands(&read("README.md")));
}

#[test]
fn the_javascript_half_stays_small() {
    assert_tidy(javascript(all()));
}

#[test]
fn what_clippy_toml_disallows_is_denied() {
    assert_tidy(lints(&read("Cargo.toml")));
}

#[test]
fn different_versions_are_noticed() {
    let cargo = "[package]\nname = \"x\"\nversion = \"1.2.3\"\n[dependencies]\ny = { version = \"9\" }";
    assert_eq!(versions(cargo, "{\n  \"version\": \"1.2.3\",\n}"), None);
    assert!(versions(cargo, "{\n  \"version\": \"1.2.4\"\n}").is_some());
    assert!(versions("", "{}").is_some());
}

#[test]
fn a_command_that_the_readme_lacks_is_noticed() {
    assert_eq!(commands("Run `cargo xtask demo`.").len(), 1);
    assert_eq!(commands("    cargo xtask demo\n    cargo xtask test\n"), Vec::<String>::new());
}

#[test]
fn javascript_that_grew_is_noticed() {
    let file = |path: &str, bytes| File { path: path.into(), text: "x".repeat(bytes) };
    assert!(javascript(&[file("src/js/a.js", JS_BYTES_MAX), file("src/js/b.js", 1)]).is_some());
    assert!(javascript(&[file("src/js/a.js", JS_BYTES_MAX), file("src/js/a.d.ts", 1), file("www/c.js", 1)]).is_none());
    assert!(javascript(&[]).is_some());
}

#[test]
fn a_lint_that_is_off_is_noticed() {
    let both = "[lints.clippy]\ndisallowed_methods = \"deny\"\ndisallowed_types = \"deny\"\n\n[profile.wasm]";
    assert_eq!(lints(both), Vec::<String>::new());
    assert_eq!(lints(&both.replace("types = \"deny\"", "types = \"warn\"")).len(), 1);
    assert_eq!(lints("[lints.rust]\ndisallowed_types = \"deny\"").len(), 2);
}
