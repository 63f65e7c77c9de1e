//! Chromium and its driver: from the environment, from the PATH, or from Debian's packages.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{install, major, on_path, version_in};
use crate::child;
use crate::failure::{Done, Failure};

/// A browser and the WebDriver server that fits it.
pub struct Browser {
    pub chrome: PathBuf,
    pub driver: PathBuf,
}

/// What keeps a headless Chromium quiet: no calls home, no first-run pages, and TCP only, which the fault injection can cut.
const FLAGS: [&str; 7] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Finds the browser and its driver, or installs both where that is possible, or says in one line what to install.
pub fn browser() -> Done<Browser> {
    let (mut chrome, mut driver) = (chrome()?, driver()?);
    if (chrome.is_none() || driver.is_none()) && is_root() && on_path("apt-get").is_some() {
        let mut apt = child::command("sh");
        apt.args(["-c", "apt-get update -q && apt-get install -q -y --no-install-recommends chromium chromium-driver"]);
        install("chromium and chromium-driver", apt.env("DEBIAN_FRONTEND", "noninteractive"))?;
        (chrome, driver) = (self::chrome()?, self::driver()?);
    }
    let (Some(chrome), Some(driver)) = (chrome, driver) else {
        return Err(Failure::new(
            "Chromium or chromedriver is missing: install both (Debian: apt-get install chromium chromium-driver), or name them in CHROME and CHROMEDRIVER",
        ));
    };
    let found = Browser { chrome, driver };
    fits(&found)?;
    Ok(found)
}

impl Browser {
    /// The capabilities file that wasm-bindgen's test runner reads.
    pub fn capabilities(&self) -> String {
        let mut flags: Vec<&str> = FLAGS.to_vec();
        // Chromium refuses to sandbox a browser that root started.
        if is_root() {
            flags.push("--no-sandbox");
        }
        json!({ "goog:chromeOptions": { "binary": self.chrome, "args": flags } }).to_string()
    }
}

fn chrome() -> Done<Option<PathBuf>> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    Ok(named_in("CHROME")?.or_else(|| names.into_iter().find_map(on_path)))
}

fn driver() -> Done<Option<PathBuf>> {
    Ok(named_in("CHROMEDRIVER")?.or_else(|| on_path("chromedriver")))
}

/// A variable that names nothing is an error: using another browser than the one asked for would be a silent change.
fn named_in(variable: &str) -> Done<Option<PathBuf>> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(path) if !path.is_file() => Err(Failure::new(format!("{variable} names {}, which is no file", path.display()))),
        named => Ok(named),
    }
}

/// A driver only speaks to the browser of its own major version, and says so in a way that is hard to read.
fn fits(browser: &Browser) -> Done {
    let version = |program: &Path| -> Done<String> {
        child::ask(child::command(program).arg("--version"))
            .as_deref()
            .and_then(version_in)
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("{} does not tell its version", program.display())))
    };
    let (chrome, driver) = (version(&browser.chrome)?, version(&browser.driver)?);
    if major(&chrome) == major(&driver) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is {chrome}, but {} is {driver}: their major versions must be equal",
        browser.chrome.display(),
        browser.driver.display()
    )))
}

fn is_root() -> bool {
    child::ask(child::command("id").arg("-u")).as_deref() == Some("0")
}
