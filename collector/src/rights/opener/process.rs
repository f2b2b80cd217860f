//! The opener's own side.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use caps::Capability;
use nix::sys::{
    prctl,
    signal::{SigSet, Signal},
};
use rustix::fs::{FileType, Mode, OFlags, fstat};

use super::{
    super::{Account, calls, capabilities, reach},
    list::{Readable, Wish, judge},
    wire::{self, REFUSED},
};

/// Most entries of a list.
const MAX_LIST: usize = 4096;

/// Opens for the agent behind standard input, until it goes.
///
/// # Errors
/// It can't close itself in; the agent speaks otherwise than it does.
pub fn run(uid: u32, gid: u32) -> anyhow::Result<()> {
    let socket = io::stdin();
    let list = hear_list(&socket)?;
    let reads_all = close_in(&list, &Account::with_numbers(uid, gid))?;
    wire::send(&socket, &[u8::from(reads_all)])?;
    // An empty packet is the end, too: the agent never sends one.
    while let Ok(request) = wire::receive(&socket) {
        if request.is_empty() {
            break;
        }
        wire::send_answer(&socket, answer(&list, &request))?;
    }
    Ok(())
}

fn hear_list(socket: &impl AsFd) -> anyhow::Result<Vec<Readable>> {
    let mut list = Vec::new();
    loop {
        let message = wire::receive(socket).context("this command is for `collector run` alone")?;
        if message.is_empty() {
            return Ok(list);
        }
        let one = Readable::from_bytes(&message).context("a list of files that is none")?;
        list.push(one);
        ensure!(list.len() <= MAX_LIST, "more than {MAX_LIST} files to read");
    }
}

/// Gives up all rights but to read these; whether files of others are read, too.
fn close_in(list: &[Readable], account: &Account) -> anyhow::Result<bool> {
    let rules = reach::of_opener(list.iter().flat_map(folders)).context("Landlock")?;
    let calls = calls::of_opener().context("seccomp")?;
    capabilities::keep_over_user_change().context("keeping capabilities")?;
    account.assume()?;
    let one = Capability::CAP_DAC_READ_SEARCH;
    let reads_all = capabilities::leave_but(one).context("giving up capabilities")?;
    prctl::set_dumpable(false)?;
    // Behind the change of user, which would undo it.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // A Ctrl-C is for the agent, which may still want files: this one ends when the agent has.
    SigSet::all().thread_block()?;
    reach::enforce(rules).context("Landlock")?;
    calls::enforce(&calls).context("seccomp")?;
    Ok(reads_all)
}

/// The folders of an entry that are there: as it is named, and where a link leads.
fn folders(one: &Readable) -> impl Iterator<Item = (OwnedFd, bool)> + use<> {
    let (folder, listed) = one.folder();
    let real = match one {
        Readable::File(path) => path.canonicalize().ok(),
        _ => None,
    };
    let real = real.and_then(|path| path.parent().map(Path::to_owned));
    let all: Vec<PathBuf> = [Some(folder.to_owned()), real]
        .into_iter()
        .flatten()
        .collect();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    all.into_iter().filter_map(move |path| {
        let opened = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        Some((opened, listed))
    })
}

fn answer(list: &[Readable], request: &[u8]) -> Result<OwnedFd, i32> {
    let (wish, path) = Wish::from_bytes(request).ok_or(REFUSED)?;
    let follows = judge(list, wish, path).ok_or(REFUSED)?;
    open(wish, path, follows).map_err(rustix::io::Errno::raw_os_error)
}

fn open(wish: Wish, path: &Path, follows: bool) -> rustix::io::Result<OwnedFd> {
    let flags = match wish {
        Wish::Read => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
        Wish::List => OFlags::RDONLY | OFlags::DIRECTORY,
        Wish::About => OFlags::PATH,
    };
    let links = if follows {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    };
    let opened = rustix::fs::open(path, flags | links | OFlags::CLOEXEC, Mode::empty())?;
    let kind = FileType::from_raw_mode(fstat(&opened)?.st_mode);
    if wish == Wish::Read && kind != FileType::RegularFile {
        return Err(rustix::io::Errno::INVAL);
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::Read,
    };

    use super::*;

    fn asked(list: &[Readable], wish: Wish, path: &Path) -> Result<OwnedFd, i32> {
        answer(list, &wish.to_bytes(path))
    }

    #[test]
    fn a_consensus_is_read_again_when_it_was_replaced_and_no_link_leads_to_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let list = [Readable::Data(data.to_owned())];
        let consensus = data.join("cached-consensus");
        let read = || {
            let mut text = String::new();
            let opened = asked(&list, Wish::Read, &consensus)?;
            File::from(opened).read_to_string(&mut text).unwrap();
            Ok::<_, i32>(text)
        };
        assert_eq!(read(), Err(libc::ENOENT));
        for text in ["first", "second"] {
            fs::write(data.join("new"), text).unwrap();
            fs::rename(data.join("new"), &consensus).unwrap();
            assert_eq!(read().as_deref(), Ok(text));
        }
        fs::write(data.join("key"), "secret").unwrap();
        fs::remove_file(&consensus).unwrap();
        std::os::unix::fs::symlink(data.join("key"), &consensus).unwrap();
        assert_eq!(read(), Err(libc::ELOOP));
        assert!(asked(&list, Wish::Read, &data.join("key")).is_err_and(|number| number == REFUSED));
    }

    #[test]
    fn a_pipe_and_a_folder_are_no_files_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let list = [Readable::Tree(folder.path().to_owned())];
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [pipe.as_path(), folder.path()] {
            assert!(asked(&list, Wish::Read, path).is_err_and(|number| number == libc::EINVAL));
        }
        assert!(asked(&list, Wish::List, folder.path()).is_ok());
        assert!(asked(&list, Wish::About, &pipe).is_ok());
    }
}
