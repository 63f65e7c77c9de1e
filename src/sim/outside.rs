//! What comes from outside: what the user does, what the browser says, and the faults that come with time.

use super::action::{Action, Edit};
use super::common::{Common, Event, Halt};
use super::device::{Device, address, seen};
use super::fault::Fault;
use super::plan::User;
use crate::engine::clock::Wall;
use crate::engine::input::{Ask, Input};

/// So often the user comes back when it has written enough, and so often at the most, however few faults have struck.
const LATER: std::ops::RangeInclusive<u32> = 20..=2_000;
/// With pauses of up to this long.
const LATER_MS: u64 = 1_000;
/// Whoever is told that the outbox is full comes back after a pause of up to this long.
const REFUSED_MS: u64 = 10_000;

impl Device {
    /// The user does something, and comes back later. `is_hard`: enough was written, and enough has gone wrong.
    pub fn act(&mut self, common: &mut Common, is_hard: bool) -> Halt {
        let User::Random { pause_ms, asks, .. } = common.plan.user else { return Ok(()) };
        let has_written = common.has_written();
        if has_written {
            self.came_later += 1;
            if self.came_later >= if is_hard { *LATER.start() } else { *LATER.end() } {
                self.is_acting = false;
                return Ok(());
            }
        }
        let longest = match self.is_refused {
            true => REFUSED_MS,
            false if has_written => LATER_MS,
            false => pause_ms,
        };
        let pause = 1 + self.app_rng.up_to(longest);
        common.schedule(common.now + pause, self.number, Event::Act);
        self.strike(common)?;
        if !self.tab.is_open {
            return Ok(());
        }
        if asks > 0 && self.ask_rng.up_to(999_999) < u64::from(asks) {
            let action = self.draw_question();
            return self.perform(common, action);
        }
        let mut action = self.app.act(&mut self.app_rng, &mut self.dice, |name| seen(&mut self.tab.engine, name));
        if has_written && matches!(action, Action::Write(_) | Action::Group { .. }) {
            action = Action::Pull;
        }
        let mut written = Vec::new();
        while let Action::Write(edits) = action {
            written.extend(edits.iter().cloned());
            let wrote = self.write(common, edits);
            if wrote.is_err() {
                common.note(self.place_of_tab(), || Action::Write(written.clone()));
            }
            let is_over = !wrote?;
            match self.app.go_on(&mut self.app_rng, &mut self.dice, |name| seen(&mut self.tab.engine, name)) {
                Some(next) if !is_over => action = Action::Write(vec![next]),
                _ => {
                    common.note(self.place_of_tab(), || Action::Write(written));
                    return self.end_turn(common);
                }
            }
        }
        self.perform(common, action)
    }

    /// The faults that come with time.
    fn strike(&mut self, common: &mut Common) -> Halt {
        if self.dice.strikes(Fault::CutUnannounced) {
            let ms = self.dice.size(Fault::CutUnannounced, 0, 60_000);
            self.perform(common, Action::Cut { up: true, down: true, ms })?;
        }
        if self.dice.strikes(Fault::CutOneWay) {
            let ms = self.dice.size(Fault::CutOneWay, 0, 60_000);
            self.perform(common, Action::Cut { up: false, down: true, ms })?;
        }
        if self.dice.strikes(Fault::OfflineHintWrong) {
            self.perform(common, Action::GoOffline)?;
        }
        if self.dice.strikes(Fault::Flapping) {
            for flap in 0..10 {
                self.tell_later(common, flap * 100, Input::WentOffline);
                self.tell_later(common, flap * 100 + 50, Input::WentOnline);
            }
        }
        if self.dice.strikes(Fault::Frozen) {
            let longest = if self.dice.size(Fault::Frozen, 0, 3) == 0 { 3_600_000 } else { 10_000 };
            self.perform(common, Action::Freeze(1_000 + self.dice.size(Fault::Frozen, 1, longest)))?;
        }
        if self.dice.strikes(Fault::ClockJumps) {
            let years = 10 * 365 * 86_400_000;
            let by = self.dice.size(Fault::ClockJumps, 0, 2 * years) as i64 - years as i64;
            self.perform(common, Action::MoveClock(by))?;
        }
        if self.dice.strikes(Fault::DiskFull) {
            self.perform(common, Action::FillDisk(1_000 + self.dice.size(Fault::DiskFull, 0, 20_000)))?;
        }
        self.strike_later(common)?;
        if common.plan.faults.contains_key(&Fault::Restored) {
            if !common.server.has_backup() || common.mutations.is_multiple_of(100) {
                self.perform(common, Action::BackUp)?;
            } else if self.dice.strikes(Fault::Restored) {
                self.perform(common, Action::Restore)?;
            }
        }
        if self.dice.strikes(Fault::WrittenElsewhere) {
            let there = |name: &str| common.server.document(&self.config.scope, &address(name));
            let action = self.app.act_elsewhere(&mut self.app_rng, &mut self.dice, there);
            self.perform(common, action)?;
        }
        Ok(())
    }

