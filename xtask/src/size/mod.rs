//! `size`: what a user of the package downloads, in bytes, against the budget.

mod functions;

use std::path::Path;

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::child;
use crate::failure::{Done, Failure};
use crate::pack;
use crate::project;
use crate::say::say;
use crate::tools::npm;

/// The most that module and JavaScript together may weigh, gzipped, whatever they can do: 100 KB, where a KB is 1000 bytes.
const GZIP_BYTES_MAX: u64 = 100_000;

/// What a test run allows. It is more than the budget, which is not held at present: it must not get worse. Another version of
/// the compiler makes other code of the same sources, a few hundred bytes more or less.
const GZIP_BYTES_CEILING: u64 = 177_500;

/// One download, plain and compressed (gzip -9, brotli -11), in bytes.
#[derive(Clone, Copy)]
struct Bytes {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// The two downloads of a user: the module, and the JavaScript bundled and minified.
pub struct Weight {
    wasm: Bytes,
    js: Bytes,
}

/// `cargo xtask size [--functions N] [--json]`: exit code 0 only where the budget is held.
pub fn word(mut arguments: Arguments) -> Done {
    let as_json = arguments.flag("--json");
    let listed = arguments.value("--functions")?;
    arguments.end()?;
    pack::package()?;
    if let Some(count) = listed {
        list_functions(count.parse().map_err(|_| Failure::new("--functions needs a number"))?)?;
    }
    let weight = measure(&project::package())?;
    weight.print();
    if as_json {
        println!("{}", weight.json());
    }
    weight.check()
}

/// What a test run asks: the table, and that the budget is held, give or take a compiler.
pub fn watch() -> Done {
    pack::package()?;
    let weight = measure(&project::package())?;
    weight.print();
    weight.check_ceiling()
}

/// The heaviest functions of the module, as it was before wasm-opt took the names away.
fn list_functions(count: usize) -> Done {
    let path = pack::named_module();
    let module = std::fs::read(&path).map_err(Failure::at(&path))?;
    let groups = functions::heaviest(&module).ok_or_else(|| Failure::new(format!("{} is no module with names", path.display())))?;
    println!("{:>8} {:>6}  function, before wasm-opt", "bytes", "copies");
    groups.iter().take(count).for_each(|group| println!("{:>8} {:>6}  {}", group.bytes, group.copies, group.name));
    Ok(())
}

/// Weighs a built package.
pub fn measure(package: &Path) -> Done<Weight> {
    npm::tools()?;
    let printed = child::capture(child::command("node").arg("xtask/node/measure.mjs").arg(package))?;
    Weight::parse(&printed).ok_or_else(|| Failure::new(format!("measure.mjs printed {printed}")))
}

impl Weight {
    fn parse(printed: &str) -> Option<Self> {
        let sizes: Value = serde_json::from_str(printed).ok()?;
        let bytes = |of: &str| {
            let field = |name: &str| sizes[of][name].as_u64();
            Some(Bytes { raw: field("raw")?, gzip: field("gzip")?, brotli: field("brotli")? })
        };
        Some(Self { wasm: bytes("wasm")?, js: bytes("js")? })
    }

    fn total(&self) -> Bytes {
        let Self { wasm, js } = self;
        Bytes { raw: wasm.raw + js.raw, gzip: wasm.gzip + js.gzip, brotli: wasm.brotli + js.brotli }
    }

    /// Fails where the budget is exceeded.
    pub fn check(&self) -> Done {
        let gzip = self.total().gzip;
        if gzip <= GZIP_BYTES_MAX {
            return Ok(());
        }
        Err(Failure::new(format!("the download weighs {gzip} bytes gzipped, the budget is {GZIP_BYTES_MAX}")))
    }

    /// Fails where the download is heavier than a test run allows.
    pub fn check_ceiling(&self) -> Done {
        let gzip = self.total().gzip;
        if gzip > GZIP_BYTES_CEILING {
            return Err(Failure::new(format!("the download weighs {gzip} bytes gzipped, and a test run allows {GZIP_BYTES_CEILING}")));
        }
        Ok(())
    }

    /// A table, one line a download.
    pub fn print(&self) {
        say(format!("{:<6} {:>9} {:>9} {:>9}  bytes", "", "raw", "gzip", "brotli"));
        for (name, bytes) in self.rows() {
            say(format!("{name:<6} {:>9} {:>9} {:>9}", bytes.raw, bytes.gzip, bytes.brotli));
        }
        say(format!("{:<6} {:>9} {GZIP_BYTES_MAX:>9}", "budget", ""));
    }

    fn json(&self) -> Value {
        let mut object = json!({ "unit": "bytes", "budget": { "gzip": GZIP_BYTES_MAX }, "held": self.check().is_ok() });
        for (name, bytes) in self.rows() {
            object[name] = json!({ "raw": bytes.raw, "gzip": bytes.gzip, "brotli": bytes.brotli });
        }
        object
    }

    fn rows(&self) -> [(&'static str, Bytes); 3] {
        [("wasm", self.wasm), ("js", self.js), ("total", self.total())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(wasm: u64, js: u64) -> Weight {
        let bytes = |gzip| Bytes { raw: gzip * 2, gzip, brotli: gzip };
        Weight { wasm: bytes(wasm), js: bytes(js) }
    }

    #[test]
    fn the_budget_counts_module_and_javascript_together() {
        assert!(weight(GZIP_BYTES_MAX - 1, 1).check().is_ok());
        assert!(weight(GZIP_BYTES_MAX, 1).check().is_err());
        assert_eq!(weight(GZIP_BYTES_MAX, 1).json()["held"], false);
        assert_eq!(weight(3, 4).json()["total"]["gzip"], 7);
    }

    #[test]
    fn the_ceiling_holds_back_growth() {
        assert!(weight(GZIP_BYTES_CEILING - 1, 1).check_ceiling().is_ok());
        assert!(weight(GZIP_BYTES_CEILING, 1).check_ceiling().is_err());
        const { assert!(GZIP_BYTES_CEILING >= GZIP_BYTES_MAX) };
    }

    #[test]
    fn an_incomplete_measurement_is_none() {
        let row = r#"{"raw":1,"gzip":2,"brotli":3}"#;
        assert!(Weight::parse(&format!(r#"{{"wasm":{row},"js":{row}}}"#)).is_some());
        assert!(Weight::parse(&format!(r#"{{"wasm":{row}}}"#)).is_none());
        assert!(Weight::parse("").is_none());
    }
}
