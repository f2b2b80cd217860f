//! What is known of addresses, kept up to date on a thread of its own: files are read there, and the
//! agent never waits for them.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    thread,
    time::Duration,
};

use jiff::Timestamp;

use tracing::error;

use crate::locate::{
    Surroundings,
    leg::{self, LegRule},
    sources::Sources,
    tor::user::User,
};

/// How often files and addresses are looked at; a replaced consensus is known within a minute.
const EVERY: Duration = Duration::from_secs(5);

/// What a look found.
#[derive(Clone, Debug)]
pub(super) struct News {
    /// What is known now, where it is something new.
    pub surroundings: Option<Surroundings>,
    /// The consensus files.
    pub consensus: Vec<leg::Status>,
}

/// Looks again and again until it is dropped.
#[derive(Debug)]
pub struct Lookout {
    news: Receiver<News>,
    // Dropped with this, which ends the thread.
    rules: Sender<(Vec<User>, Vec<LegRule>)>,
}

impl Lookout {
    /// Begins to look at `sources`.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn begin(sources: Sources) -> io::Result<Self> {
        Self::looking(sources, EVERY)
    }

    fn looking(sources: Sources, every: Duration) -> io::Result<Self> {
        let (tell, news) = channel();
        let (rules, chosen) = channel();
        thread::Builder::new()
            .name("surroundings".to_owned())
            .spawn(move || look(sources, every, &tell, &chosen))?;
        Ok(Self { news, rules })
    }

    /// From now on, relays run as these, too, and these rules come before all others. Where one
    /// names a user whom nobody knows, those before hold, and the log says so.
    pub(super) fn set_rules(&self, users: Vec<User>, rules: Vec<LegRule>) {
        // Without a thread there is nobody who could look any more.
        let _ = self.rules.send((users, rules));
    }

    /// What the last look found, if there was one since the last call.
    pub(super) fn news(&self) -> Option<News> {
        let mut last: Option<News> = None;
        loop {
            match self.news.try_recv() {
                Ok(news) => {
                    let before = last.take().and_then(|last| last.surroundings);
                    let surroundings = news.surroundings.or(before);
                    last = Some(News {
                        surroundings,
                        ..news
                    });
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return last,
            }
        }
    }
}

fn look(
    mut sources: Sources,
    every: Duration,
    tell: &Sender<News>,
    chosen: &Receiver<(Vec<User>, Vec<LegRule>)>,
) {
    let mut news = News {
        surroundings: None,
        consensus: sources.legs.status(),
    };
    while tell.send(news).is_ok() {
        let mut surroundings = None;
        match chosen.recv_timeout(every) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Ok((users, rules)) => match sources.legs.set_rules(users, rules) {
                Ok(()) => surroundings = Some(sources.current()),
                Err(error) => error!("users and leg rules stay as they are: {error}"),
            },
        }
        news = News {
            surroundings: sources.refresh(Timestamp::now()).or(surroundings),
            consensus: sources.legs.status(),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use collector_common::{key::Address, schema::Country};

    use super::*;
    use crate::locate::{
        country::{self, Files},
        leg::{Config, Host},
    };

    const LOOK: Duration = Duration::from_millis(10);

    fn sources(geoip: &std::path::Path) -> Sources {
        let files = Files {
            geoip: Some(geoip.to_owned()),
            ..Files::default()
        };
        Sources {
            places: country::Source::open(files).unwrap(),
            legs: leg::Source::open(Config::new(Host::Told(Vec::new())), Timestamp::now()).unwrap(),
        }
    }

    fn heard(lookout: &Lookout) -> Country {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            let news = lookout.news().and_then(|news| news.surroundings);
            if let Some(surroundings) = news {
                let address = Address::v4([1, 0, 0, 9]);
                return surroundings.countries.lookup(&address, 4).country;
            }
            thread::sleep(LOOK);
        }
        panic!("nothing new within half a minute");
    }

    #[test]
    fn changed_country_data_is_heard_of_and_damaged_data_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let geoip = folder.path().join("geoip");
        fs::write(&geoip, "16777216,16777471,AU\n").unwrap();
        let lookout = Lookout::looking(sources(&geoip), LOOK).unwrap();
        fs::write(&geoip, "16777216,16777471,CN\n").unwrap();
        assert_eq!(heard(&lookout).to_string(), "CN");
        fs::write(&geoip, "no country data\n").unwrap();
        thread::sleep(20 * LOOK);
        let news = lookout.news().expect("it looks on");
        assert!(news.surroundings.is_none());
        fs::write(&geoip, "16777216,16777471,JP\n").unwrap();
        assert_eq!(heard(&lookout).to_string(), "JP");
    }

    #[test]
    fn other_rules_are_heard_of_though_no_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let geoip = folder.path().join("geoip");
        fs::write(&geoip, "16777216,16777471,AU\n").unwrap();
        let lookout = Lookout::looking(sources(&geoip), LOOK).unwrap();
        lookout.set_rules(Vec::new(), vec!["local:udp".parse().unwrap()]);
        assert_eq!(heard(&lookout).to_string(), "AU");
    }
}
