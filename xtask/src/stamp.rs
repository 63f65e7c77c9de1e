//! Knowing that nothing changed: a digest of inputs, remembered in a file beside what was made from them.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use crate::failure::Done;
use crate::project;

/// A digest under construction. It need not be the same on two machines or with two compilers: a difference only costs a rebuild.
#[derive(Default)]
pub struct Digest(DefaultHasher);

impl Digest {
    /// Adds a named piece. Lengths go in too, so that no two different sequences of pieces are equal.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        for piece in [name.as_bytes(), content] {
            self.0.write_usize(piece.len());
            self.0.write(piece);
        }
    }

    /// Adds a file by its path and content; a missing file is a difference, not an error.
    pub fn add_file(&mut self, path: &Path) {
        match std::fs::read(path) {
            Ok(content) => self.add(&path.to_string_lossy(), &content),
            Err(error) => self.add(&path.to_string_lossy(), error.kind().to_string().as_bytes()),
        }
    }

    /// The digest as text.
    pub fn finish(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

/// A file that holds the digest of what something was made from.
pub struct Stamp(PathBuf);

impl Stamp {
    /// The stamp kept at this path.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Whether the thing was made from exactly these inputs.
    pub fn holds(&self, digest: &str) -> bool {
        std::fs::read_to_string(&self.0).is_ok_and(|held| held == digest)
    }

    /// Remembers the inputs. Only called when the thing is complete and checked.
    pub fn set(&self, digest: &str) -> Done {
        project::write(&self.0, digest)
    }

    /// Forgets them, so that a failure half-way is not taken for success.
    pub fn clear(&self) {
        // A stamp that was never set is as good as a cleared one.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pieces: &[(&str, &str)]) -> String {
        let mut digest = Digest::default();
        pieces.iter().for_each(|(name, content)| digest.add(name, content.as_bytes()));
        digest.finish()
    }

    #[test]
    fn pieces_do_not_run_into_each_other() {
        assert_eq!(digest(&[("a", "bc")]), digest(&[("a", "bc")]));
        assert_ne!(digest(&[("a", "bc")]), digest(&[("ab", "c")]));
        assert_ne!(digest(&[("a", ""), ("b", "")]), digest(&[("a", "b")]));
    }

    #[test]
    fn a_stamp_holds_for_its_own_inputs_until_it_is_cleared() {
        let path = std::env::temp_dir().join(format!("syncline-stamp-{}", std::process::id()));
        let stamp = Stamp::at(path);
        assert!(!stamp.holds("one"));
        stamp.set("one").unwrap();
        assert!(stamp.holds("one"));
        assert!(!stamp.holds("two"));
        stamp.clear();
        assert!(!stamp.holds("one"));
    }

    #[test]
    fn a_file_that_appears_changes_the_digest() {
        let path = std::env::temp_dir().join(format!("syncline-digest-{}", std::process::id()));
        let of_file = || {
            let mut digest = Digest::default();
            digest.add_file(&path);
            digest.finish()
        };
        let missing = of_file();
        std::fs::write(&path, "").unwrap();
        let empty = of_file();
        std::fs::remove_file(&path).unwrap();
        assert_ne!(missing, empty);
    }
}
