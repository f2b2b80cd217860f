//! Frames of a fixed view.

use collector_common::schema::Sum;
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::watching::{
    health::{Fill, Health, Losses, Output, Rates},
    view::{By, Row},
};

fn row(name: &str, flows: u64) -> Row {
    let sum = |times: u64| Sum {
        flows: flows * times,
        packets: flows * times * 40,
        bytes: flows * times * 30_000,
    };
    Row {
        name: name.into(),
        minute: sum(1),
        total: sum(900),
    }
}

fn glance() -> Glance {
    let fill = |now, peak, size| Fill { now, peak, size };
    let rates = (0..60).map(|second| Rates {
        packets: [20_000 + 100 * second, 18_000],
        bits: [
            160_000_000 + 1_000_000 * second,
            90_000_000 + 5_000_000 * (second % 7),
        ],
    });
    let rows = |names: &[(&str, u64)]| {
        names
            .iter()
            .map(|(name, flows)| row(name, *flows))
            .collect()
    };
    Glance {
        version: "0.1.0".into(),
        interfaces: vec!["eth0".into()],
        uptime: 11_520,
        rates: rates.collect(),
        health: Health {
            table: fill(12_345, 40_000, 262_144),
            rings: [
                ("late".to_owned(), fill(0, 4096, 4 << 20)),
                ("samples".to_owned(), fill(1 << 20, 7 << 20, 8 << 20)),
            ]
            .into(),
            losses: Losses {
                samples: 12_345,
                ..Losses::default()
            },
            output: Output {
                queue: fill(0, 1 << 20, 16 << 20),
                ..Output::default()
            },
            troubles: vec!["12345 payload samples lost in the last minute".into()],
            ..Health::default()
        },
        traffic: [
            (By::Leg, rows(&[("exit", 5200), ("or", 310), ("dns", 90)])),
            (By::Transport, rows(&[("tcp", 5000), ("udp", 600)])),
            (
                By::Label,
                rows(&[("TLS.Google", 1900), ("QUIC.AVeryLongNameThatIsCut", 800)]),
            ),
            (By::Category, rows(&[("Web", 4000)])),
            (By::Country, rows(&[("US", 2000), ("DE", 900), ("??", 3)])),
            (
                By::Port,
                rows(&[("443", 5000), ("80", 200), ("registered", 40)]),
            ),
        ]
        .into(),
        ..Glance::default()
    }
}

fn screen() -> Screen {
    let mut screen = Screen::default();
    screen.show(Ok(glance()));
    screen
}

fn press(screen: &mut Screen, code: KeyCode) -> Pressed {
    screen.press(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Frames are kept beside this file; `COLLECTOR_BLESS=1` writes them anew, to be read before they
/// are kept.
fn assert_golden(name: &str, frame: &str) {
    let path = format!(
        "{}/src/watching/top/frames/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("COLLECTOR_BLESS").is_some() {
        std::fs::write(&path, frame).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(frame, golden, "\n{frame}");
}

#[test]
fn each_panel_fits_a_small_terminal() {
    let mut screen = screen();
    for name in ["all", "legs", "labels", "countries", "ports"] {
        assert_golden(name, &text(&screen, SIZE));
        press(&mut screen, KeyCode::Tab);
    }
    assert_eq!(screen.panel, Panel::All);
}

#[test]
fn the_terminal_gets_what_once_prints() {
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    let screen = screen();
    let drawn = terminal
        .draw(|frame| frame.render_widget(&screen, frame.area()))
        .unwrap();
    let lines = text(&screen, SIZE);
    for (y, line) in (0..SIZE.1).zip(lines.lines()) {
        let cells = (0..SIZE.0).filter_map(|x| drawn.buffer.cell((x, y)));
        let shown: String = cells.map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(shown.trim_end(), line);
    }
}

#[test]
fn an_agent_that_just_started_is_shown_as_well() {
    let mut screen = Screen::default();
    screen.show(Ok(Glance::default()));
    assert!(text(&screen, SIZE).contains("all is well"));
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for size in [(0, 0), (1, 1), (20, 5), (79, 23), (300, 100)] {
        let frame = text(&screen(), size);
        assert_eq!(frame.lines().count(), usize::from(size.1), "{size:?}");
    }
}

#[test]
fn keys_choose_pause_help_and_quit() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Char('4'));
    assert_eq!(screen.panel, Panel::Countries);
    press(&mut screen, KeyCode::Char('9'));
    assert_eq!(screen.panel, Panel::Countries);
    press(&mut screen, KeyCode::Char('?'));
    assert!(text(&screen, SIZE).contains("1-5, tab"));
    press(&mut screen, KeyCode::Char('p'));
    screen.show(Ok(Glance::default()));
    let frame = text(&screen, SIZE);
    assert!(
        frame.contains("paused") && frame.contains("eth0"),
        "{frame}"
    );
    assert_eq!(press(&mut screen, KeyCode::Char('q')), Pressed::Quit);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.press(interrupt), Pressed::Quit);
}

#[test]
fn an_agent_that_is_gone_leaves_its_last_numbers_and_the_reason() {
    let mut screen = screen();
    screen.show(Err(anyhow::anyhow!("no agent answers")));
    let frame = text(&screen, SIZE);
    assert!(
        frame.contains("! no agent answers") && frame.contains("TLS.Google"),
        "{frame}"
    );
}
