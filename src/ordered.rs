//! Sorted maps: what the standard library's B-tree does here, at a fraction of its code. Each kind of map that is used
//! costs its machine code once more in what a user downloads, and the engine uses many kinds; so what orders knows no
//! types, what compares knows the key alone, and what is left for each kind of map is to push and to take.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Most slots in a chunk; one that would hold more is split in two.
const CHUNK: usize = 128;

/// A map in the order of its keys. Finding takes two binary searches; inserting and removing move at most one chunk, and
/// seldom the list of chunks.
#[derive(Clone)]
pub struct Ordered<K, V> {
    keys: Keys<K>,
    /// By slot, as the keys are.
    values: Vec<V>,
}

/// Keys in slots without gaps, and their order.
#[derive(Clone)]
struct Keys<K> {
    order: Order,
    slots: Vec<K>,
}

/// Slots in the order of what is in them, in chunks of which none is empty.
#[derive(Clone, Default)]
pub struct Order {
    chunks: Vec<Vec<u32>>,
    /// What was found last: the same is often looked for again, or what comes behind it.
    found: Cell<Place>,
}

/// What can be a key.
pub trait Key: Ord {
    /// How it compares with another: what `cmp` says, where that can be said quicker.
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

impl Key for u64 {}
impl<A: Ord, B: Ord> Key for (A, B) {}

impl Key for Arc<str> {
    fn order(&self, other: &Arc<str>) -> Ordering {
        order(self, other)
    }
}

impl Key for String {
    fn order(&self, other: &String) -> Ordering {
        order(self, other)
    }
}

/// How texts compare, eight bytes at a time: names that are looked for begin alike.
pub fn order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let (Some((first, rest)), Some((second, behind))) = (one.split_first_chunk(), other.split_first_chunk()) {
        if first != second {
            return u64::from_be_bytes(*first).cmp(&u64::from_be_bytes(*second));
        }
        (one, other) = (rest, behind);
    }
    one.cmp(other)
}

/// What is looked for, as slots see it.
pub trait Probe {
    /// How what is in a slot compares with what is looked for.
    fn compare(&self, slot: usize) -> Ordering;
}

impl<F: Fn(usize) -> Ordering> Probe for F {
    fn compare(&self, slot: usize) -> Ordering {
        self(slot)
    }
}

fn probe<'k, K: Key>(slots: &'k [K], key: &'k K) -> impl Probe + 'k {
    |slot: usize| slots[slot].order(key)
}

/// Which chunk, and where in it.
type Place = (usize, usize);

impl<K, V> Default for Ordered<K, V> {
    // Many are made in one place: a call is less code than what it does.
    #[inline(never)]
    fn default() -> Self {
        Ordered { keys: Keys { order: Order::default(), slots: Vec::new() }, values: Vec::new() }
    }
}

impl<K: Key, V> Ordered<K, V> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(self.keys.slot(key)?)
    }

    /// The value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(self.keys.slot(key)?)
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &K) -> bool {
        self.keys.slot(key).is_some()
    }

    /// Sets the value of `key`; gives the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let slot = self.keys.insert(key);
        match self.values.get_mut(slot) {
            Some(old) => Some(std::mem::replace(old, value)),
            None => {
                push(&mut self.values, value);
                None
            }
        }
    }

    /// The value of `key`; `make` makes it where there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let slot = self.keys.insert(key);
        if slot == self.values.len() {
            push(&mut self.values, make());
        }
        &mut self.values[slot]
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.keys.remove(key)?;
        Some(self.values.swap_remove(slot))
    }

    /// The first item.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// All items, in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { map: self, at: (0, 0) }
    }

    /// All items from `key` on, in order.
    pub fn from(&self, key: &K) -> Iter<'_, K, V> {
        let (Ok(at) | Err(at)) = self.keys.find(key);
        Iter { map: self, at }
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, to be changed; in an order that says nothing, though it is the same each time.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }
}

impl<K: Key> Keys<K> {
    fn find(&self, key: &K) -> Result<Place, Place> {
        self.order.find(&probe(&self.slots, key))
    }

    fn slot(&self, key: &K) -> Option<usize> {
        self.order.slot(&mut self.find(key).ok()?)
    }

    /// The slot of `key`; it is one more than there were, where `key` was not there.
    fn insert(&mut self, key: K) -> usize {
        let slot = self.order.enter(self.slots.len(), &probe(&self.slots, &key));
        if slot == self.slots.len() {
            push(&mut self.slots, key);
        }
        slot
    }

    /// Takes `key` out of its slot, which is then that of the last one.
    fn remove(&mut self, key: &K) -> Option<usize> {
        let slot = self.order.remove(&probe(&self.slots, key), &probe(&self.slots, self.slots.last()?))?;
        self.slots.swap_remove(slot);
        Some(slot)
    }
}

