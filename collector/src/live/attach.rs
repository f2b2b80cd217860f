//! Attaching to an interface's hooks, and letting go.

use std::{io::ErrorKind, path::PathBuf};

use anyhow::{Context, bail};
use aya::{
    Ebpf,
    programs::{
        LinkOrder, SchedClassifier, TcAttachType, Xdp, XdpMode,
        links::{FdLink, PinnedLink},
        tc::{
            NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle, qdisc_add_clsact,
            qdisc_detach_program,
        },
        xdp::XdpLink,
    },
};
use collector_common::{books::Hook, names, packet::Link};
use tracing::{info, warn};

use super::{
    Ingress, Options, TcFlavour,
    ethtool::Ethtool,
    interface::Interface,
    kernel::{program, verifier_log},
    links::Filter,
    pins::{OpenPins, PinFolder},
};

/// Where our filter sits on clsact: always the same place, so that a crashed agent's is replaced
/// and never doubled.
const PRIORITY: u16 = 1;
const HANDLE: TcHandle = TcHandle::new(0, 0x0c01);
/// `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)` and `…EGRESS` (include/uapi/linux/pkt_sched.h).
const CLSACT_INGRESS: u32 = 0xffff_fff2;
const CLSACT_EGRESS: u32 = 0xffff_fff3;

/// How a hook is held.
enum Held {
    /// A link; detached when the descriptor closes, unless it is pinned at the path.
    Link(FdLink, Option<PathBuf>),
    /// A clsact filter; removed when this is dropped, kept by the kernel after a crash.
    Filter(SchedClassifierLink, TcAttachType),
}

/// One program on one hook of one interface.
pub(super) struct Attachment {
    held: Held,
    /// Number of its interface, which may get another name.
    pub(super) interface: u32,
    /// It is XDP, before the kernel has done anything with a packet.
    pub(super) is_xdp: bool,
    /// Hook, program, way.
    what: String,
}

impl Attachment {
    /// What is attached, for the log and for people; `interface` as it is called now.
    pub(super) fn describe(&self, interface: &str) -> String {
        format!("{interface} {}", self.what)
    }

    /// The filter, where it is one: unlike a link, others can take it away.
    pub(super) fn filter(&self) -> Option<Filter> {
        let Held::Filter(_, way) = self.held else {
            return None;
        };
        Some(Filter {
            index: self.interface,
            parent: match way {
                TcAttachType::Egress => CLSACT_EGRESS,
                _ => CLSACT_INGRESS,
            },
            priority: PRIORITY,
            handle: HANDLE.into(),
        })
    }

    /// Lets go of the hook. A packet may still be in the program: wait for a grace period.
    pub(super) fn detach(self, pins: Option<&OpenPins>) -> anyhow::Result<()> {
        match self.held {
            Held::Link(link, pin) => {
                if let (Some(path), Some(pins)) = (pin, pins) {
                    pins.unpin(path.file_name().unwrap_or_default())
                        .with_context(|| format!("unpinning {}", path.display()))?;
                }
                drop(link);
            }
            Held::Filter(filter, _) => drop(filter),
        }
        Ok(())
    }

    /// Whether it is a filter, which goes by netlink only.
    pub(super) fn is_filter(&self) -> bool {
        matches!(self.held, Held::Filter(..))
    }
}

/// Attaches what one interface needs, ingress first.
///
/// # Errors
/// Names the hook and what the kernel said.
pub(super) fn attach(
    object: &mut Ebpf,
    interface: &Interface,
    options: &Options,
    pins: Option<&PinFolder>,
) -> anyhow::Result<Vec<Attachment>> {
    let mut attachments = vec![ingress(object, interface, options, pins)?];
    // On a loopback device each packet comes in again: one hook sees it once.
    if !interface.loopback {
        attachments.push(classifier(object, interface, Hook::Egress, options, pins)?);
    }
    Ok(attachments)
}

fn ingress(
    object: &mut Ebpf,
    interface: &Interface,
    options: &Options,
    pins: Option<&PinFolder>,
) -> anyhow::Result<Attachment> {
    let pinned_xdp = pins.map(|pins| pin_path(pins, interface, names::METER_XDP));
    let pinned_tc = pins.map(|pins| pin_path(pins, interface, names::METER_TC_IN));
    let wanted = options.ingress == Ingress::Xdp;
    // Two programs on one way would count each packet twice.
    let serves = is_left(pinned_xdp.as_ref()) || (wanted && !is_left(pinned_tc.as_ref()));
    if serves != wanted {
        info!(
            interface = interface.name,
            "keeping the ingress hook that the last agent left, not the one asked for"
        );
    }
    if serves && let Some(attachment) = xdp(object, interface, pinned_xdp)? {
        return Ok(attachment);
    }
    classifier(object, interface, Hook::Ingress, options, pins)
}

