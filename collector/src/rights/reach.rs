//! Landlock (landlock(7)): which files a process still reaches, in folders that were opened before.

use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use super::Inside;

/// The newest that the rules were written for: what a kernel lacks of it is left out.
const NEWEST: ABI = ABI::V7;

/// Nothing at all: no file, no TCP, no signal to others, no abstract socket.
fn nothing() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

/// Records are written, what was made for the run is removed.
pub(super) fn of_agent(inside: &Inside<'_>) -> Result<RulesetCreated, RulesetError> {
    let records = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile
    });
    let mut rules = nothing()?.add_rule(PathBeneath::new(&inside.output, records))?;
    for folder in &inside.removes {
        let remove = make_bitflags!(AccessFs::{ ReadDir | RemoveFile });
        rules = rules.add_rule(PathBeneath::new(folder, remove))?;
    }
    // A pin folder is renamed before it goes.
    let empty = make_bitflags!(AccessFs::{ MakeDir | RemoveDir });
    for folder in &inside.removes_empty {
        rules = rules.add_rule(PathBeneath::new(folder, empty))?;
    }
    Ok(rules)
}

/// Files are read below each of `folders`; those marked true may be listed, too.
pub(super) fn of_opener(
    folders: impl Iterator<Item = (OwnedFd, bool)>,
) -> Result<RulesetCreated, RulesetError> {
    let mut rules = nothing()?;
    for (folder, listed) in folders {
        let mut access: BitFlags<_> = AccessFs::ReadFile.into();
        if listed {
            access |= AccessFs::ReadDir;
        }
        rules = rules.add_rule(PathBeneath::new(folder.as_fd(), access))?;
    }
    Ok(rules)
}

/// From now on there is no more than `rules`; the version of the interface that is in force.
pub(super) fn enforce(rules: RulesetCreated) -> Result<Option<u32>, RulesetError> {
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (_, LandlockStatus::Available { effective_abi, .. }) => Some(effective_abi as u32),
        _ => None,
    })
}
