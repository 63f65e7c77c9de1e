//! `pack`: builds the npm package, checks it, and puts it into `pkg/`.
//!
//! Nothing happens when neither the inputs nor the package changed, so that every word which needs the package may ask for it.

mod manifest;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::child;
use crate::failure::{Done, Failure};
use crate::project;
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
        (features, Some(out)) => Recipe { features, folder: project::root().join(out) },
        (Some(_), None) => return Err(Failure::new("--features needs --out DIR: pkg/ holds only what ships")),
    };
    recipe.make()?;
    if recipe.ships() { size::measure(&recipe.folder)?.check() } else { Ok(()) }
}

/// The package that ships, in `pkg/`, up to date. Whether it is small enough is the business of `pack` and `size`.
pub fn package() -> Done {
    Recipe::shipped().make()
}

impl Recipe {
    fn shipped() -> Self {
        Self { features: None, folder: project::package() }
    }

    fn ships(&self) -> bool {
        self.folder == project::package()
    }

    fn make(&self) -> Done {
        npm::tools()?;
        let stamp = Stamp::at(self.room().join("package.stamp"));
        if self.folder.is_dir() && stamp.holds(&self.digest()?) {
            return Ok(());
        }
        stamp.clear();
        let module = wasm::build(self.features.as_deref(), &self.room())?;
        let staged = self.room().join("staged");
        self.stage(&staged, &module)?;
        manifest::check(&staged)?;
        replace(&self.folder, &staged)?;
        println!("packed {}", self.folder.strip_prefix(project::root()).unwrap_or(&self.folder).display());
        stamp.set(&self.digest()?)
    }

    /// The folder below `target/` for the pieces of this recipe.
    fn room(&self) -> PathBuf {
        let name = self.features.as_deref().map_or_else(|| "plain".to_owned(), |features| features.replace([',', '/', ' '], "-"));
        let out = if self.ships() { "" } else { "-elsewhere" };
        project::target().join("pack").join(format!("{name}{out}"))
    }

    /// Everything that the package is made from, and the package itself.
    fn digest(&self) -> Done<String> {
        let root = project::root();
        let mut digest = Digest::default();
        digest.add("compiler", child::capture(child::command("rustc").arg("-vV"))?.as_bytes());
        digest.add("features", self.features.as_deref().unwrap_or_default().as_bytes());
        digest.add("folder", self.folder.to_string_lossy().as_bytes());
        for file in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "pkg.json", "xtask/node/package-lock.json", "xtask/node/measure.mjs"]
        {
            digest.add_file(&root.join(file));
        }
        COMPANIONS.iter().for_each(|file| digest.add_file(&root.join(file)));
        for folder in [&root.join("src"), &root.join("xtask/src/pack"), &self.folder] {
            project::files_below(folder).iter().for_each(|file| digest.add_file(file));
        }
        Ok(digest.finish())
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

fn copy(from: &Path, to: &Path) -> Done {
    fs::copy(from, to).map(drop).map_err(Failure::at(from))
}
