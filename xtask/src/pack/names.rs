//! Short names for what module and glue exchange: wasm-bindgen's carry hashes and whole types, and gzip cannot share those.
//!
//! wasm-opt renames them in the module and says how; here the glue follows. Whatever does not fit exactly is a failure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::{Done, Failure};

/// What wasm-opt shortened.
pub struct Names {
    /// From the old name to the new one.
    imports: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
    /// The name that wasm-bindgen gave to the place where imports come from.
    module: String,
}

/// What wasm-opt calls that place.
const MODULE: &str = "a";

/// What the glue calls the module's exports, as in `wasm.memory`.
const EXPORTS: &str = "wasm.";

impl Names {
    /// Reads what wasm-opt prints: `{ imports: [[module, old, new]], exports: [[old, new]] }`.
    pub fn read(printed: &str) -> Done<Names> {
        let strange = || Failure::new(format!("wasm-opt printed no table of names: {printed}"));
        let table: Value = serde_json::from_str(printed).map_err(|_| strange())?;
        let (mut names, mut modules) = (Names { imports: BTreeMap::new(), exports: BTreeMap::new(), module: String::new() }, Vec::new());
        for import in table["imports"].as_array().ok_or_else(strange)? {
            let (module, old, new) = (import[0].as_str(), import[1].as_str(), import[2].as_str());
            let (Some(module), Some(old), Some(new)) = (module, old, new) else { return Err(strange()) };
            modules.push(module.to_owned());
            names.imports.insert(old.to_owned(), new.to_owned());
        }
        for export in table["exports"].as_array().ok_or_else(strange)? {
            let (Some(old), Some(new)) = (export[0].as_str(), export[1].as_str()) else { return Err(strange()) };
            names.exports.insert(old.to_owned(), new.to_owned());
        }
        modules.dedup();
        match <[String; 1]>::try_from(modules) {
            Ok([module]) => Ok(Names { module, ..names }),
            Err(modules) => Err(Failure::new(format!("the module imports from {} places, the glue gives one", modules.len()))),
        }
    }

    /// The glue with the short names in place of the long ones. Fails unless each import is given exactly once, and
    /// everything that is taken from the exports is there.
    pub fn put_into(&self, glue: &str) -> Done<String> {
        let mut glue = replaced_once(glue, &format!("\"{}\":", self.module), &format!("{MODULE}:"))?;
        for (old, new) in &self.imports {
            glue = replaced_once(&glue, &format!(" {old}: "), &format!(" {new}: "))?;
        }
        let mut parts = glue.split(EXPORTS);
        let mut short = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_word = short.ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '/');
            short.push_str(EXPORTS);
            let end = part.find(|after: char| !after.is_alphanumeric() && after != '_').unwrap_or(part.len());
            let (old, rest) = part.split_at(end);
            match self.exports.get(old) {
                _ if is_word => short.push_str(old),
                Some(new) => short.push_str(new),
                None => return Err(Failure::new(format!("the glue takes `{old}` from the module, which has no such export"))),
            }
            short.push_str(rest);
        }
        Ok(short)
    }
}

pub(super) fn replaced_once(text: &str, old: &str, new: &str) -> Done<String> {
    match text.matches(old).count() {
        1 => Ok(text.replacen(old, new, 1)),
        count => Err(Failure::new(format!("the glue has `{old}` {count} times, not once"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{ "imports": [["./m_bg.js", "__wbg_now_12", "b"], ["./m_bg.js", "__wbg_now_123", "c"]],
        "exports": [["memory", "d"], ["client_put", "e"]] }"#;
    const GLUE: &str = r#"{ __wbg_now_12: f, __wbg_now_123: g }; "./m_bg.js": i; wasm.memory.buffer; (wasm.client_put()); twasm.other"#;

    #[test]
    fn the_glue_follows_the_module() {
        let short = Names::read(PRINTED).and_then(|names| names.put_into(GLUE)).ok();
        assert_eq!(short.as_deref(), Some("{ b: f, c: g }; a: i; wasm.d.buffer; (wasm.e()); twasm.other"));
    }

    #[test]
    fn what_does_not_fit_is_a_failure() {
        let names = Names::read(PRINTED).unwrap_or_else(|_| panic!("a table"));
        for (old, new) in [("__wbg_now_12: f,", ""), ("wasm.memory", "wasm.memories"), ("./m_bg", "./n_bg"), ("now_123:", "now_12:")] {
            assert!(names.put_into(&GLUE.replace(old, new)).is_err(), "{old} as {new}");
        }
    }

    #[test]
    fn a_table_is_read_whole_or_not_at_all() {
        for (old, new) in [("imports", "in"), ("exports", "out"), ("\"./m_bg.js\", \"__wbg_now_123\"", "\"n\", \"o\""), (", \"d\"", "")] {
            assert!(Names::read(&PRINTED.replace(old, new)).is_err(), "{old} as {new}");
        }
    }
}
