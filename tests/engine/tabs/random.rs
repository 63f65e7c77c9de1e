//! Whatever tabs do to each other, drawn from seeds.

use super::*;

/// A random number below `below`, from a seed that goes on.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// What a user does in a tab.
fn act(tab: &mut Client, seed: &mut u64, written: &mut Vec<syncline::engine::ident::MutationId>) {
    let key = KEYS[draw(seed, 3) as usize];
    if tab.engine.view(&at(key)) == View::NotLoaded {
        tab.ask(Ask::Load { addresses: vec![at(key)] });
        return;
    }
    let length = tab.view(key).map_or(0, |value| value["t"].as_str().unwrap_or_default().encode_utf16().count() as u64);
    let n = draw(seed, 1_000);
    let mutation = match draw(seed, 12) {
        _ if length == 0 => put(key, &format!(r#"{{"t":"start {n}","n":0}}"#)),
        0..6 => splice(key, draw(seed, length + 1), 0, &format!("<{n}>")),
        6 => splice(key, 0, length.min(2), "~"),
        7 => put(key, &format!(r#"{{"t":"again {n}","n":0}}"#)),
        8 | 9 => Mutation::increment(at(key), "/n", 1).unwrap(),
        10 => merge(key, &format!(r#"{{"m":{n}}}"#)),
        _ => {
            if let Some(id) = written.pop() {
                tab.tell(Input::CancelAsked { mutation: id });
            }
            return;
        }
    };
    if let Ok(id) = tab.mutate(mutation) {
        written.push(id);
    }
}

/// Tabs come and go, take the lock from each other, miss what others say, write at once, and one of them is slow to store; what each knows
/// is what one that opens would know, and in the end all see what the server has.
#[test]
fn c3_c5_c6_whatever_tabs_do_to_each_other_they_know_what_is_stored() {
    for run in 0..40_u64 {
        let mut seed = run;
        let mut server = Server::new();
        let mut other = another(&mut server);
        let compact = if run % 2 == 0 { 1 } else { 1 << 20 };
        let config = Config { compact_bytes_min: compact, compact_idle_ms: 20, page_directly_bytes: 300, page_bytes: 200, ..config() };
        let mut device = Device::of(config.clone(), 2);
        let mut written: Vec<Vec<_>> = vec![Vec::new(); 3];
        let mut all = Vec::new();
        for _ in 0..60 {
            let tab = draw(&mut seed, 3) as usize;
            device.hears = draw(&mut seed, 4) > 0;
            let what = draw(&mut seed, 14);
            println!("run {run}: {what} in tab {tab}, heard: {}", device.hears);
            match what {
                0..6 => {
                    let before = written[tab].len();
                    let mine = &mut written[tab];
                    device.at(tab, |client| act(client, &mut seed, mine));
                    if written[tab].len() > before {
                        all.push((tab, device.tabs[tab].engine.identity(), written[tab].last().unwrap().clone()));
                    }
                }
                6 => {
                    // A transaction of this tab is late: the others are first.
                    device.tabs[tab].storing = false;
                    let mine = &mut written[tab];
                    device.quietly(tab, |client| act(client, &mut seed, mine));
                    let second = (tab + 1) % 3;
                    let theirs = &mut written[second];
                    device.quietly(second, |client| act(client, &mut seed, theirs));
                    device.tabs[tab].storing = true;
                    device.quietly(tab, |client| client.store());
                }
                7 => {
                    for one in 0..3 {
                        device.at(one, |client| client.tell(if one == tab { Input::LockGained } else { Input::LockLost }));
                    }
                }
                8 => {
                    // It crashes, and another one opens.
                    device.tabs.remove(tab);
                    written.remove(tab);
                    device.open(config.clone());
                    written.push(Vec::new());
                    device.at(2, |client| client.tell(Input::LockGained));
                    for one in 0..2 {
                        device.at(one, |client| client.tell(Input::LockLost));
                    }
                }
                9 => {
                    let mut theirs = Vec::new();
                    other.live(&mut server, 10);
                    act(&mut other, &mut seed, &mut theirs);
                    other.live(&mut server, 200);
                }
                _ => device.live(&mut server, 100),
            }
            device.check(&KEYS);
        }
        device.hears = true;
        device.at(0, |client| client.tell(Input::LockGained));
        for one in 1..3 {
            device.at(one, |client| client.tell(Input::LockLost));
        }
        device.live(&mut server, 5_000);
        device.live(&mut server, 3_600_000 / 600);
        for one in 0..3 {
            let ask = device.at(one, |client| client.ask(Ask::Pull));
            device.live(&mut server, 200);
            assert_eq!(device.tabs[one].answered(ask), Some(None), "run {run}");
        }
        assert_eq!(device.drains(), [true, false, false], "run {run}");
        for key in KEYS {
            let truth = server.document(key);
            assert_eq!(device.views(key), vec![truth; 3], "run {run}: {key}");
        }
        for tab in &device.tabs {
            assert_eq!(tab.status().pending_mutations, 0, "run {run}");
            assert_eq!(tab.status().storage, syncline::engine::notice::StorageKind::IndexedDb, "run {run}");
        }
        device.check(&KEYS);
    }
}
