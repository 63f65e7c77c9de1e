//! What comes from outside: what the user does, what the browser says, and the faults that come with time.

use super::action::Action;
use super::app;
use super::device::address;
use super::fault::{Dice, Fault};
use super::plan::{KINDS, User};
use super::world::{Event, Halt, World};
use crate::engine::clock::Wall;
use crate::engine::input::{Ask, Input};
use crate::engine::rng::Rng;

/// So often the user comes back when it has written enough, and so often at the most, however few faults have struck.
const LATER: std::ops::RangeInclusive<u32> = 20..=2_000;
/// With pauses of up to this long.
const LATER_MS: u64 = 1_000;

impl World {
    /// The user does something, and comes back later.
    pub(super) fn act(&mut self) -> Halt {
        let User::Random { mutations, pause_ms, .. } = self.plan.user else { return Ok(()) };
        let has_written = self.mutations >= u64::from(mutations);
        if has_written {
            self.came_later += 1;
            let is_hard = self.dice.struck().len() >= KINDS;
            if self.came_later >= if is_hard { *LATER.start() } else { *LATER.end() } {
                self.acting = false;
                return Ok(());
            }
        }
        let pause = 1 + self.app_rng.up_to(if has_written { LATER_MS } else { pause_ms });
        self.schedule(self.now + pause, Event::Act);
        self.strike()?;
        if !self.device.is_open {
            return Ok(());
        }
        let mut action = self.as_user(|user, rng, dice, world| user.act(rng, dice, |name| world.seen(name)));
        if has_written && matches!(action, Action::Write(_)) {
            action = Action::Pull;
        }
        while let Action::Write(edits) = action {
            let is_over = !self.write(edits)?;
            match self.as_user(|user, rng, dice, world| user.go_on(rng, dice, |name| world.seen(name))) {
                Some(next) if !is_over => action = Action::Write(vec![next]),
                _ => return self.end_turn(),
            }
        }
        self.perform(action)
    }

    /// The user, with the dice and the world in its hands.
    fn as_user<T>(&mut self, act: impl FnOnce(&mut app::User, &mut Rng, &mut Dice, &mut World) -> T) -> T {
        let mut user = std::mem::replace(&mut self.user, app::User::new(1));
        let (mut rng, mut dice) = (self.app_rng.clone(), self.dice.clone());
        let acted = act(&mut user, &mut rng, &mut dice, self);
        (self.user, self.app_rng, self.dice) = (user, rng, dice);
        acted
    }

    /// The faults that come with time.
    fn strike(&mut self) -> Halt {
        if self.dice.strikes(Fault::CutUnannounced) {
            let ms = self.dice.size(Fault::CutUnannounced, 0, 60_000);
            self.perform(Action::Cut { up: true, down: true, ms })?;
        }
        if self.dice.strikes(Fault::CutOneWay) {
            let ms = self.dice.size(Fault::CutOneWay, 0, 60_000);
            self.perform(Action::Cut { up: false, down: true, ms })?;
        }
        if self.dice.strikes(Fault::OfflineHintWrong) {
            self.perform(Action::GoOffline)?;
        }
        if self.dice.strikes(Fault::Flapping) {
            for flap in 0..10 {
                self.tell_later(flap * 100, Input::WentOffline);
                self.tell_later(flap * 100 + 50, Input::WentOnline);
            }
        }
        if self.dice.strikes(Fault::Frozen) {
            let longest = if self.dice.size(Fault::Frozen, 0, 3) == 0 { 3_600_000 } else { 10_000 };
            self.perform(Action::Freeze(1_000 + self.dice.size(Fault::Frozen, 1, longest)))?;
        }
        if self.dice.strikes(Fault::ClockJumps) {
            let years = 10 * 365 * 86_400_000;
            let by = self.dice.size(Fault::ClockJumps, 0, 2 * years) as i64 - years as i64;
            self.perform(Action::MoveClock(by))?;
        }
        if self.dice.strikes(Fault::DiskFull) {
            self.perform(Action::FillDisk(1_000 + self.dice.size(Fault::DiskFull, 0, 20_000)))?;
        }
        if self.dice.strikes(Fault::WrittenElsewhere) {
            let action = self.as_user(|user, rng, dice, world| {
                let scope = &world.plan.config.scope;
                user.act_elsewhere(rng, dice, |name| world.server.document(scope, &address(name)))
            });
            self.perform(action)?;
        }
        Ok(())
    }

    /// Lets it happen.
    pub(super) fn perform(&mut self, action: Action) -> Halt {
        self.say(|| format!("{action:?}"));
        match action {
            Action::WriteElsewhere(name, edit) => {
                self.server.write_elsewhere(&self.plan.config.scope, &address(&name), &edit);
                self.judge_commits()
            }
            Action::Cut { up, down, ms } => {
                self.net.cut(up, down, self.now + ms);
                Ok(())
            }
            Action::Crash => self.crash(false),
            Action::LosePower => self.crash(true),
            Action::Strike(fault, skip) => {
                self.dice.order(fault, skip);
                Ok(())
            }
            Action::FillDisk(ms) => {
                self.device.disk_full_until = self.now + ms;
                Ok(())
            }
            Action::Freeze(ms) => {
                self.device.frozen_until = self.now + ms;
                let wall = Wall(self.wall().0 + ms);
                self.tell_later(ms, Input::Resumed { wall });
                Ok(())
            }
            Action::MoveClock(ms) => {
                self.device.clock_skew = ms;
                self.tell(Input::ClockRead { wall: self.wall() })
            }
            _ if !self.device.is_open => Ok(()),
            Action::Write(edits) => {
                self.write(edits)?;
                self.end_turn()
            }
            Action::Load(name) => self.ask(Ask::Load { address: address(&name) }),
            Action::Hold(name, held) => self.hold(name, held),
            Action::Pull => self.ask(Ask::Pull),
            Action::GoOnline => self.tell(Input::WentOnline),
            Action::GoOffline => self.tell(Input::WentOffline),
            Action::Show => self.tell(Input::BecameVisible),
            Action::Hide => self.tell(Input::BecameHidden),
            Action::HidePage => self.tell(Input::PageHid),
        }
    }
}
