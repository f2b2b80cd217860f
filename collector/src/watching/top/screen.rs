//! What is shown, and how it is laid out.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Sparkline, Widget},
};

use super::format::{duration, per_cent, short};
use crate::watching::{
    health::{Fill, Glance, Rates},
    view::{By, Row},
};

/// What the lower part of the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// Something of everything.
    #[default]
    All,
    /// Legs and transports.
    Legs,
    /// Labels and categories.
    Labels,
    /// Countries.
    Countries,
    /// Ports.
    Ports,
}

const PANELS: [(Panel, &str, &[By]); 5] = [
    (
        Panel::All,
        "all",
        &[By::Leg, By::Label, By::Country, By::Port],
    ),
    (Panel::Legs, "legs", &[By::Leg, By::Transport]),
    (Panel::Labels, "labels", &[By::Label, By::Category]),
    (Panel::Countries, "countries", &[By::Country]),
    (Panel::Ports, "ports", &[By::Port]),
];

impl Panel {
    /// That of a key, `1` to `5`.
    #[must_use]
    pub fn numbered(key: char) -> Option<Self> {
        let index = key.to_digit(10)?.checked_sub(1)?;
        PANELS.get(index as usize).map(|(panel, ..)| *panel)
    }

    /// The one behind it.
    #[must_use]
    pub fn next(self) -> Self {
        PANELS[(self as usize + 1) % PANELS.len()].0
    }

    fn dimensions(self) -> &'static [By] {
        PANELS[self as usize].2
    }
}

const HELP: [&str; 9] = [
    "Sorted by bytes of the last minute. A flow counts when it has ended, or when",
    "a part of a long one is written; packets and bits a second are as they pass.",
    "",
    "1-5, tab   what is shown below: all, legs, labels, countries, ports",
    "p          pause, and go on",
    "?          this help",
    "q, Esc     quit",
    "",
    "country: of the side that did not open the flow; port: the same side's.",
];

/// What is shown.
#[derive(Debug, Default)]
pub struct Screen {
    glance: Glance,
    /// Why there is nothing newer.
    error: Option<String>,
    pub(super) panel: Panel,
    pub(super) paused: bool,
    pub(super) helps: bool,
}

impl Screen {
    /// Takes an answer, unless it pauses.
    pub fn show(&mut self, answer: anyhow::Result<Glance>) {
        if self.paused {
            return;
        }
        match answer {
            Ok(glance) => (self.glance, self.error) = (glance, None),
            Err(error) => self.error = Some(format!("{error:#}")),
        }
    }
}

impl Widget for &Screen {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let heights = [
            Constraint::Length(1),
            Constraint::Length(2),
            Constraint::Length(2),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ];
        let [title, rates, fills, losses, trouble, tabs, panel, keys] =
            Layout::vertical(heights).areas(area);
        self.title().render(title, buffer);
        self.rates(rates, buffer);
        self.fills(fills, buffer);
        self.losses().render(losses, buffer);
        self.trouble().render(trouble, buffer);
        self.tabs().render(tabs, buffer);
        if self.helps {
            HELP.map(Line::from)
                .into_iter()
                .zip(panel.rows())
                .for_each(|(line, row)| {
                    line.render(row, buffer);
                });
        } else {
            self.panel(panel, buffer);
        }
        let help = "q quit   p pause   1-5 tab panels   ? help";
        Line::from(help).dim().render(keys, buffer);
    }
}

