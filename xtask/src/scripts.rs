//! The Node scripts below `tests/`: what they need is made first, and the environment tells them where it is.

use std::path::Path;
use std::process::Command;

use crate::child;
use crate::failure::Done;
use crate::pack;
use crate::project;
use crate::server;
use crate::tools::browser::{self, Browser};
use crate::tools::npm;

/// All that a script may use, ready.
pub struct Stage {
    browser: Browser,
}

impl Stage {
    /// Makes the tools, the package and the server ready.
    pub fn ready() -> Done<Self> {
        npm::tools()?;
        let browser = browser::browser()?;
        pack::package()?;
        server::build()?;
        Ok(Self { browser })
    }

    /// A script about to run, in the folder that the caller is in, so that paths among its arguments mean what they say.
    pub fn script(&self, script: &Path) -> Command {
        let root = project::root();
        let mut command = Command::new("node");
        command.arg(root.join(script));
        command.env("SYNCLINE_SERVER", server::program());
        command.env("SYNCLINE_PKG", project::package());
        command.env("SYNCLINE_WWW", root.join("www"));
        command.env("CHROME", &self.browser.chrome);
        command
    }

    /// Runs a script with our own input and output.
    pub fn run(&self, script: &Path, arguments: &[String]) -> Done {
        child::run(self.script(script).args(arguments))
    }
}
