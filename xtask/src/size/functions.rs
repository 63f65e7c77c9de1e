//! Where a module's bytes go: its functions by name, with all copies of a generic one added up.

use std::collections::BTreeMap;

use crate::module::{Reader, imported_functions};

/// The functions that share a name, once hashes and type arguments are gone from it.
#[derive(Debug, PartialEq)]
pub struct Group {
    pub name: String,
    pub copies: u64,
    pub bytes: u64,
}

/// The groups of a module that still has its names, the heaviest first; `None` where the bytes are no such module.
pub fn heaviest(module: &[u8]) -> Option<Vec<Group>> {
    let mut reader = Reader::of(module)?;
    let (mut imported, mut sizes, mut names) = (0, Vec::new(), BTreeMap::new());
    while !reader.0.is_empty() {
        let kind = reader.byte()?;
        let mut section = reader.block()?;
        match kind {
            0 if section.text()? == "name" => names = function_names(section)?,
            2 => imported = imported_functions(section)?,
            10 => {
                for _ in 0..section.number()? {
                    sizes.push(section.block()?.0.len() as u64);
                }
            }
            _ => {}
        }
    }
    let mut groups: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (index, bytes) in (imported..).zip(sizes) {
        let name = names.get(&index).map_or("without a name", String::as_str);
        let group = groups.entry(without_hash(name).to_owned()).or_default();
        *group = (group.0 + 1, group.1 + bytes);
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(name, (copies, bytes))| Group { name, copies, bytes }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.bytes));
    Some(groups)
}

/// Names end in `::h` and sixteen digits, which differ from copy to copy.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 => name,
        _ => name,
    }
}

fn function_names(mut section: Reader) -> Option<BTreeMap<u64, String>> {
    let mut names = BTreeMap::new();
    while !section.0.is_empty() {
        let kind = section.byte()?;
        let mut part = section.block()?;
        if kind == 1 {
            for _ in 0..part.number()? {
                names.insert(part.number()?, part.text()?.to_owned());
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn named(index: u8, name: &str) -> Vec<u8> {
        [&[index, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()
    }

    #[test]
    fn copies_are_added_up_and_imports_are_not_counted() {
        let imports = [&[1][..], b"\x01a\x01b\x00\x00"].concat();
        let bodies = [3, 2, 0, 0x0b, 4, 0, 1, 1, 0x0b, 2, 0, 0x0b];
        let names = [vec![3], named(1, "f::h0123456789abcdef"), named(2, "f::hfedcba9876543210"), named(3, "g")].concat();
        let names = [vec![4], b"name".to_vec(), section(1, &names)].concat();
        let module = [b"\0asm\x01\0\0\0".to_vec(), section(2, &imports), section(10, &bodies), section(0, &names)].concat();
        let group = |name: &str, copies, bytes| Group { name: name.to_owned(), copies, bytes };
        assert_eq!(heaviest(&module), Some(vec![group("f", 2, 6), group("g", 1, 2)]));
    }

    #[test]
    fn what_is_no_module_or_breaks_off_is_none() {
        assert_eq!(heaviest(b"no module"), None);
        assert_eq!(heaviest(b"\0asm\x01\0\0\0\x0a\x05\x01"), None);
    }
}