impl Screen {
    fn title(&self) -> Line<'_> {
        let glance = &self.glance;
        let mut line = Line::from(vec![
            Span::from("collector ").bold(),
            Span::from(format!(
                "{} on {}, up {}, level {}, {} flows",
                glance.version,
                glance.interfaces.join(", "),
                duration(glance.uptime),
                glance.level.as_str(),
                short(glance.health.table.now),
            )),
        ]);
        if self.paused {
            line.push_span(Span::from("  paused").add_modifier(Modifier::REVERSED));
        }
        line
    }

    fn rates(&self, area: Rect, buffer: &mut Buffer) {
        for (index, (name, row)) in ["in", "out"].into_iter().zip(area.rows()).enumerate() {
            let [text, history] =
                Layout::horizontal([Constraint::Length(39), Constraint::Fill(1)]).areas(row);
            let rates = &self.glance.rates;
            let last = rates.last().copied().unwrap_or_default();
            let words = format!(
                "{name:<5}{:>8} packets/s {:>8}bit/s",
                short(last.packets[index]),
                short(last.bits[index]),
            );
            Line::from(words).render(text, buffer);
            let bits = |rates: &Rates| rates.bits[index];
            let newest = rates.len().saturating_sub(history.width.into());
            Sparkline::default()
                .data(rates.iter().skip(newest).map(bits))
                .style(Style::new().fg(Color::Green))
                .render(history, buffer);
        }
    }

    fn fills(&self, area: Rect, buffer: &mut Buffer) {
        let health = &self.glance.health;
        let rings = health
            .rings
            .iter()
            .map(|(name, fill)| (name.as_str(), fill));
        let fixed = [("table", &health.table), ("queue", &health.output.queue)];
        let all: Vec<_> = fixed.into_iter().chain(rings).collect();
        let columns = all.len().div_ceil(area.height.max(1).into());
        for (row, fills) in area.rows().zip(all.chunks(columns.max(1))) {
            let widths = vec![Constraint::Fill(1); columns];
            for (area, (name, fill)) in Layout::horizontal(widths).split(row).iter().zip(fills) {
                gauge(name, fill, area.width).render(*area, buffer);
            }
        }
    }

    fn losses(&self) -> Line<'static> {
        let losses = &self.glance.health.losses;
        let packets = [
            ("table", losses.overflow),
            ("late", losses.late),
            ("crash", losses.in_crash),
            ("disk", losses.unwritten),
        ];
        let samples = [("ring", losses.samples), ("shed", losses.samples_shed)];
        let mut line = Line::from("lost packets:");
        let number = |(name, count): (&'static str, u64)| {
            let style = if count > 0 {
                Style::new().red()
            } else {
                Style::new()
            };
            Span::styled(format!(" {name} {}", short(count)), style)
        };
        line.extend(packets.map(number));
        line.push_span("   samples:");
        line.extend(samples.map(number));
        line
    }

    fn trouble(&self) -> Line<'_> {
        if let Some(error) = &self.error {
            return Line::from(format!("! {error}")).red().bold();
        }
        match self.glance.health.troubles.as_slice() {
            [] => Line::from("all is well").green(),
            [one] => Line::from(format!("! {one}")).yellow(),
            [worst, more @ ..] => {
                Line::from(format!("! {worst} (and {} more)", more.len())).yellow()
            }
        }
    }

    fn tabs(&self) -> Line<'static> {
        let tab = |(number, (panel, name, _)): (usize, &(Panel, &'static str, &[By]))| {
            let tab = Span::from(format!(" {} {name} ", number + 1));
            if *panel == self.panel {
                tab.reversed()
            } else {
                tab
            }
        };
        PANELS.iter().enumerate().map(tab).collect()
    }

    fn panel(&self, area: Rect, buffer: &mut Buffer) {
        let dimensions = self.panel.dimensions();
        // One dimension has room for more columns; four make two rows of two.
        let rows = dimensions.len().div_ceil(2);
        let heights = vec![Constraint::Fill(1); rows];
        let lines = Layout::vertical(heights).split(area);
        for (area, pair) in lines.iter().zip(dimensions.chunks(2)) {
            let widths = vec![Constraint::Fill(1); pair.len()];
            let columns = Layout::horizontal(widths).spacing(2).split(*area);
            for (area, by) in columns.iter().zip(pair) {
                self.table(*by, *area, buffer);
            }
        }
    }

    fn table(&self, by: By, area: Rect, buffer: &mut Buffer) {
        let rows = self.glance.traffic.get(&by).map_or(&[][..], Vec::as_slice);
        let wide = area.width >= 60;
        let head = Line::from(head(by, wide)).bold().underlined();
        let rows = rows.iter().map(|row| Line::from(told(row, wide)));
        for (line, area) in std::iter::once(head).chain(rows).zip(area.rows()) {
            line.render(area, buffer);
        }
    }
}

fn head(by: By, wide: bool) -> String {
    let name = match by {
        By::Leg => "leg",
        By::Transport => "transport",
        By::Label => "label",
        By::Category => "category",
        By::Country => "country",
        By::Port => "port",
    };
    let mut head = format!("{name:<16}{:>7}{:>8}{:>8}", "flows", "packets", "bytes");
    if wide {
        let total = [("flows", 9), ("packets", 9), ("bytes", 9)];
        head += "  since start:";
        for (name, width) in total {
            head += &format!("{name:>width$}");
        }
    }
    head
}

fn told(row: &Row, wide: bool) -> String {
    // A label may be longer than its column.
    let name: String = row.name.chars().take(15).collect();
    let minute = row.minute;
    let [flows, packets, bytes] = [minute.flows, minute.packets, minute.bytes].map(short);
    let mut told = format!("{name:<16}{flows:>7}{packets:>8}{bytes:>8}");
    if wide {
        let total = row.total;
        told += &format!("{:14}", "");
        for number in [total.flows, total.packets, total.bytes] {
            told += &format!("{:>9}", short(number));
        }
    }
    told
}

fn gauge(name: &str, fill: &Fill, width: u16) -> Line<'static> {
    let (used, peak) = (
        per_cent(fill.now, fill.size),
        per_cent(fill.peak, fill.size),
    );
    let (cells, words) = if width >= 38 {
        (10, format!(" {used:>3} %, peak {peak} %"))
    } else {
        (5, format!(" {used} %"))
    };
    let full = (used * cells).div_ceil(100).min(cells);
    let bar = |cells: u64, symbol: &str| symbol.repeat(usize::try_from(cells).unwrap_or(0));
    let color = match used {
        0..60 => Color::Green,
        60..90 => Color::Yellow,
        _ => Color::Red,
    };
    Line::from(vec![
        Span::from(format!("{name:<9}")),
        Span::styled(bar(full, "█"), color),
        Span::from(bar(cells - full, "░")).dim(),
        Span::from(words),
    ])
}