impl Order {
    /// Where the slot is that `probe` finds equal, or where it belongs.
    fn find(&self, probe: &dyn Probe) -> Result<Place, Place> {
        // What is put in comes in order, for the most part, and is compared with the last one alone.
        if let Some(chunk) = self.chunks.last()
            && probe.compare(chunk[chunk.len() - 1] as usize).is_lt()
        {
            return Err((self.chunks.len() - 1, chunk.len()));
        }
        let (chunk, at) = self.found.get();
        for mut place in [(chunk, at), (chunk, at + 1)] {
            if self.slot(&mut place).is_some_and(|slot| probe.compare(slot).is_eq()) {
                self.found.set(place);
                return Ok(place);
            }
        }
        let found = self.find_anew(probe);
        if let Ok(place) = found {
            self.found.set(place);
        }
        found
    }

    fn find_anew(&self, probe: &dyn Probe) -> Result<Place, Place> {
        let Some(chunk) = self.search(None, probe).checked_sub(1) else { return Err((0, 0)) };
        let behind = self.search(Some(chunk), probe);
        if probe.compare(self.chunks[chunk][behind - 1] as usize).is_eq() { Ok((chunk, behind - 1)) } else { Err((chunk, behind)) }
    }

    /// How many slots of a chunk, or firsts of all chunks, are not behind what is looked for.
    fn search(&self, chunk: Option<usize>, probe: &dyn Probe) -> usize {
        let (mut low, mut high) = (0, chunk.map_or(self.chunks.len(), |chunk| self.chunks[chunk].len()));
        while low < high {
            let middle = (low + high) / 2;
            let (chunk, at) = chunk.map_or((middle, 0), |chunk| (chunk, middle));
            if probe.compare(self.chunks[chunk][at] as usize).is_le() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The slot at `place`, which is the next chunk's first where it is behind a chunk's last.
    fn slot(&self, place: &mut Place) -> Option<usize> {
        if self.chunks.get(place.0)?.len() == place.1 {
            *place = (place.0 + 1, 0);
        }
        Some(*self.chunks.get(place.0)?.get(place.1)? as usize)
    }

    /// The slot that `probe` finds equal; where there is none, the slot `new`, which from then on is one of them.
    pub fn enter(&mut self, new: usize, probe: &dyn Probe) -> usize {
        match self.find(probe) {
            Ok((chunk, at)) => self.chunks[chunk][at] as usize,
            Err(place) => {
                self.insert(place, new);
                new
            }
        }
    }

    fn insert(&mut self, (mut chunk, mut at): Place, slot: usize) {
        match self.chunks.get_mut(chunk) {
            None => self.chunks = vec![Vec::new()],
            Some(full) if full.len() == CHUNK => {
                // What grows at its end, as most here does, leaves full chunks behind.
                let half = if at == CHUNK { CHUNK } else { CHUNK / 2 };
                let right = full.split_off(half);
                self.chunks.insert(chunk + 1, right);
                if at >= half {
                    (chunk, at) = (chunk + 1, at - half);
                }
            }
            Some(_) => {}
        }
        self.chunks[chunk].insert(at, slot as u32);
    }

    /// Takes out the slot that `probe` finds equal, and puts it in place of the one that `last` finds.
    fn remove(&mut self, probe: &dyn Probe, last: &dyn Probe) -> Option<usize> {
        let (chunk, at) = self.find(probe).ok()?;
        let last = self.find_anew(last).ok()?;
        let slot = self.chunks[chunk][at];
        self.chunks[last.0][last.1] = slot;
        self.chunks[chunk].remove(at);
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        }
        Some(slot as usize)
    }
}

/// Pushes, with less to spare than a vector takes by itself: there are maps of every document.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 8 + 4);
    }
    items.push(item);
}

/// Items in order.
pub struct Iter<'m, K, V> {
    map: &'m Ordered<K, V>,
    at: Place,
}

impl<'m, K, V> Iterator for Iter<'m, K, V> {
    type Item = (&'m K, &'m V);
    fn next(&mut self) -> Option<Self::Item> {
        let slot = self.map.keys.order.slot(&mut self.at)?;
        self.at.1 += 1;
        Some((&self.map.keys.slots[slot], &self.map.values[slot]))
    }
}

impl<K: Key, V: PartialEq> PartialEq for Ordered<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<K: fmt::Debug + Key, V: fmt::Debug> fmt::Debug for Ordered<K, V> {
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

    impl Key for u16 {}

    proptest! {
        #[test]
        fn texts_compare_as_texts_do(one in "[ab\u{e9}]{0,20}", other in "[ab\u{e9}]{0,20}") {
            prop_assert_eq!(order(&one, &other), one.cmp(&other));
        }

        #[test]
        fn it_is_what_a_b_tree_is(steps in prop::collection::vec((0u32..4, 0u16..600, any::<u8>()), 0..1500)) {
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
            prop_assert!(ordered.keys().eq(tree.keys()));
            ordered.values_mut().for_each(|value| *value /= 2);
            tree.values_mut().for_each(|value| *value /= 2);
            prop_assert!(ordered.from(&100).eq(tree.range(100..)));
        }
    }
}
