//! The network between the device and the server: what becomes of a message on either way.

use super::fault::{Dice, Fault};
use crate::engine::rng::Rng;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the device to the server.
    Up,
    /// From the server to the device.
    Down,
}

/// The network.
#[derive(Clone, Debug, Default)]
pub struct Net {
    up_until: u64,
    down_until: u64,
}

/// When copies of a message arrive, in milliseconds from its sending. None: it is lost.
pub type Arrivals = Vec<u64>;

impl Net {
    /// Nothing passes until then.
    pub fn cut(&mut self, up: bool, down: bool, until: u64) {
        if up {
            self.up_until = self.up_until.max(until);
        }
        if down {
            self.down_until = self.down_until.max(until);
        }
    }

    /// Everything passes again.
    pub fn heal(&mut self) {
        *self = Net::default();
    }

    /// What becomes of a message that is sent at `now`.
    pub fn carry(&self, way: Way, now: u64, dice: &mut Dice, rng: &mut Rng) -> Arrivals {
        let (cut_until, lost) = match way {
            Way::Up => (self.up_until, Fault::RequestLost),
            Way::Down => (self.down_until, Fault::ReplyLost),
        };
        if now < cut_until || dice.strikes(lost) {
            return Vec::new();
        }
        let mut arrivals = vec![1 + rng.up_to(40)];
        if dice.strikes(Fault::Overtaken) {
            arrivals[0] += dice.size(Fault::Overtaken, 0, 8_000);
            if way == Way::Down {
                arrivals.push(arrivals[0] + dice.size(Fault::Overtaken, 1, 4_000));
            }
        }
        if way == Way::Up {
            if dice.strikes(Fault::RequestDoubled) {
                arrivals.push(arrivals[0] + dice.size(Fault::RequestDoubled, 0, 300));
            }
            if dice.strikes(Fault::RequestComesAgain) {
                arrivals.push(arrivals[0] + 60_000 + dice.size(Fault::RequestComesAgain, 0, 540_000));
            }
        }
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn carried(faults: &[(Fault, u32)], way: Way) -> Vec<Arrivals> {
        let mut dice = Dice::new(1, faults.iter().copied().collect::<BTreeMap<_, _>>());
        let mut rng = Rng::new([1, 1]);
        (0..200).map(|_| Net::default().carry(way, 0, &mut dice, &mut rng)).collect()
    }

    #[test]
    fn a_cut_loses_its_way_and_only_while_it_lasts() {
        let (mut net, mut dice, mut rng) = (Net::default(), Dice::new(1, BTreeMap::new()), Rng::new([1, 1]));
        net.cut(false, true, 100);
        assert_eq!(net.carry(Way::Up, 50, &mut dice, &mut rng).len(), 1);
        assert!(net.carry(Way::Down, 99, &mut dice, &mut rng).is_empty());
        assert_eq!(net.carry(Way::Down, 100, &mut dice, &mut rng).len(), 1);
        net.cut(true, true, 900);
        net.heal();
        assert_eq!(net.carry(Way::Up, 200, &mut dice, &mut rng).len(), 1);
    }

    #[test]
    fn n1_n2_each_way_loses_by_its_own_rate() {
        let lost = |way| carried(&[(Fault::RequestLost, 500_000)], way).iter().filter(|arrivals| arrivals.is_empty()).count();
        assert!((60..140).contains(&lost(Way::Up)));
        assert_eq!(lost(Way::Down), 0);
    }

    #[test]
    fn n3_n4_n5_messages_come_twice_late_and_out_of_order() {
        let twice = carried(&[(Fault::RequestDoubled, 1_000_000)], Way::Up);
        assert!(twice.iter().all(|arrivals| arrivals.len() == 2));
        let again = carried(&[(Fault::RequestComesAgain, 1_000_000)], Way::Up);
        assert!(again.iter().all(|arrivals| arrivals[1] >= 60_000));
        for way in [Way::Up, Way::Down] {
            let overtaken = carried(&[(Fault::Overtaken, 500_000)], way);
            assert!(overtaken.windows(2).any(|pair| pair[0][0] > pair[1][0] + 1_000));
        }
    }
}
