//! The order of a module's functions: alike beside alike. gzip looks back 32 KB, and the nearer what it finds, the fewer
//! bits the way there costs: the module becomes about 2 % smaller than in the order of names.
//!
//! wasm-opt can put functions in the order of their names, and nothing else. So they get names that say the place.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::failure::Done;
use crate::module::{Reader, imported_functions};

/// So many bytes in a row are what two functions can have in common.
const RUN: usize = 5;
/// What more functions than these have in common says nothing.
const COMMON_MAX: usize = 400;
/// The next function is to be like the last ones, so many bytes of them. Which is best differs from build to build: the
/// one is taken that gzip likes most.
const WINDOWS_BYTES: [usize; 8] = [1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000];
/// A tiny function is not alike for one run only: it counts as longer by this.
const SMALL_BYTES: [usize; 3] = [20, 40, 80];

/// The module with a name for each function that says where it is to stand, and without other names; `None` where the
/// bytes are no module. `weigh` says what bytes weigh when they are packed.
pub fn with_places(module: &[u8], mut weigh: impl FnMut(&[u8]) -> Done<u64>) -> Done<Option<Vec<u8>>> {
    let Some(Module { imported, bodies, nameless: mut placed }) = Module::of(module) else { return Ok(None) };
    let mut best: Option<(u64, Vec<usize>)> = None;
    for (window, small) in WINDOWS_BYTES.into_iter().flat_map(|window| SMALL_BYTES.map(|small| (window, small))) {
        let order = order(&bodies, window, small);
        let in_order: Vec<&[u8]> = order.iter().map(|body| bodies[*body]).collect();
        let weight = weigh(&in_order.concat())?;
        if best.as_ref().is_none_or(|(least, _)| weight < *least) {
            best = Some((weight, order));
        }
    }
    let order = best.map(|(_, order)| order).unwrap_or_default();
    let mut names = Vec::new();
    put_number(&mut names, imported + order.len() as u64);
    for index in 0..imported {
        put_name(&mut names, index, &format!("a{index:06}"));
    }
    let mut places: Vec<(usize, usize)> = order.into_iter().enumerate().map(|(place, body)| (body, place)).collect();
    places.sort_unstable();
    for (body, place) in places {
        put_name(&mut names, imported + body as u64, &format!("b{place:06}"));
    }
    let mut section = Vec::new();
    put_block(&mut section, b"name");
    section.push(1);
    put_block(&mut section, &names);
    placed.push(0);
    put_block(&mut placed, &section);
    Ok(Some(placed))
}

/// What the order is made of.
struct Module<'a> {
    /// How many functions come from outside.
    imported: u64,
    /// The bodies of the others.
    bodies: Vec<&'a [u8]>,
    /// The module without its names.
    nameless: Vec<u8>,
}

impl<'a> Module<'a> {
    fn of(module: &'a [u8]) -> Option<Module<'a>> {
        let mut reader = Reader::of(module)?;
        let nameless = module[..module.len() - reader.0.len()].to_vec();
        let mut found = Module { imported: 0, bodies: Vec::new(), nameless };
        while !reader.0.is_empty() {
            let start = reader.0;
            let kind = reader.byte()?;
            let section = reader.block()?;
            match kind {
                0 if Reader(section.0).text()? == "name" => continue,
                2 => found.imported = imported_functions(Reader(section.0))?,
                10 => found.bodies = bodies_of(section)?,
                _ => {}
            }
            found.nameless.extend(&start[..start.len() - reader.0.len()]);
        }
        Some(found)
    }
}

fn bodies_of<'a>(mut section: Reader<'a>) -> Option<Vec<&'a [u8]>> {
    let mut bodies = Vec::new();
    for _ in 0..section.number()? {
        bodies.push(section.block()?.0);
    }
    Some(bodies)
}

/// The smallest body is first, and behind each stands what has most in common with the last ones.
fn order(bodies: &[&[u8]], window_max: usize, small: usize) -> Vec<usize> {
    let runs: Vec<BTreeSet<&[u8]>> = bodies.iter().map(|body| body.windows(RUN).collect()).collect();
    let mut having: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (body, runs) in runs.iter().enumerate() {
        runs.iter().for_each(|run| having.entry(run).or_default().push(body));
    }
    having.retain(|_, bodies| (2..=COMMON_MAX).contains(&bodies.len()));

    let (mut common, mut copies) = (vec![0_usize; bodies.len()], BTreeMap::<&[u8], usize>::new());
    let (mut order, mut is_left, mut window, mut window_bytes) = (Vec::new(), vec![true; bodies.len()], VecDeque::new(), 0);
    loop {
        let left = (0..bodies.len()).filter(|body| is_left[*body]);
        let likeness = |body: &usize| (common[*body] << 20) / (small + bodies[*body].len());
        let next = if order.is_empty() { left.min_by_key(|body| bodies[*body].len()) } else { left.rev().max_by_key(likeness) };
        let Some(next) = next else { return order };
        order.push(next);
        is_left[next] = false;
        window.push_back(next);
        window_bytes += bodies[next].len();
        for run in &runs[next] {
            let copies = copies.entry(run).or_default();
            *copies += 1;
            if *copies == 1 {
                having.get(run).into_iter().flatten().for_each(|body| common[*body] += 1);
            }
        }
        while window_bytes > window_max {
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
        for window in [10, 100] {
            let order = order(&bodies, window, 40);
            let place = |body| order.iter().position(|other| *other == body).unwrap();
            assert_eq!((order.len(), place(4)), (5, 0), "the smallest is first");
            assert_eq!((place(0).abs_diff(place(2)), place(1).abs_diff(place(3))), (1, 1));
        }
    }

    #[test]
    fn names_say_the_place_and_all_else_stays() {
        let import = [2, 7, 1, 1, b'a', 1, b'b', 0, 0];
        let code = [10, 8, 2, 3, 0, 1, 0x0b, 2, 0, 0x0b];
        let module = [&b"\0asm\x01\0\0\0"[..], &import, &code, &[0, 5, 4], b"name"].concat();
        let names = [&[0, 35, 4][..], b"name", &[1, 28, 3, 0, 7], b"a000000", &[1, 7], b"b000001", &[2, 7], b"b000000"].concat();
        let weigh = |bytes: &[u8]| Ok(bytes.len() as u64);
        assert_eq!(with_places(&module, weigh).unwrap(), Some([&b"\0asm\x01\0\0\0"[..], &import, &code, &names].concat()));
        assert_eq!(with_places(b"no module", weigh).unwrap(), None);
    }
}
