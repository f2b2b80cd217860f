//! `collector top`: the view in a terminal. Counts only.

mod format;
mod screen;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use anyhow::Context;
use ratatui::{
    DefaultTerminal,
    buffer::Buffer,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    layout::Rect,
    widgets::Widget,
};
pub use screen::{Panel, Screen};

use super::health::Glance;

/// How soon a key, a signal or an answer shows.
const BEAT: Duration = Duration::from_millis(100);
/// The size for which it is laid out; larger is fine.
pub const SIZE: (u16, u16) = (80, 24);

/// Where answers come from.
pub type Ask = Box<dyn FnMut() -> anyhow::Result<Glance> + Send>;

/// One frame as text.
///
/// # Errors
/// Those of `ask`.
pub fn once(mut ask: Ask) -> anyhow::Result<String> {
    let mut screen = Screen::default();
    screen.show(Ok(ask()?));
    Ok(text(&screen, SIZE))
}

/// `screen` as lines of text.
#[must_use]
pub fn text(screen: &Screen, (width, height): (u16, u16)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    screen.render(area, &mut buffer);
    let line = |y: u16| {
        let cells = (0..width).filter_map(|x| buffer.cell((x, y)));
        let line: String = cells.map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    };
    (0..height).map(line).collect()
}

/// Shows what `ask` gives every `interval`, until q is pressed or a signal comes. The terminal is as
/// before afterwards, after a panic as well.
///
/// # Errors
/// There is no terminal, or no agent answers when it begins.
pub fn run(ask: Ask, interval: Duration) -> anyhow::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    ctrlc::set_handler(move || end.store(true, Ordering::Relaxed)).context("catching signals")?;
    let mut asking = Asking::begin(ask, interval)?;
    let first = asking.answers.recv().context("asking the agent")??;
    let mut screen = Screen::default();
    screen.show(Ok(first));
    let mut terminal = ratatui::try_init()
        .context("there is no terminal to show it on; `collector top --once` prints one frame")?;
    let done = drive(&mut terminal, &mut screen, &mut asking, &ended);
    ratatui::try_restore()?;
    Ok(done?)
}

fn drive(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    asking: &mut Asking,
    ended: &AtomicBool,
) -> io::Result<()> {
    while !ended.load(Ordering::Relaxed) {
        for answer in asking.answers.try_iter() {
            screen.show(answer);
        }
        terminal.draw(|frame| frame.render_widget(&*screen, frame.area()))?;
        if event::poll(BEAT)?
            && let Event::Key(key) = event::read()?
            && screen.press(key) == Pressed::Quit
        {
            break;
        }
    }
    Ok(())
}

/// Asks on a thread of its own, so that keys work while a busy agent takes its time.
struct Asking {
    answers: Receiver<anyhow::Result<Glance>>,
    // Dropped with this, which ends the thread.
    _stop: Sender<()>,
}

impl Asking {
    fn begin(mut ask: Ask, interval: Duration) -> io::Result<Self> {
        let (tell, answers) = channel();
        let (stop, stopped) = channel::<()>();
        thread::Builder::new()
            .name("ask".to_owned())
            .spawn(move || {
                while tell.send(ask()).is_ok()
                    && stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout)
                {
                }
            })?;
        Ok(Self {
            answers,
            _stop: stop,
        })
    }
}

/// What a key asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// To go on.
    On,
    /// To end.
    Quit,
}

impl Screen {
    /// Does what `key` says.
    pub fn press(&mut self, key: KeyEvent) -> Pressed {
        let held = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            _ if key.kind == KeyEventKind::Release => {}
            KeyCode::Char('q') | KeyCode::Esc => return Pressed::Quit,
            KeyCode::Char('c') if held => return Pressed::Quit,
            KeyCode::Char('p') => self.paused = !self.paused,
            KeyCode::Char('?') => self.helps = !self.helps,
            KeyCode::Tab => self.panel = self.panel.next(),
            KeyCode::Char(number) => self.panel = Panel::numbered(number).unwrap_or(self.panel),
            _ => {}
        }
        Pressed::On
    }
}

#[cfg(test)]
mod tests;
