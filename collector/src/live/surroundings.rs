//! What is known of addresses, kept up to date on a thread of its own: files are read there, and the
//! agent never waits for them.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    thread,
    time::Duration,
};

use jiff::Timestamp;

use crate::locate::{Surroundings, leg, sources::Sources};

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
    _stop: Sender<()>,
}

impl Lookout {
    /// Begins to look at `sources`.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn begin(sources: Sources) -> io::Result<Self> {
        let (tell, news) = channel();
        let (stop, stopped) = channel();
        thread::Builder::new()
            .name("surroundings".to_owned())
            .spawn(move || look(sources, &tell, &stopped))?;
        Ok(Self { news, _stop: stop })
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

fn look(mut sources: Sources, tell: &Sender<News>, stopped: &Receiver<()>) {
    let mut news = News {
        surroundings: None,
        consensus: sources.legs.status(),
    };
    while tell.send(news).is_ok() {
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        news = News {
            surroundings: sources.refresh(Timestamp::now()),
            consensus: sources.legs.status(),
        };
    }
}
