//! Sorted maps in chunks: what the standard library's B-tree does here, at a tenth of its code. Each kind of map that is
//! used costs its machine code once more in what a user downloads, and the engine uses many kinds.

use std::fmt;

/// Most items in a chunk; one that would hold more is split in two.
const CHUNK: usize = 64;

/// A map in the order of its keys. Finding takes two binary searches; inserting and removing move at most one chunk, and
/// seldom the list of chunks.
#[derive(Clone)]
pub struct Ordered<K, V> {
    /// None is empty.
    chunks: Vec<Vec<(K, V)>>,
    len: usize,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Ordered { chunks: Vec::new(), len: 0 }
    }
}

impl<K: Ord, V> Ordered<K, V> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where `key` is, or where it belongs.
    fn find(&self, key: &K) -> Result<(usize, usize), (usize, usize)> {
        let chunk = self.chunks.partition_point(|chunk| chunk[0].0 <= *key).saturating_sub(1);
        let Some(items) = self.chunks.get(chunk) else { return Err((0, 0)) };
        match items.binary_search_by(|(other, _)| other.cmp(key)) {
            Ok(at) => Ok((chunk, at)),
            Err(at) => Err((chunk, at)),
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        let (chunk, at) = self.find(key).ok()?;
        Some(&self.chunks[chunk][at].1)
    }

    /// The value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (chunk, at) = self.find(key).ok()?;
        Some(&mut self.chunks[chunk][at].1)
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// Sets the value of `key`; gives the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok((chunk, at)) => Some(std::mem::replace(&mut self.chunks[chunk][at].1, value)),
            Err(place) => {
                self.insert_at(place, key, value);
                None
            }
        }
    }

    /// The value of `key`; `make` makes it where there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let (chunk, at) = match self.find(&key) {
            Ok(place) => place,
            Err(place) => self.insert_at(place, key, make()),
        };
        &mut self.chunks[chunk][at].1
    }

    fn insert_at(&mut self, (mut chunk, mut at): (usize, usize), key: K, value: V) -> (usize, usize) {
        self.len += 1;
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        if self.chunks[chunk].len() == CHUNK {
            // What grows at its end, as most here does, leaves full chunks behind.
            let half = if at == CHUNK && chunk + 1 == self.chunks.len() { CHUNK } else { CHUNK / 2 };
            let right = self.chunks[chunk].split_off(half);
            self.chunks.insert(chunk + 1, right);
            if at >= half {
                (chunk, at) = (chunk + 1, at - half);
            }
        }
        self.chunks[chunk].insert(at, (key, value));
        (chunk, at)
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (chunk, at) = self.find(key).ok()?;
        let (_, value) = self.chunks[chunk].remove(at);
        self.len -= 1;
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        }
        Some(value)
    }

    /// The first item.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// All items, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flatten().map(|(key, value)| (key, value))
    }

    /// All items from `key` on, in order.
    pub fn from(&self, key: &K) -> impl Iterator<Item = (&K, &V)> {
        let (Ok((chunk, at)) | Err((chunk, at))) = self.find(key);
        let rest = self.chunks.get(chunk..).unwrap_or_default();
        rest.iter().flatten().skip(at).map(|(key, value)| (key, value))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.chunks.iter().flatten().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.chunks.iter().flatten().map(|(_, value)| value)
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.chunks.iter_mut().flatten().map(|(_, value)| value)
    }

    /// Keeps the items that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            chunk.retain_mut(|(key, value)| keep(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.len = self.chunks.iter().map(Vec::len).sum();
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Ordered<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K, V> IntoIterator for Ordered<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(K, V)>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<K: fmt::Debug + Ord, V: fmt::Debug> fmt::Debug for Ordered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A set in order.
pub type OrderedSet<K> = Ordered<K, ()>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_what_a_b_tree_is(steps in prop::collection::vec((0u32..4, 0u16..400, any::<u8>()), 0..1500)) {
            let (mut ordered, mut tree) = (Ordered::default(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(ordered.remove(&key), tree.remove(&key)),
                    1 => prop_assert_eq!(*ordered.get_or_insert_with(key, || value), *tree.entry(key).or_insert(value)),
                    _ => prop_assert_eq!(ordered.insert(key, value), tree.insert(key, value)),
                }
                prop_assert_eq!(ordered.get(&key), tree.get(&key));
                prop_assert_eq!(ordered.first(), tree.first_key_value());
                prop_assert_eq!(ordered.len(), tree.len());
            }
            prop_assert!(ordered.iter().eq(tree.iter()));
            prop_assert!(ordered.from(&200).eq(tree.range(200..)));
            ordered.retain(|key, _| key % 3 == 0);
            tree.retain(|key, _| key % 3 == 0);
            prop_assert!(ordered.from(&100).eq(tree.range(100..)));
            prop_assert!(ordered.into_iter().eq(tree));
        }
    }
}
