//! The live meter: kernel programs on interfaces, and the loop that turns what they count into
//! records.

mod agent;
mod attach;
mod conservation;
mod control;
mod doors;
mod drains;
mod ethtool;
pub(crate) mod fuzz;
mod host;
mod interface;
mod kernel;
mod leftover;
mod links;
mod maps;
mod options;
mod pins;
mod rings;
mod serve;
mod surroundings;
mod sys;

pub use agent::{Agent, Attached, Summary, wall_clock};
pub use conservation::{Amount, Balance, ConsensusStatus, Status, Sweeps, Swept};
pub use control::{ask, ask_glance, detach, only_socket};
pub use doors::Doors;
pub use host::Ended;
pub use interface::{Interface, refuse_stacked};
pub use options::{Ingress, Options, TcFlavour};
pub use pins::{Instance, PIN_ROOT, RUN_ROOT};
pub use serve::serve;
pub use surroundings::Lookout;
pub use sys::boot_time;