    /// More of them.
    fn strike_later(&mut self, common: &mut Common) -> Halt {
        if self.dice.strikes(Fault::SlowLink) {
            self.perform(common, Action::SlowDown(self.dice.size(Fault::SlowLink, 0, 60_000)))?;
        }
        if self.dice.strikes(Fault::OutcomesForgotten) {
            self.perform(common, Action::ForgetOutcomes(self.dice.size(Fault::OutcomesForgotten, 0, 60)))?;
        }
        if self.dice.strikes(Fault::DeletesForgotten) {
            self.perform(common, Action::ForgetDeletes(self.dice.size(Fault::DeletesForgotten, 0, 60)))?;
        }
        if self.dice.strikes(Fault::MadeAnew) {
            let (name, value) = self.app.make_anew(&mut self.app_rng);
            self.perform(common, Action::WriteElsewhere(name.clone(), Edit::Delete))?;
            self.perform(common, Action::WriteElsewhere(name, Edit::Put(value)))?;
        }
        if self.dice.strikes(Fault::Asleep) {
            let longest = [60_000, 20 * 60_000, 8 * 3_600_000][self.dice.size(Fault::Asleep, 0, 2) as usize];
            self.perform(common, Action::Sleep(1_000 + self.dice.size(Fault::Asleep, 1, longest)))?;
        }
        Ok(())
    }

    /// Lets it happen.
    pub fn perform(&mut self, common: &mut Common, action: Action) -> Halt {
        common.say(self.place_of_tab(), || format!("{action:?}"));
        common.note(self.place_of_tab(), || action.clone());
        match action {
            Action::WriteElsewhere(name, edit) => {
                common.server.write_elsewhere(&self.config.scope, &address(&name), &edit);
                self.judge_commits(common)
            }
            Action::BackUp => {
                common.server.back_up();
                Ok(())
            }
            Action::Restore => {
                if let Some((generation, through, ended_at)) = common.server.restore() {
                    common.truths.iter_mut().for_each(|truth| truth.restored(&generation, through, ended_at));
                    let (deletes, outcomes) = common.server.forgotten();
                    for truth in &mut common.truths {
                        truth.forgot_deletes(deletes);
                        truth.forgot_outcomes(outcomes);
                    }
                }
                Ok(())
            }
            Action::ForgetOutcomes(keep) => self.forget(common, keep, false),
            Action::ForgetDeletes(keep) => self.forget(common, keep, true),
            Action::SlowDown(ms) => {
                self.front.slow_until = common.now + ms;
                Ok(())
            }
            Action::Sleep(ms) => self.each_tab(|device| device.sleep(common, ms)),
            Action::Cut { up, down, ms } => {
                self.net.cut(up, down, common.now + ms);
                Ok(())
            }
            Action::Crash => self.crash(common, false),
            Action::LosePower => self.lose_power(common),
            Action::Strike(fault, skip) => {
                self.dice.order(fault, skip);
                Ok(())
            }
            Action::FillDisk(ms) => {
                self.disk_full_until = common.now + ms;
                Ok(())
            }
            Action::Freeze(ms) => {
                self.tab.frozen_until = common.now + ms;
                let wall = Wall(self.wall(common).0 + ms);
                self.tell_later(common, ms, Input::Resumed { wall });
                Ok(())
            }
            Action::MoveClock(ms) => {
                self.each_tab(|device| if device.tab.sleep.is_unnoticed() { device.notice_sleep(common) } else { Ok(()) })?;
                self.clock_skew = ms;
                self.each_tab(|device| device.tell(common, Input::ClockRead { wall: device.wall(common) }))
            }
            _ if !self.tab.is_open => Ok(()),
            Action::Write(edits) => {
                self.write(common, edits)?;
                self.end_turn(common)
            }
            Action::Group { edits, reads, after } => {
                self.write_group(common, edits, &reads, &after)?;
                self.end_turn(common)
            }
            Action::Retry(..)
            | Action::Discard(_)
            | Action::Export
            | Action::RollBack(_)
            | Action::SyncNow { .. }
            | Action::Wait(_)
            | Action::Mark(_)
            | Action::Stop(_)
            | Action::PullFeed(_) => self.put_question(common, action),
            Action::TakeBack(back) => self.take_back(common, back),
            Action::Load(name) => self.ask(common, Ask::Load { addresses: vec![address(&name)] }),
            Action::Hold(name, held) => self.hold(common, name, held),
            Action::Pull => self.ask(common, Ask::Pull),
            Action::GoOnline => self.tell(common, Input::WentOnline),
            Action::GoOffline => self.tell(common, Input::WentOffline),
            Action::Show => self.tell(common, Input::BecameVisible),
            Action::Hide => self.tell(common, Input::BecameHidden),
            Action::HidePage => self.tell(common, Input::PageHid),
        }
    }

    /// No fault any more.
    pub fn heal(&mut self) {
        self.dice.heal();
        self.net.heal();
        self.disk_full_until = 0;
        self.front.slow_until = 0;
    }

    /// The tab is in view, and has its store.
    pub fn heal_tab(&mut self, common: &mut Common) -> Halt {
        if std::mem::take(&mut self.tab.asking.is_stopped) {
            self.tell(common, Input::Stopped { stopped: false })?;
        }
        self.notice_sleep(common)?;
        self.tell(common, Input::BecameVisible)?;
        // A browser that never says `online` again must not keep the device from finding out.
        if common.plan.seed.is_multiple_of(2) { self.tell(common, Input::WentOnline) } else { Ok(()) }
    }
}
