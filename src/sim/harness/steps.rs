//! What happens in a harness, one event after the other: the shell of each client, the network and the server.

use super::super::disk::{Done, Fate};
use super::{Event, Harness, SendFailure, Tab, Way};
use crate::engine::effect::Effect;
use crate::engine::input::{Bytes, Input, Reply};

/// Turns without a pause after which an engine counts as running in circles.
const TURNS_MAX: u32 = 1_000;

impl Harness {
    /// A tab begins, and time goes by until it can be used.
    pub(super) fn start(&mut self, client: usize) {
        self.happen(client, Input::Started);
        while !self.tabs[client].is_open {
            assert!(self.step(u64::MAX), "a store that works can be opened");
        }
    }

    /// The next event, if there is one before or at `until`.
    pub(super) fn step(&mut self, until: u64) -> bool {
        let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= until) else { return false };
        let ((at, _), (client, event)) = next.remove_entry();
        self.now = self.now.max(at);
        let tab = &mut self.tabs[client];
        let (life, is_connected) = (tab.life, tab.is_connected);
        match event {
            Event::Arrive { life, request, identity, call } if is_connected => {
                let answer = self.server.answer(&identity, &call);
                self.commits += self.server.take_commits().len();
                let headers = [("content-type", "application/json".into())].into();
                let body = Bytes(answer.body.into_bytes().into());
                let reply = Reply { status: answer.status, redirected: false, headers, body };
                self.carry(client, Way::Down, Event::Return { life, request, input: Input::Replied { request, reply } });
            }
            Event::Arrive { life, request, .. } => {
                let input = Input::SendFailed { request, why: SendFailure::NoAnswer };
                self.schedule(self.now, client, Event::Tell { life, input });
            }
            Event::Return { life: of, request, input } if of == life && tab.outstanding.remove(&request) => {
                let lost = Input::SendFailed { request, why: SendFailure::NoAnswer };
                self.happen(client, if is_connected { input } else { lost });
            }
            Event::Tell { life: of, input } if of == life => self.happen(client, input),
            Event::Disk { life: of } if of == life => self.finish_disk(client),
            Event::Wake { life: of, at } if of == life && tab.wake_at == Some(at) => {
                tab.wake_at = None;
                self.happen(client, Input::Woke);
            }
            // It belongs to a tab that is gone, or a timer was armed anew.
            Event::Return { .. } | Event::Tell { .. } | Event::Disk { .. } | Event::Wake { .. } => {}
        }
        true
    }

    pub(super) fn happen(&mut self, client: usize, input: Input) {
        self.turn(client, input);
        self.end_turn(client);
    }

    fn turn(&mut self, client: usize, input: Input) {
        let mut effects = Vec::new();
        let tab = &mut self.tabs[client];
        tab.engine.handle(tab.time(self.now), input, &mut effects);
        self.carry_out(client, effects);
    }

    /// A deadline that has come is due at once; one that lies ahead is armed.
    pub(super) fn end_turn(&mut self, client: usize) {
        for _ in 0..TURNS_MAX {
            let tab = &mut self.tabs[client];
            let (life, deadline) = (tab.life, tab.deadline());
            match deadline {
                Some(at) if at <= self.now => self.turn(client, Input::Woke),
                Some(at) if tab.wake_at != Some(at) => {
                    tab.wake_at = Some(at);
                    return self.schedule(at, client, Event::Wake { life, at });
                }
                _ => return tab.wake_at = deadline,
            }
        }
        unreachable!("an engine wants to be woken {TURNS_MAX} times at one moment");
    }

    pub(super) fn carry_out(&mut self, client: usize, effects: Vec<Effect>) {
        for effect in effects {
            let Tab { life, .. } = self.tabs[client];
            let tab = &mut self.tabs[client];
            match effect {
                Effect::Load { load, what } => {
                    tab.disk.load(life, load, what);
                    self.start_disk(client);
                }
                Effect::Write(write) => {
                    tab.disk.write(life, write);
                    self.start_disk(client);
                }
                // Each client is alone on its device.
                Effect::Post(_) | Effect::Steal => {}
                // There is no mirror, and no other witness.
                Effect::Mirror { .. } | Effect::DropMirror | Effect::ListMirrors => {}
                Effect::ReadMirrors { .. } | Effect::RemoveMirrors { .. } | Effect::Witness { .. } => {}
                Effect::Send { request, call, .. } => {
                    tab.outstanding.insert(request);
                    let identity = tab.engine.identity();
                    self.carry(client, Way::Up, Event::Arrive { life, request, identity, call });
                }
                Effect::Cancel { request } => {
                    tab.outstanding.remove(&request);
                    let input = Input::SendFailed { request, why: SendFailure::Cancelled };
                    self.schedule(self.now, client, Event::Tell { life, input });
                }
                Effect::Notify(notice) => {
                    if let Some(input) = tab.hear(notice) {
                        self.schedule(self.now, client, Event::Tell { life, input });
                    }
                }
            }
        }
    }

    /// A message goes its way, as fast as the simulator's network is without faults.
    fn carry(&mut self, client: usize, way: Way, event: Event) {
        let arrivals = self.tabs[client].net.carry(way, self.now, &mut self.dice, &mut self.rng);
        let ms = arrivals.first().copied().unwrap_or_default();
        self.schedule(self.now + ms, client, event);
    }

    fn start_disk(&mut self, client: usize) {
        let tab = &mut self.tabs[client];
        if tab.disk.waiting() > 0 && !tab.disk_is_busy {
            tab.disk_is_busy = true;
            let life = tab.life;
            self.schedule(self.now + 1, client, Event::Disk { life });
        }
    }

    fn finish_disk(&mut self, client: usize) {
        let tab = &mut self.tabs[client];
        tab.disk_is_busy = false;
        let Some((_, done)) = tab.disk.finish(Fate::Completes) else { return };
        let input = match done {
            Done::Loaded(load, found) => Input::Loaded { load, found },
            Done::Failed(write, why) => Input::WriteFailed { write, why },
            Done::Written { write, position } => Input::Written { write: write.write, position },
        };
        self.start_disk(client);
        self.happen(client, input);
    }

    fn schedule(&mut self, at: u64, client: usize, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), (client, event));
    }
}