/// XDP in driver mode; `None` where it would not see the wire's packets, or where the driver
/// changed its offloads for it: then TC serves.
fn xdp(
    object: &mut Ebpf,
    interface: &Interface,
    pin: Option<PathBuf>,
) -> anyhow::Result<Option<Attachment>> {
    if interface.link != Link::Ethernet || interface.loopback {
        bail!(
            "{} can't run XDP in its driver; use --ingress tc",
            interface.name
        );
    }
    let name = &interface.name;
    if interface.tap {
        warn!(
            interface = name,
            "a tap device shows XDP several packets as one; metering ingress at TC instead"
        );
        return Ok(None);
    }
    let meter: &mut Xdp = program(object, names::METER_XDP)?.try_into()?;
    meter.load().map_err(verifier_log)?;
    let attached = |held| Attachment {
        held,
        interface: interface.index,
        is_xdp: true,
        what: format!("ingress {} xdp, driver mode", names::METER_XDP),
    };
    if let Some(link) = take_pinned(pin.as_ref())? {
        let link = XdpLink::try_from(link).context("a pin of ours that is no XDP link")?;
        let id = meter
            .attach_to_link(link)
            .context("taking over the XDP link")?;
        let link = meter.take_link(id)?.try_into()?;
        return Ok(Some(attached(Held::Link(link, pin))));
    }
    remove_filter(interface, TcAttachType::Ingress, names::METER_TC_IN)?;
    let ethtool = Ethtool::open()?;
    let before = ethtool.offloads(name);
    // Driver mode or nothing: generic XDP sees super-packets and can't tell their segments.
    let id = meter.attach(name, XdpMode::Driver).with_context(|| {
        format!(
            "attaching XDP to {name}: the driver has no XDP, another program is there, or the \
             MTU of {} does not fit; use --ingress tc",
            interface.mtu
        )
    })?;
    let link: FdLink = meter.take_link(id)?.try_into()?;
    let changed = before.changed(&ethtool.offloads(name));
    if !changed.is_empty() {
        warn!(
            interface = name,
            changed = changed.join(", "),
            "XDP changes the driver's offloads; metering ingress at TC instead"
        );
        return Ok(None);
    }
    Ok(Some(attached(hold(link, pin)?)))
}

fn classifier(
    object: &mut Ebpf,
    interface: &Interface,
    hook: Hook,
    options: &Options,
    pins: Option<&PinFolder>,
) -> anyhow::Result<Attachment> {
    let (name, way) = match hook {
        Hook::Ingress => (names::METER_TC_IN, TcAttachType::Ingress),
        // A capture is never attached.
        Hook::Egress | Hook::Capture => (names::METER_TC_OUT, TcAttachType::Egress),
    };
    let meter: &mut SchedClassifier = program(object, name)?.try_into()?;
    meter.load().map_err(verifier_log)?;
    let pin = pins.map(|pins| pin_path(pins, interface, name));
    let device = &interface.name;
    let attached = |held, way| Attachment {
        held,
        interface: interface.index,
        is_xdp: false,
        what: format!("{} {name} {way}", hook.as_str()),
    };
    let left = is_left(pin.as_ref());
    if left && options.tc == TcFlavour::Clsact {
        info!(
            interface = device,
            "keeping tcx, where the last agent left it"
        );
    }
    if options.tc != TcFlavour::Clsact || left {
        match tcx(meter, interface, way, pin) {
            Ok(held) => return Ok(attached(held, "tcx, first")),
            Err(error) if options.tc == TcFlavour::Tcx => {
                return Err(error.context(format!("attaching to {device} by tcx (Linux 6.6)")));
            }
            Err(error) => {
                info!(
                    interface = device,
                    reason = format!("{error:#}"),
                    "no tcx, using clsact"
                );
            }
        }
    }
    let filter = clsact(meter, device, way)
        .with_context(|| format!("attaching a filter to {device}, {}", hook.as_str()))?;
    Ok(attached(Held::Filter(filter, way), "clsact"))
}

