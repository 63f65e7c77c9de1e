//! Where things are: the project's root, its target folder, and what is built into them.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Done, Failure};

/// The target triple of the module that ships.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The folder with the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    // `cargo run` sets the variable; the compiled-in path serves a binary that is started by hand.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), Path::to_path_buf)
}

/// Cargo's target folder, which also holds installed tools, stamps and logs.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The package that `pack` builds for npm.
pub fn package() -> PathBuf {
    root().join("pkg")
}

/// An executable that cargo built, by profile folder and name.
pub fn built(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// The text of a file; the failure names the file.
pub fn read(path: &Path) -> Done<String> {
    std::fs::read_to_string(path).map_err(Failure::at(path))
}

/// Writes a file, with the folders it lies in.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Done {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    }
    std::fs::write(path, content).map_err(Failure::at(path))
}

/// The files straight inside a folder whose names end in `suffix`, sorted; none where the folder is missing.
pub fn files_in(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    files
}

/// Every file below a folder, sorted; none where the folder is missing.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file's name without folders, as text.
pub fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
