//! The order of a module's functions: alike beside alike. gzip looks back 32 KB, and the nearer what it finds, the fewer
//! bits the way there costs: the module becomes about 2 % smaller than in the order of names.
//!
//! wasm-opt can put functions in the order of their names, and nothing else. So they get names that say the place.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::module::{Reader, imported_functions};

/// So many bytes in a row are what two functions can have in common.
const RUN: usize = 5;
/// What more functions than these have in common says nothing.
const COMMON_MAX: usize = 400;
/// The next function is to be like the last ones, so many bytes of them.
const WINDOW_BYTES: usize = 4_000;
/// A tiny function is not alike for one run only.
const SMALL_BYTES: usize = 40;

/// The module with a name for each function that says where it is to stand, and without other names; `None` where the
/// bytes are no module.
pub fn with_places(module: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::of(module)?;
    let mut placed = module[..module.len() - reader.0.len()].to_vec();
    let (mut imported, mut bodies) = (0, Vec::new());
    while !reader.0.is_empty() {
        let start = reader.0;
        let kind = reader.byte()?;
        let section = reader.block()?;
        match kind {
            0 if Reader(section.0).text()? == "name" => continue,
            2 => imported = imported_functions(Reader(section.0))?,
            10 => bodies = bodies_of(section)?,
            _ => {}
        }
        placed.extend(&start[..start.len() - reader.0.len()]);
    }
    let places = places(&bodies);
    let mut names = Vec::new();
    put_number(&mut names, imported + places.len() as u64);
    for index in 0..imported {
        put_name(&mut names, index, &format!("a{index:06}"));
    }
    for (index, place) in (imported..).zip(places) {
        put_name(&mut names, index, &format!("b{place:06}"));
    }
    let mut section = Vec::new();
    put_block(&mut section, b"name");
    section.push(1);
    put_block(&mut section, &names);
    placed.push(0);
    put_block(&mut placed, &section);
    Some(placed)
}

fn bodies_of<'a>(mut section: Reader<'a>) -> Option<Vec<&'a [u8]>> {
    let mut bodies = Vec::new();
    for _ in 0..section.number()? {
        bodies.push(section.block()?.0);
    }
    Some(bodies)
}

/// The place of each body: the smallest is first, and behind each stands what has most in common with the last ones.
fn places(bodies: &[&[u8]]) -> Vec<usize> {
    let runs: Vec<BTreeSet<&[u8]>> = bodies.iter().map(|body| body.windows(RUN).collect()).collect();
    let mut having: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (body, runs) in runs.iter().enumerate() {
        runs.iter().for_each(|run| having.entry(run).or_default().push(body));
    }
    having.retain(|_, bodies| (2..=COMMON_MAX).contains(&bodies.len()));

    let (mut common, mut copies) = (vec![0_usize; bodies.len()], BTreeMap::<&[u8], usize>::new());
    let (mut places, mut window, mut window_bytes) = (vec![usize::MAX; bodies.len()], VecDeque::new(), 0);
    for place in 0..bodies.len() {
        let left = (0..bodies.len()).filter(|body| places[*body] == usize::MAX);
        let likeness = |body: &usize| (common[*body] << 20) / (SMALL_BYTES + bodies[*body].len());
        let next = if place == 0 { left.min_by_key(|body| bodies[*body].len()) } else { left.rev().max_by_key(likeness) };
        let Some(next) = next else { break };
        places[next] = place;
        window.push_back(next);
        window_bytes += bodies[next].len();
        for run in &runs[next] {
            let copies = copies.entry(run).or_default();
            *copies += 1;
            if *copies == 1 {
                having.get(run).into_iter().flatten().for_each(|body| common[*body] += 1);
            }
        }
        while window_bytes > WINDOW_BYTES {
            let Some(last) = window.pop_front() else { break };
            window_bytes -= bodies[last].len();
            for run in &runs[last] {
                let copies = copies.entry(run).or_default();
                *copies -= 1;
                if *copies == 0 {
                    having.get(run).into_iter().flatten().for_each(|body| common[*body] -= 1);
                }
            }
        }
    }
    places
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_block(bytes: &mut Vec<u8>, block: &[u8]) {
    put_number(bytes, block.len() as u64);
    bytes.extend(block);
}

fn put_name(names: &mut Vec<u8>, index: u64, name: &str) {
    put_number(names, index);
    put_block(names, name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_stands_beside_alike() {
        let bodies: [&[u8]; 5] = [b"abcdefgh", b"12345678", b"xabcdefg", b"2345678", b"other"];
        let places = places(&bodies);
        let mut all = places.clone();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4], "each has its place");
        assert_eq!((places[4], places[0].abs_diff(places[2]), places[1].abs_diff(places[3])), (0, 1, 1));
    }

    #[test]
    fn names_say_the_place_and_all_else_stays() {
        let import = [2, 7, 1, 1, b'a', 1, b'b', 0, 0];
        let code = [10, 8, 2, 3, 0, 1, 0x0b, 2, 0, 0x0b];
        let module = [&b"\0asm\x01\0\0\0"[..], &import, &code, &[0, 5, 4], b"name"].concat();
        let names = [&[0, 35, 4][..], b"name", &[1, 28, 3, 0, 7], b"a000000", &[1, 7], b"b000001", &[2, 7], b"b000000"].concat();
        assert_eq!(with_places(&module), Some([&b"\0asm\x01\0\0\0"[..], &import, &code, &names].concat()));
        assert_eq!(with_places(b"no module"), None);
    }
}