fn tcx(
    meter: &mut SchedClassifier,
    interface: &Interface,
    way: TcAttachType,
    pin: Option<PathBuf>,
) -> anyhow::Result<Held> {
    if let Some(link) = take_pinned(pin.as_ref())? {
        let link = SchedClassifierLink::try_from(link).context("a pin of ours, no tcx link")?;
        let id = meter
            .attach_to_link(link)
            .context("taking over the tcx link")?;
        return Ok(Held::Link(meter.take_link(id)?.try_into()?, pin));
    }
    let first = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = meter.attach_with_options(&interface.name, way, first)?;
    let link: FdLink = meter.take_link(id)?.try_into()?;
    // The last agent's filter would count each packet a second time. It goes now and not before:
    // a kernel without tcx takes it over.
    remove_filter(interface, way, name_on(way))?;
    hold(link, pin)
}

fn clsact(
    meter: &mut SchedClassifier,
    device: &str,
    way: TcAttachType,
) -> anyhow::Result<SchedClassifierLink> {
    // It may be there already, ours or not: the filter tells.
    let _ = qdisc_add_clsact(device);
    let ours = SchedClassifierLink::attached(device, way, PRIORITY, HANDLE, None)?;
    let id = match meter.attach_to_link(ours) {
        Ok(id) => id,
        Err(_) => {
            let options = NlOptions {
                priority: PRIORITY,
                handle: HANDLE,
                classid: None,
            };
            meter.attach_with_options(device, way, TcAttachOptions::Netlink(options))?
        }
    };
    Ok(meter.take_link(id)?)
}

fn pin_path(pins: &PinFolder, interface: &Interface, program: &str) -> PathBuf {
    pins.join(&format!("if{}_{program}", interface.index))
}

/// Whether a crashed agent left a link at `pin`.
fn is_left(pin: Option<&PathBuf>) -> bool {
    pin.is_some_and(|path| path.exists())
}

/// The link a crashed agent left, if any.
fn take_pinned(pin: Option<&PathBuf>) -> anyhow::Result<Option<FdLink>> {
    match pin {
        Some(path) if path.exists() => {
            let link = PinnedLink::from_pin(path)
                .with_context(|| format!("opening the pinned link {}", path.display()))?;
            Ok(Some(link.into()))
        }
        _ => Ok(None),
    }
}

fn hold(link: FdLink, pin: Option<PathBuf>) -> anyhow::Result<Held> {
    let Some(path) = pin else {
        return Ok(Held::Link(link, None));
    };
    let pinned = link
        .pin(&path)
        .with_context(|| format!("pinning {}", path.display()))?;
    Ok(Held::Link(pinned.into(), Some(path)))
}

/// Removes the filters that a dead agent left on clsact; none there is no error.
///
/// # Errors
/// What the kernel said other than "not found".
pub(super) fn remove_filters(interface: &Interface) -> anyhow::Result<usize> {
    let ways = [TcAttachType::Ingress, TcAttachType::Egress];
    ways.into_iter().try_fold(0, |removed, way| {
        let gone = remove_filter(interface, way, name_on(way))?;
        Ok(removed + usize::from(gone))
    })
}

/// Whether a filter of ours was there.
fn remove_filter(interface: &Interface, way: TcAttachType, name: &str) -> anyhow::Result<bool> {
    match qdisc_detach_program(&interface.name, way, name) {
        Ok(()) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error)
            .with_context(|| format!("removing the filter {name} from {}", interface.name)),
    }
}

/// The program that serves `way`.
fn name_on(way: TcAttachType) -> &'static str {
    match way {
        TcAttachType::Egress => names::METER_TC_OUT,
        _ => names::METER_TC_IN,
    }
}

/// No such filter, or no clsact at all. A missing right is neither.
fn is_absent(error: &TcError) -> bool {
    match error {
        TcError::IoError(error) => error.kind() == ErrorKind::NotFound,
        TcError::NetlinkError(error) => {
            matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINVAL))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_missing_right_is_not_an_absent_filter() {
        let not_there = TcError::IoError(io::Error::from(ErrorKind::NotFound));
        let refused = TcError::IoError(io::Error::from_raw_os_error(libc::EPERM));
        assert!(is_absent(&not_there));
        assert!(!is_absent(&refused));
    }
}
