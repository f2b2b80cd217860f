//! What dead agents left that this one can't go on with: tables of another size, of another set of
//! interfaces or of interfaces that are gone are written out first; tables of another version can't
//! be read, and are counted and dropped, since nobody may be there who would decide.

use anyhow::Context;
use aya::maps::MapData;
use collector_common::names;
use tracing::{info, warn};

use super::{
    Options,
    attach::remove_filters,
    interface::Interface,
    kernel::{Kernel, fits, sized_as},
    links::Links,
    maps::count_keys,
    pins::{Lock, OpenPins, PinFolder, folders_in_namespace},
};

/// Maps of a dead agent that hold what is in no record yet.
pub(super) struct Leftover {
    pub(super) kernel: Kernel,
    /// As the dead agent had them.
    pub(super) options: Options,
    pub(super) pins: OpenPins,
}

/// All that is left, found and not yet touched.
pub(super) struct Leftovers {
    folders: Vec<PinFolder>,
    /// Of interfaces that are gone: nobody else is to write them out.
    locks: Vec<Lock>,
}

/// All that is left, off its hooks.
pub(super) struct Opened {
    /// To be written out.
    pub(super) readable: Vec<Leftover>,
    /// Flows of tables that can't be read, which are gone.
    pub(super) lost_flows: u64,
    _locks: Vec<Lock>,
}

impl Leftovers {
    /// Looks for what concerns `interfaces`, whose locks are held, or nobody any more. Where `ours`
    /// holds maps that don't fit, it is moved aside.
    ///
    /// # Errors
    /// Folders can't be read or renamed.
    pub(super) fn find(
        options: &Options,
        interfaces: &[Interface],
        ours: &PinFolder,
    ) -> anyhow::Result<Self> {
        let (mut folders, mut locks) = (Vec::new(), Vec::new());
        let mut links = Links::open().context("netlink")?;
        for folder in folders_in_namespace(&options.pin_root)? {
            let indexes = folder.indexes();
            let concerns = |one: &Interface| indexes.contains(&one.index);
            if !interfaces.iter().any(concerns) {
                let is_there = |index: &u32| !matches!(links.numbered(*index), Ok(None));
                if indexes.iter().any(is_there) {
                    continue;
                }
                match Lock::take_gone(&options.run_root, &indexes) {
                    Ok(lock) => locks.push(lock),
                    // Its agent is about to stop.
                    Err(_) => continue,
                }
            }
            let is_ours = folder.path() == ours.path();
            if is_ours && options.pin && fits(&folder, options) {
                continue;
            }
            folders.push(if is_ours { folder.set_aside()? } else { folder });
        }
        Ok(Self { folders, locks })
    }

    /// Takes the dead agents' programs off their hooks and opens their maps; what can't be read is
    /// counted and dropped. `interfaces` are about to get new programs: filters there are replaced.
    ///
    /// # Errors
    /// A pin can't be removed.
    pub(super) fn open(
        self,
        options: &Options,
        interfaces: &[Interface],
    ) -> anyhow::Result<Opened> {
        let mut opened = Opened {
            readable: Vec::new(),
            lost_flows: 0,
            _locks: self.locks,
        };
        for folder in self.folders {
            let kernel = readable(&folder, options, interfaces);
            folder
                .unhook()
                .with_context(|| format!("unpinning the links in {}", folder.path().display()))?;
            remove_other_filters(&folder, interfaces)?;
            match kernel {
                Ok((kernel, options)) => {
                    info!("a dead agent left tables that don't fit; writing out what they hold");
                    opened.readable.push(Leftover {
                        kernel,
                        options,
                        pins: folder.open()?,
                    });
                }
                Err(reason) => opened.lost_flows += drop_unread(&folder, &reason)?,
            }
        }
        Ok(opened)
    }
}

fn readable(
    folder: &PinFolder,
    options: &Options,
    interfaces: &[Interface],
) -> anyhow::Result<(Kernel, Options)> {
    anyhow::ensure!(folder.has_our_layout(), "its layout is another version's");
    let theirs = sized_as(folder, options)?;
    // To close flows takes one object; it is put on no hook.
    let one = interfaces.get(..1).unwrap_or_default();
    Ok((Kernel::load(one, &theirs, Some(folder))?, theirs))
}

fn drop_unread(folder: &PinFolder, reason: &anyhow::Error) -> anyhow::Result<u64> {
    let flows = MapData::from_pin(folder.join(names::FLOWS))
        .map_err(anyhow::Error::new)
        .and_then(|map| count_keys(&map));
    let lost = flows.as_ref().copied().unwrap_or(0);
    warn!(
        flows = flows.map_or_else(|_| "?".to_owned(), |flows| flows.to_string()),
        reason = format!("{reason:#}"),
        "a dead agent of another version left flows that this one can't read; what they counted \
         since their last record is lost"
    );
    folder
        .remove()
        .with_context(|| format!("removing {}", folder.path().display()))?;
    Ok(lost)
}

/// Filters of the folder's interfaces that get no new ones.
fn remove_other_filters(folder: &PinFolder, interfaces: &[Interface]) -> anyhow::Result<()> {
    let mut links = Links::open().context("netlink")?;
    for index in folder.indexes() {
        let stays = interfaces.iter().any(|one| one.index == index);
        if !stays && let Some(other) = Interface::numbered(&mut links, index)? {
            remove_filters(&other)?;
        }
    }
    Ok(())
}
