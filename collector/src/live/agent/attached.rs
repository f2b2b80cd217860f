//! The moment between attaching and everything else: rights are given up here.

use std::{fs::File, path::Path};

use anyhow::Context;

use super::{
    super::{
        Doors, Options,
        attach::Attachment,
        kernel::Kernel,
        pins::{Instance, OpenPins},
    },
    Loaded,
};
use crate::rights::{Account, Inside, Rights, enter, make_folder, opener::Opener};

/// Hooks are attached, and nothing that others wrote is read yet.
pub struct Attached<'a> {
    kernel: &'a mut Kernel,
    hooks: &'a [Attachment],
    /// The agent's own, and those of what is to be written out.
    pins: Vec<&'a OpenPins>,
    instance: &'a Instance,
}

impl<'a> Attached<'a> {
    pub(super) fn of(
        loaded: &'a mut Loaded,
        pins: Option<&'a OpenPins>,
        instance: &'a Instance,
    ) -> Self {
        let left = loaded.left.readable.iter().map(|left| &left.pins);
        Self {
            kernel: &mut loaded.kernel,
            hooks: &loaded.hooks,
            pins: pins.into_iter().chain(left).collect(),
            instance,
        }
    }

    /// Opens what a running agent needs beside files.
    ///
    /// # Errors
    /// As [`Doors::open`].
    pub fn open_doors(&self, options: &Options) -> anyhow::Result<Doors> {
        Doors::open(self.instance, options)
    }

    /// Gives up all rights, to go on as `account` with what the agent holds and `folder`, the output's.
    ///
    /// # Errors
    /// The folder is not that user's; a step that the kernel refuses.
    pub fn close_in(
        &mut self,
        account: &Account,
        folder: &Path,
        doors: &Doors,
        opener: &Opener,
    ) -> anyhow::Result<Rights> {
        let output = make_folder(folder, account)?;
        doors.hand_over(account)?;
        let mut removes = vec![doors.folder()?];
        let mut removes_empty = Vec::new();
        for pins in &self.pins {
            pins.hand_over(account)?;
            let (folder, above) = pins.folders()?;
            removes.push(folder);
            removes_empty.extend(above);
        }
        let inside = Inside {
            account,
            output,
            removes,
            removes_empty,
            keeps_filters: self.hooks.iter().any(Attachment::is_filter),
            opener_reads_all: opener.reads_all(),
        };
        let rights = enter(inside, || self.kernel.probe())?;
        File::open(folder).with_context(|| {
            format!(
                "going to {} as user {}: a folder above it is closed to that user; name another \
                 with --out, or open the way with `chmod o+x`",
                folder.display(),
                account.uid()
            )
        })?;
        Ok(rights)
    }
}
