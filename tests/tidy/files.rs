//! The project's files: what is written by hand, as opposed to what is built, installed or locked.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file: its path from the root of the project, with `/`, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

/// Folders of other people's files, or of files that are made.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "pkg", "results"];
/// Hidden names that are ours.
const HIDDEN: [&str; 5] = [".cargo", ".ci", ".github", ".gitignore", ".npmrc"];
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Every file of the project that is text.
pub fn all() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        walk(&root(), "", &mut files);
        assert!(files.len() > 100, "this is not the project's folder: {} files", files.len());
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    })
}

/// The files with one of these endings.
pub fn ending(endings: &[&str]) -> impl Iterator<Item = &'static File> {
    all().iter().filter(move |file| endings.iter().any(|ending| file.path.ends_with(ending)))
}

/// The text of one file.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.map(|entry| entry.expect("a folder that can be listed")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let ours = !NOT_OURS.contains(&&*name) && (!name.starts_with('.') || HIDDEN.contains(&&*name));
        if !ours || LOCKS.contains(&&*name) {
            continue;
        }
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.push(File { path, text });
        }
    }
}
