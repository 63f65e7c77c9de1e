//! When the module itself breaks: a trap leaves half done what was under way, so nothing of this instance may run again.
//! The broken module cannot say so: what tells the host was prepared before (L11).

use super::host::Host;
use super::value::{clear_timeout, set_timeout};

/// Does `work` that the browser called for. Should it trap (a panic, a full stack, no memory left), a timer that nobody
/// stopped tells the host. In what the app calls, the app sees the trap itself.
pub fn watched(host: &Host, work: impl FnOnce()) {
    let timer = set_timeout(&host.panicked(), 0, &"the module trapped".into());
    work();
    clear_timeout(&timer);
}
