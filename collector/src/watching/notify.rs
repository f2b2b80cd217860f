//! What the service manager is told (sd_notify(3)): that the meter is up, how it does, that it lives.
//!
//! The socket is opened once and kept, since no other may be opened once rights are dropped; the
//! crates for this open one at each call.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;

/// Between two words on how it does.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// The service manager's ear; says nothing where nobody listens.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    /// How often the manager wants to hear that the meter lives.
    watchdog: Option<Duration>,
    fed: Option<Instant>,
    told: Option<Instant>,
    ready: bool,
}

impl Notify {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    ///
    /// # Errors
    /// There is such a socket and it can't be reached.
    pub fn from_environment() -> anyhow::Result<Self> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let number = |key: &str| env::var(key).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let period = number("WATCHDOG_USEC").filter(|period| ours && *period > 0);
        connect(Path::new(&name))
            .and_then(|socket| Self::over(socket, period.map(Duration::from_micros)))
            .context("connecting to NOTIFY_SOCKET")
    }

    fn over(socket: UnixDatagram, watchdog: Option<Duration>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(socket),
            watchdog,
            ..Self::default()
        })
    }

    /// A tick is done. The first tells that the meter is up; while ticks hang the watchdog hears
    /// nothing.
    pub fn ticked(&mut self, status: impl FnOnce() -> String) {
        if self.socket.is_none() {
            return;
        }
        let mut words = Vec::new();
        if !self.ready {
            words.push("READY=1".to_owned());
            self.ready = true;
        }
        let now = Instant::now();
        let due = |last: Option<Instant>, every| {
            last.is_none_or(|last| now.saturating_duration_since(last) >= every)
        };
        if self
            .watchdog
            .is_some_and(|period| due(self.fed, period / 3))
        {
            words.push("WATCHDOG=1".to_owned());
            self.fed = Some(now);
        }
        if due(self.told, STATUS_EVERY) {
            words.push(format!("STATUS={}", status()));
            self.told = Some(now);
        }
        if !words.is_empty() {
            self.say(&words.join("\n"));
        }
    }

    /// The configuration is read again; the next tick tells that this is over.
    pub fn reloading(&mut self) {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
        let now = now.map_or(0, |now| Duration::from(now).as_micros());
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
        self.ready = false;
    }

    /// It stops.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// A manager that does not listen is no reason to wait or to end.
    fn say(&self, words: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(words.as_bytes());
        }
    }
}

/// `@` stands for the zero byte of an abstract name (sd_notify(3)).
fn connect(name: &Path) -> io::Result<UnixDatagram> {
    let bytes = name.as_os_str().as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(watchdog: Option<Duration>) -> (Notify, UnixDatagram) {
        let (ours, manager) = UnixDatagram::pair().unwrap();
        manager.set_nonblocking(true).unwrap();
        (Notify::over(ours, watchdog).unwrap(), manager)
    }

    fn heard(manager: &UnixDatagram) -> Option<String> {
        let mut room = [0; 512];
        let length = manager.recv(&mut room).ok()?;
        Some(String::from_utf8(room[..length].to_vec()).unwrap())
    }

    #[test]
    fn the_first_tick_tells_that_the_meter_is_up_and_how_it_does() {
        let (mut notify, manager) = pair(None);
        notify.ticked(|| "7 flows".into());
        assert_eq!(heard(&manager).as_deref(), Some("READY=1\nSTATUS=7 flows"));
        notify.ticked(|| "8 flows".into());
        assert_eq!(heard(&manager), None);
    }

    #[test]
    fn the_watchdog_is_fed_by_ticks_and_by_nothing_else() {
        let (mut notify, manager) = pair(Some(Duration::from_nanos(3)));
        for _ in 0..3 {
            notify.ticked(String::new);
            assert!(heard(&manager).unwrap().contains("WATCHDOG=1"));
        }
        notify.stopping();
        assert_eq!(heard(&manager).as_deref(), Some("STOPPING=1"));
    }

    #[test]
    fn reloading_ends_with_the_next_tick() {
        let (mut notify, manager) = pair(None);
        notify.ticked(String::new);
        heard(&manager);
        notify.reloading();
        assert!(
            heard(&manager)
                .unwrap()
                .starts_with("RELOADING=1\nMONOTONIC_USEC=")
        );
        notify.ticked(String::new);
        assert_eq!(heard(&manager).as_deref(), Some("READY=1"));
    }

    #[test]
    fn a_manager_that_does_not_listen_is_not_waited_for() {
        let (mut notify, _manager) = pair(Some(Duration::from_nanos(3)));
        for _ in 0..10_000 {
            notify.ticked(String::new);
        }
    }
}
