//! What the operator chose for the kernel's side, checked.

use std::{num::NonZero, path::PathBuf};

use collector_common::{
    names,
    settings::{DEFAULT_TABLE_SIZE, Timeouts},
};

use super::pins::{PIN_ROOT, RUN_ROOT};
use crate::exclusion::Exclusion;

/// Which hook meters what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ingress {
    /// TC: exact on every driver, and changes no offload of any.
    #[default]
    Auto,
    /// XDP in the driver; TC where the driver changes its offloads for it.
    Xdp,
    /// TC.
    Tc,
}

/// How a TC program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TcFlavour {
    /// tcx where the kernel has it (6.6), else clsact.
    #[default]
    Auto,
    /// tcx or an error.
    Tcx,
    /// A filter on clsact.
    Clsact,
}

/// Everything about the kernel's side.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interfaces by name, at least one.
    pub interfaces: Vec<String>,
    /// Hook for what comes in.
    pub ingress: Ingress,
    /// How TC programs are attached.
    pub tc: TcFlavour,
    /// Entries of the flow table.
    pub table_size: u32,
    /// Bytes of the rings of payload samples together, a power of two.
    pub sample_ring: u32,
    /// How many rings of samples there are, each with a thread that inspects: 1, 2 or 4.
    pub sample_rings: u32,
    /// What such a thread may use of one core, per cent.
    pub inspect_share: u8,
    /// Bytes of the ring of late packets, and of that of overflow packets; a power of two.
    pub late_ring: u32,
    /// Take payload samples at all.
    pub sample_payload: bool,
    /// Not metered.
    pub exclusions: Vec<Exclusion>,
    /// When flows end.
    pub timeouts: Timeouts,
    /// Keep maps and links over a crash.
    pub pin: bool,
    /// Folder on bpffs.
    pub pin_root: PathBuf,
    /// Folder of locks and sockets.
    pub run_root: PathBuf,
    /// Programs read the time that tests set, instead of the kernel's clock.
    pub test_clock: bool,
}

/// As many as there are CPUs, down to a power of two.
fn sample_rings() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, NonZero::get);
    let most = names::SAMPLES.len();
    1 << cpus.min(most).ilog2()
}

impl Options {
    /// The defaults, for these interfaces.
    #[must_use]
    pub fn new(interfaces: Vec<String>) -> Self {
        Self {
            interfaces,
            ingress: Ingress::default(),
            tc: TcFlavour::default(),
            table_size: DEFAULT_TABLE_SIZE,
            sample_ring: 8 << 20,
            sample_rings: sample_rings(),
            inspect_share: 50,
            late_ring: 4 << 20,
            sample_payload: true,
            exclusions: Vec::new(),
            timeouts: Timeouts::DEFAULT,
            pin: true,
            pin_root: PIN_ROOT.into(),
            run_root: RUN_ROOT.into(),
            test_clock: false,
        }
    }
}
