//! The output of `collector explain`: a text on each flow. It shows payload and no addresses; for
//! captures that are the user's own. Nothing of the live meter leads here.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use collector_common::schema::Transport;

use crate::{
    anonymize,
    capture::replay::{Form, Formed, Output},
    inspect::{Confidence, Inspection, Label, explain::Round},
    pipeline::Recorder,
    record::Record,
};

/// Which flows are told of, and how much.
#[derive(Clone, Debug, Default)]
pub struct Explain {
    /// Ports at either end; empty: any.
    pub ports: Vec<u16>,
    /// Labels that the flow got, `Master` or `Master.App`; empty: any.
    pub labels: Vec<String>,
    /// Dissectors whose answers are shown; empty: all.
    pub asked: Vec<String>,
}

impl Form for Explain {
    type Item = String;

    /// Empty for a flow that is not asked for.
    fn form(&self, _: &mut Recorder, record: Record) -> String {
        if !self.wants(&record) {
            return String::new();
        }
        let mut text = String::new();
        self.tell(&mut text, &record)
            .expect("a string takes all that is written to it");
        text
    }
}

impl Explain {
    fn wants(&self, record: &Record) -> bool {
        let ports = record.flow.key.port;
        let label = record.inspection.label;
        let named = |name: &String| *name == label.master || *name == label.to_string();
        (self.ports.is_empty() || ports.iter().any(|port| self.ports.contains(port)))
            && (self.labels.is_empty() || self.labels.iter().any(named))
    }

    fn tell(&self, text: &mut String, record: &Record) -> std::fmt::Result {
        let [forth, back] = record.counts;
        let count = forth.plus(back);
        let flow = &record.flow;
        writeln!(
            text,
            "{} {} > {}, {} packets, {} bytes: {}",
            transport(flow.key.protocol),
            flow.key.port[flow.entry.opener().index()],
            anonymize::responder_port(flow),
            count.packets,
            count.bytes,
            outcome(&record.inspection),
        )?;
        let trace = record.inspection.trace.as_deref();
        let rounds = trace.map(|trace| trace.rounds()).unwrap_or_default();
        if rounds.is_empty() {
            writeln!(text, "  no dissector was asked: there was no payload")?;
        }
        for round in rounds {
            self.tell_round(text, round)?;
        }
        writeln!(text)
    }

    fn tell_round(&self, text: &mut String, round: &Round) -> std::fmt::Result {
        let side = if round.from_opener {
            "opener"
        } else {
            "responder"
        };
        writeln!(text, "  {side}, {} bytes", round.length)?;
        for (line, bytes) in round.head.chunks(16).enumerate() {
            writeln!(text, "    {:04x}  {}", line * 16, hex(bytes))?;
        }
        for (label, answer) in &round.asked {
            if self.shows(*label) {
                writeln!(text, "    {label}: {answer}")?;
            }
        }
        if round.others > 0 {
            writeln!(text, "    no: {} dissectors", round.others)?;
        }
        Ok(())
    }

    fn shows(&self, label: Label) -> bool {
        let named = |name: &String| *name == label.master || *name == label.app;
        self.asked.is_empty() || self.asked.iter().any(named)
    }
}

fn transport(number: u8) -> String {
    match Transport::from_number(number) {
        Transport::Other => format!("protocol {number}"),
        named => format!("{named:?}").to_lowercase(),
    }
}

fn outcome(inspection: &Inspection) -> String {
    let how = match inspection.confidence {
        Confidence::None => return inspection.label.to_string(),
        Confidence::Guess => "a guess",
        Confidence::Likely => "likely",
        Confidence::Certain => "certain",
    };
    format!(
        "{} ({}), {how}, by {}",
        inspection.label,
        inspection.category,
        inspection.method.as_str()
    )
}

/// Sixteen bytes as a line: numbers, then text.
fn hex(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = bytes.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    });
    format!("{:47}  {}", numbers.join(" "), text.collect::<String>())
}

/// Standard output, or what stands for it. A reader that goes away ends it without an error.
pub struct Printed<W> {
    to: Option<W>,
    flows: u64,
}

impl<W: Write> Printed<W> {
    /// Prints to `to`.
    pub fn new(to: W) -> Self {
        Self {
            to: Some(to),
            flows: 0,
        }
    }

    /// Flows that were told of.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// Nobody reads any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.to.is_none()
    }
}

impl<W: Write> Output<String> for Printed<W> {
    fn begin(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn write(&mut self, formed: Formed<String>) -> anyhow::Result<()> {
        let Some(to) = self.to.as_mut().filter(|_| !formed.item.is_empty()) else {
            return Ok(());
        };
        self.flows += 1;
        match to.write_all(formed.item.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.to = None,
            written => written?,
        }
        Ok(())
    }

    fn advance(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_are_a_line_and_what_is_not_text_is_a_dot() {
        assert_eq!(
            hex(b"GET / HTTP\r\n"),
            "47 45 54 20 2f 20 48 54 54 50 0d 0a              GET / HTTP.."
        );
    }

    #[test]
    fn an_answer_is_shown_by_the_name_of_its_protocol_or_application() {
        let explain = Explain {
            asked: vec!["DoH_DoT".into()],
            ..Explain::default()
        };
        let label = Label {
            master: "TLS",
            app: "DoH_DoT",
        };
        assert!(explain.shows(label));
        assert!(!explain.shows(Label::of("SSH")));
        assert!(Explain::default().shows(label));
    }
}
