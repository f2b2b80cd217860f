//! A packet source inside the kernel: `BPF_PROG_TEST_RUN` with live XDP frames
//! (Documentation/bpf/bpf_prog_run.rst). Much faster than a socket, and exact: the kernel sends
//! as many frames as it was asked for.
//!
//! Over veth the frames arrive only where the far end has NAPI: an XDP program, or GRO on
//! ([`crate::link::Offloads::All`]; see `veth_xdp_xmit` in drivers/net/veth.c). Otherwise they
//! are dropped and counted nowhere, so compare with the far end's counters. They pass no egress
//! hook of the near end.

use std::{
    path::{Path as FilePath, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aya::{
    Ebpf, EbpfLoader,
    programs::{TestRun, TestRunAttrs, TestRunOptions, Xdp},
};

use crate::{
    frames::Path,
    link::{End, IpVersion},
    netns::Namespace,
    raw_socket::Sent,
};

/// Name of the program in the object.
const PROGRAM: &str = "generate";
/// Most flows that one generator makes: 60,000 ports on each of 254 source addresses.
pub const MAX_FLOWS: u32 = 60_000 * 254;
/// Frames that the kernel makes before it lets the receiver run; the ring of a veth holds 256.
const BATCH: u32 = 64;

/// Where `cargo xtask build` leaves the object with the generator.
#[must_use]
pub fn object_path() -> PathBuf {
    std::env::var_os("COLLECTOR_BENCH_OBJECT").map_or_else(
        || {
            FilePath::new(env!("CARGO_MANIFEST_DIR"))
                .join("../target/bpf/bpfel-unknown-none/release/bench-ebpf")
        },
        PathBuf::from,
    )
}

/// What a generator sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// UDP or TCP without VLAN tags, IP options and extension headers. Source port and last byte
    /// of the source address are replaced, the checksums stay.
    pub frame: Vec<u8>,
    /// Its IP version.
    pub version: IpVersion,
    /// Number of flows, sent round robin; 1 to [`MAX_FLOWS`].
    pub flows: u32,
}

impl Stream {
    /// Small UDP frames on an [`unanswered`] path.
    #[must_use]
    pub fn udp(from: &End, to: &End, version: IpVersion, flows: u32) -> Self {
        let frame = unanswered(from, to, version).udp(&[0; 18]);
        Self {
            frame,
            version,
            flows,
        }
    }
}

/// From one end of a pair to the other, but to a hardware address that is not the other's: its
/// hooks see each frame, then its stack drops the frame without an answer.
#[must_use]
pub fn unanswered(from: &End, to: &End, version: IpVersion) -> Path {
    let mut path = Path::between(from, to, version, (1024, 9));
    path.macs.1 = [2, 0, 0, 0, 0xff, 0xff];
    path
}

/// Sends one stream by one interface.
#[derive(Debug)]
pub struct Generator {
    ebpf: Ebpf,
    frame: Vec<u8>,
}

impl Generator {
    /// Loads the generator for a stream that leaves by `interface` (an index in the namespace it
    /// will run in).
    ///
    /// # Errors
    /// The object is missing or the kernel refuses it.
    pub fn load(object: &FilePath, interface: u32, stream: &Stream) -> Result<Self> {
        ensure!(
            (1..=MAX_FLOWS).contains(&stream.flows),
            "1 to {MAX_FLOWS} flows"
        );
        let (host_offset, port_offset): (u32, u32) = match stream.version {
            IpVersion::V4 => (14 + 12 + 3, 14 + 20),
            IpVersion::V6 => (14 + 8 + 15, 14 + 40),
        };
        let mut ebpf = EbpfLoader::new()
            .override_global("FLOWS", &stream.flows, true)
            .override_global("INTERFACE", &interface, true)
            .override_global("HOST_OFFSET", &host_offset, true)
            .override_global("PORT_OFFSET", &port_offset, true)
            .load_file(object)
            .with_context(|| format!("{} (cargo xtask build)", object.display()))?;
        let program: &mut Xdp = ebpf.program_mut(PROGRAM).context(PROGRAM)?.try_into()?;
        program.load()?;
        let frame = stream.frame.clone();
        Ok(Self { ebpf, frame })
    }

    /// Sends `packets` frames from inside `namespace`, going on in the round of flows where the
    /// last call ended; gives what was sent. Two calls at a time would share frames out unevenly.
    ///
    /// # Errors
    /// The kernel refuses the run.
    pub fn send(&self, namespace: &Namespace, packets: u32) -> Result<Sent> {
        let program: &Xdp = self.ebpf.program(PROGRAM).context(PROGRAM)?.try_into()?;
        let _inside = namespace.enter()?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(&self.frame);
        options.repeat = packets;
        options.attrs = TestRunAttrs::new().xdp_live_frames(BATCH);
        program.test_run(options)?;
        Ok(Sent {
            packets: packets.into(),
            bytes: u64::from(packets) * self.frame.len() as u64,
        })
    }

    /// Sends for `duration`, in bursts of 10 ms, at no more than `per_second` frames a second;
    /// gives what was sent, all of it before the return.
    ///
    /// # Errors
    /// As [`Generator::send`].
    pub fn send_for(
        &self,
        namespace: &Namespace,
        duration: Duration,
        per_second: u32,
    ) -> Result<Sent> {
        const PAUSE: Duration = Duration::from_millis(10);
        let burst = (per_second / 100).max(1);
        let start = Instant::now();
        let mut next = start;
        let mut sent = Sent::default();
        while start.elapsed() < duration {
            let part = self.send(namespace, burst)?;
            sent.packets += part.packets;
            sent.bytes += part.bytes;
            next += PAUSE;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(sent)
    }
}
