//! A SYN flood: flows of one packet each, from as many sources, to one server.

use std::io;

use collector_common::packet::tcp;

use super::{
    dice::Dice,
    endpoints::Endpoints,
    template::{opening, seal, set},
    truth::{Found, Truth},
    wire::Wire,
};
use crate::frames::Path;

/// The shortest Ethernet frame, without its FCS.
const SHORTEST_FRAME: usize = 60;

/// A SYN flood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flood {
    /// Flows, which are packets.
    pub flows: u64,
    /// SYNs without options in frames of 60 bytes; else with those of Linux, 74 bytes.
    pub bare: bool,
}

impl Flood {
    pub(super) fn run(
        self,
        seed: u64,
        wire: &mut Wire<'_>,
        truth: &mut Truth<'_>,
    ) -> io::Result<()> {
        let mut dice = Dice::new(seed);
        let mut endpoints = Endpoints::new(&mut dice);
        let mut frame = Vec::new();
        for _ in 0..self.flows {
            let path = endpoints.next().inbound(false, 443);
            if frame.is_empty() {
                frame = self.first(&path);
            }
            patch(&mut frame, &path, dice.u32());
            wire.flow_opened();
            let bytes = self.send(wire, &frame)?;
            truth.write(&found(&path, bytes))?;
        }
        Ok(())
    }

    fn first(self, path: &Path) -> Vec<u8> {
        if self.bare {
            path.tcp(tcp::SYN, 0, &[])
        } else {
            opening(path, tcp::SYN, 0, 0)
        }
    }

    /// The frame, padded where it is too short for Ethernet.
    fn send(self, wire: &mut Wire<'_>, frame: &[u8]) -> io::Result<u64> {
        if frame.len() >= SHORTEST_FRAME {
            return wire.send(frame);
        }
        let mut padded = [0; SHORTEST_FRAME];
        padded[..frame.len()].copy_from_slice(frame);
        wire.send(&padded)
    }
}

/// Makes the frame that of another source.
fn patch(frame: &mut [u8], path: &Path, sequence: u32) {
    let std::net::IpAddr::V4(source) = path.addresses.0 else {
        return; // floods are IPv4
    };
    set(frame, 14 + 12, source.octets());
    set(frame, 14 + 20, path.ports.0.to_be_bytes());
    set(frame, 14 + 20 + 4, sequence.to_be_bytes());
    seal(frame);
}

fn found(path: &Path, bytes: u64) -> Found {
    Found {
        l4: "tcp",
        ip_version: 4,
        ports: path.ports,
        packets: 1,
        bytes,
        label: "Unknown",
        complete: true,
    }
}
