//! The engine's own random source, so that a seed repeats a run.

use crate::protocol::digits;

/// xoshiro256++ by Blackman and Vigna, seeded through SplitMix64. Not for secrets.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// The source for this seed: fresh crypto bits in a browser, a number in the simulator.
    pub fn new(seed: [u64; 2]) -> Rng {
        let mut state = seed[0];
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Rng([next(), next() ^ seed[1], next(), next() | 1])
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number from 0 to `max`, both included.
    pub fn up_to(&mut self, max: u64) -> u64 {
        match max.checked_add(1) {
            Some(count) => ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64,
            None => self.bits(),
        }
    }

    /// A fresh version 7 uuid. The time in it is for people; order means nothing.
    pub fn uuid(&mut self, wall_ms: u64) -> String {
        let (random, more) = (self.bits().swap_bytes(), self.bits().swap_bytes());
        let high = wall_ms << 16 | 7 << 12 | random >> 48 & 0xfff;
        let low = 2 << 62 | (random << 16 | more >> 48) & (u64::MAX >> 2);
        let mut text = String::with_capacity(36);
        for half in [high, low] {
            for digit in digits::hash(half).bytes() {
                if matches!(text.len(), 8 | 13 | 18 | 23) {
                    text.push('-');
                }
                text.push(char::from(digit));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i25_a_seed_repeats_a_run() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (rng.bits(), rng.up_to(9), rng.uuid(1_700_000_000_000))
        };
        assert_eq!(draw([1, 2]), draw([1, 2]));
        assert_ne!(draw([1, 2]), draw([1, 3]));
        assert_eq!(draw([1, 2]).2.as_bytes()[14], b'7');
    }

    #[test]
    fn a_uuid_is_what_the_library_makes_of_the_same_bits() {
        for (seed, wall_ms) in [(1, 0), (2, 1_700_000_000_000), (3, u64::MAX)] {
            let mut rng = Rng::new([seed, seed]);
            let mut bytes = [0; 16];
            let mut other = rng.clone();
            bytes[..8].copy_from_slice(&other.bits().to_le_bytes());
            bytes[8..].copy_from_slice(&other.bits().to_le_bytes());
            let random = bytes[..10].try_into().unwrap();
            let expected = uuid::Builder::from_unix_timestamp_millis(wall_ms, random).into_uuid();
            assert_eq!(rng.uuid(wall_ms), expected.to_string());
            assert_eq!(rng.bits(), other.bits());
        }
    }

    #[test]
    fn up_to_reaches_both_ends() {
        let mut rng = Rng::new([7, 7]);
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.up_to(3)).collect();
        assert_eq!(drawn, (0..=3).collect());
        assert_eq!(rng.up_to(0), 0);
    }
}
