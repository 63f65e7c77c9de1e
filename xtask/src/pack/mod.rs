//! `pack`: builds the npm package, checks it, and puts it into `pkg/`.
//!
//! Nothing happens when neither the inputs nor the package changed, so that every word which needs the package may ask for it.

mod glue;
mod manifest;
mod names;
mod order;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::child;
use crate::failure::{Done, Failure};
use crate::project;
use crate::say::say;
use crate::size;
use crate::stamp::{Digest, Stamp};
use crate::tools::npm;

/// The files beside the code that a package owes its users.
const COMPANIONS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// What to build, and where to put it.
struct Recipe {
    /// Cargo features, comma-separated; the shipped package has none.
    features: Option<String>,
    folder: PathBuf,
}

/// `cargo xtask pack [--features X --out DIR]`.
pub fn word(mut arguments: Arguments) -> Done {
    let features = arguments.value("--features")?;
    let out = arguments.value("--out")?;
    arguments.end()?;
    let recipe = match (features, out) {
        (None, None) => Recipe::shipped(),
        (features, Some(out)) if project::root().join(&out) != project::package() => Recipe { features, folder: project::root().join(out) },
        _ => return Err(Failure::new("a test build needs --out DIR, another one than pkg/, which holds only what ships")),
    };
    let made = recipe.make()?;
    say(format!("{} {}", if made { "packed" } else { "nothing changed in" }, shown(&recipe.folder)));
    if recipe.ships() { size::measure(&recipe.folder)?.check_ceiling() } else { Ok(()) }
}

/// The package that ships, in `pkg/`, up to date. Whether it is small enough is the business of `pack` and `size`.
pub fn package() -> Done {
    if Recipe::shipped().make()? {
        say(format!("packed {}", shown(&project::package())));
    }
    Ok(())
}

/// The shipped module before it was shrunk, with the names of its functions.
pub fn named_module() -> PathBuf {
    wasm::named(&Recipe::shipped().room())
}

impl Recipe {
    fn shipped() -> Self {
        Self { features: None, folder: project::package() }
    }

    fn ships(&self) -> bool {
        self.folder == project::package()
    }

    /// Brings the folder up to date; true if there was anything to do.
    fn make(&self) -> Done<bool> {
        npm::tools()?;
        let stamp = Stamp::at(self.room().join("package.stamp"));
        let inputs = self.inputs()?;
        if stamp.holds(&self.digest(&inputs)) {
            return Ok(false);
        }
        stamp.clear();
        let module = wasm::build(self.features.as_deref(), &self.room())?;
        let staged = self.room().join("staged");
        self.stage(&staged, &module)?;
        manifest::check(&staged)?;
        replace(&self.folder, &staged)?;
        // The inputs as they were at the start: what was edited meanwhile is not in the package.
        stamp.set(&self.digest(&inputs))?;
        Ok(true)
    }

    /// The folder below `target/` for the pieces of this recipe.
    fn room(&self) -> PathBuf {
        let name = self.features.as_deref().map_or_else(|| "plain".to_owned(), |features| features.replace([',', '/', ' '], "-"));
        let out = if self.ships() { "" } else { "-elsewhere" };
        project::target().join("pack").join(format!("{name}{out}"))
    }

    /// Everything that the package is made from.
    fn inputs(&self) -> Done<String> {
        let root = project::root();
        let mut digest = Digest::default();
        digest.add("compiler", child::capture(child::command("rustc").arg("-vV"))?.as_bytes());
        digest.add("features", self.features.as_deref().unwrap_or_default().as_bytes());
        for file in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "pkg.json", "xtask/node/package-lock.json"] {
            digest.add_file(&root.join(file));
        }
        COMPANIONS.iter().for_each(|file| digest.add_file(&root.join(file)));
        for folder in ["src", "xtask/src/pack"] {
            project::files_below(&root.join(folder)).iter().for_each(|file| digest.add_file(file));
        }
        Ok(digest.finish())
    }

    /// The inputs and the package made from them: a package that somebody changed is made again.
    fn digest(&self, inputs: &str) -> String {
        let mut digest = Digest::default();
        digest.add("inputs", inputs.as_bytes());
        digest.add("folder", self.folder.to_string_lossy().as_bytes());
        project::files_below(&self.folder).iter().for_each(|file| digest.add_file(file));
        digest.finish()
    }

    /// Lays out the package as npm will see it.
    fn stage(&self, staged: &Path, module: &wasm::Module) -> Done {
        let root = project::root();
        if staged.exists() {
            fs::remove_dir_all(staged).map_err(Failure::at(staged))?;
        }
        fs::create_dir_all(staged).map_err(Failure::at(staged))?;
        copy(&root.join("pkg.json"), &staged.join("package.json"))?;
        COMPANIONS.iter().try_for_each(|file| copy(&root.join(file), &staged.join(file)))?;
        for file in [&module.glue, &module.wasm] {
            copy(file, &staged.join(project::name_of(file)))?;
        }
        let facade = root.join("src/js");
        for file in [project::files_in(&facade, ".js"), project::files_in(&facade, ".d.ts")].concat() {
            let target = staged.join(project::name_of(&file));
            if target.exists() {
                return Err(Failure::new(format!("{} has the name of a file that wasm-bindgen makes", file.display())));
            }
            copy(&file, &target)?;
        }
        Ok(())
    }
}

/// Puts the staged package in place of the old one; somebody who reads the folder meanwhile sees one of the two, not a mixture.
fn replace(folder: &Path, staged: &Path) -> Done {
    if folder.exists() {
        if !folder.join("package.json").is_file() {
            return Err(Failure::new(format!("{} exists and is no package: not replaced", folder.display())));
        }
        fs::remove_dir_all(folder).map_err(Failure::at(folder))?;
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(Failure::at(parent))?;
    }
    // A rename fails across file systems; `--out` may point to another one.
    if fs::rename(staged, folder).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    project::files_below(staged).iter().try_for_each(|file| copy(file, &folder.join(project::name_of(file))))
}

fn shown(folder: &Path) -> std::path::Display<'_> {
    folder.strip_prefix(project::root()).unwrap_or(folder).display()
}

fn copy(from: &Path, to: &Path) -> Done {
    fs::copy(from, to).map(drop).map_err(Failure::at(from))
}
