//! The npm manifest is kept by hand, so it is checked: against Cargo.toml, against the files, and against npm itself.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::child;
use crate::failure::{Done, Failure};
use crate::project;

/// Fails where the staged package is not what its manifest says, or not what npm would publish.
pub fn check(staged: &Path) -> Done {
    let manifest = parse(&project::read(&staged.join("package.json"))?)?;
    same_version(&manifest, &project::read(&project::root().join("Cargo.toml"))?)?;
    let present: BTreeSet<String> =
        project::files_below(staged).iter().map(|file| file.strip_prefix(staged).unwrap_or(file).to_string_lossy().into_owned()).collect();
    all_present(&manifest, &present)?;
    let listing = child::capture(child::command("npm").args(["pack", "--dry-run", "--json"]).current_dir(staged))?;
    published(&present, &listing)
}

fn parse(text: &str) -> Done<Value> {
    serde_json::from_str(text).map_err(|error| Failure::new(format!("pkg.json: {error}")))
}

fn same_version(manifest: &Value, cargo: &str) -> Done {
    let npm = manifest["version"].as_str().unwrap_or("none");
    let crate_version = package_version(cargo).unwrap_or("none");
    if npm == crate_version {
        return Ok(());
    }
    Err(Failure::new(format!("the versions differ: {npm} in pkg.json, {crate_version} in Cargo.toml")))
}

/// The version in the `[package]` table of a Cargo.toml.
fn package_version(cargo: &str) -> Option<&str> {
    let table = cargo.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1).take_while(|line| !line.starts_with('['));
    table
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == "version")
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// Each pattern of `files` names something, each target of `exports` and `types` exists, and no ignore file lies about.
fn all_present(manifest: &Value, present: &BTreeSet<String>) -> Done {
    let patterns = manifest["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    for pattern in patterns.iter().filter_map(Value::as_str) {
        if !present.iter().any(|file| matches(pattern, file)) {
            return Err(Failure::new(format!("pkg.json lists {pattern} in \"files\", and there is no such file")));
        }
    }
    let mut targets = Vec::new();
    ["exports", "types", "main", "module", "browser"].iter().for_each(|field| leaves(&manifest[field], &mut targets));
    for target in targets {
        if !present.contains(target.trim_start_matches("./")) {
            return Err(Failure::new(format!("pkg.json points to {target}, and there is no such file")));
        }
    }
    match present.iter().find(|file| file.ends_with(".gitignore") || file.ends_with(".npmignore")) {
        Some(file) => Err(Failure::new(format!("{file} in the package: npm would leave out what it names"))),
        None => Ok(()),
    }
}

/// Fails unless npm would publish exactly the files that are there.
fn published(present: &BTreeSet<String>, listing: &str) -> Done {
    let listing: Value = serde_json::from_str(listing).map_err(|error| Failure::new(format!("npm pack --json: {error}")))?;
    let files = listing[0]["files"].as_array().ok_or_else(|| Failure::new("npm pack --json lists no files"))?;
    let listed: BTreeSet<String> = files.iter().filter_map(|file| file["path"].as_str()).map(str::to_owned).collect();
    if let Some(file) = present.difference(&listed).next() {
        return Err(Failure::new(format!("npm would not publish {file}: name it in \"files\" of pkg.json")));
    }
    if let Some(file) = listed.difference(present).next() {
        return Err(Failure::new(format!("npm would publish {file}, which pack did not put there")));
    }
    Ok(())
}

/// A pattern of the `files` list; `*` stands for any characters.
fn matches(pattern: &str, file: &str) -> bool {
    match pattern.trim_start_matches("./").split_once('*') {
        Some((start, end)) => file.len() >= start.len() + end.len() && file.starts_with(start) && file.ends_with(end),
        None => file == pattern.trim_start_matches("./"),
    }
}

/// Every text at the end of a nested `exports` object.
fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CARGO: &str =
        "[workspace]\nversion = \"9.9.9\"\n\n[package]\nname = \"a\"\nversion = \"0.1.0\"\n[dependencies]\nb = { version = \"3\" }\n";

    fn files(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_version_is_that_of_the_package_table() {
        assert_eq!(package_version(CARGO), Some("0.1.0"));
        assert_eq!(package_version("[dependencies]\nversion = \"1\"\n"), None);
    }

    #[test]
    fn another_version_is_refused() {
        assert!(same_version(&json!({ "version": "0.1.0" }), CARGO).is_ok());
        assert!(same_version(&json!({ "version": "0.1.1" }), CARGO).is_err());
        assert!(same_version(&json!({}), CARGO).is_err());
    }

    #[test]
    fn what_the_manifest_names_must_exist() {
        let manifest = json!({ "files": ["*.js"], "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" } } });
        assert!(all_present(&manifest, &files(&["index.js", "index.d.ts"])).is_ok());
        assert!(all_present(&manifest, &files(&["index.js"])).is_err());
        assert!(all_present(&manifest, &files(&["index.d.ts"])).is_err());
        assert!(all_present(&manifest, &files(&["index.js", "index.d.ts", ".gitignore"])).is_err());
    }

    #[test]
    fn npm_must_publish_exactly_what_is_there() {
        let listing = json!([{ "files": [{ "path": "index.js" }, { "path": "package.json" }] }]).to_string();
        assert!(published(&files(&["index.js", "package.json"]), &listing).is_ok());
        assert!(published(&files(&["index.js", "package.json", "extra.js"]), &listing).is_err());
        assert!(published(&files(&["index.js"]), &listing).is_err());
        assert!(published(&files(&[]), "{}").is_err());
    }

    #[test]
    fn patterns_match_as_a_shell_would() {
        assert!(matches("*.js", "index.js") && matches("./index.js", "index.js") && matches("a*c", "abc"));
        assert!(!matches("*.js", "index.d.ts") && !matches("aa*aa", "aaa"));
    }
}
