//! The captures that are compared on.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::{caller::Caller, command};

/// A capture.
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// A SYN flood, which takes peers minutes and much memory.
    pub(super) flood: bool,
    pub(super) packets: u64,
}

impl Input {
    /// A capture of the user's.
    pub(super) fn given(path: &Path) -> Result<Self> {
        let packets = packets(path).with_context(|| format!("reading {}", path.display()))?;
        let (path, flood) = (path.to_path_buf(), false);
        Ok(Self {
            path,
            flood,
            packets,
        })
    }

    /// A generated one, made again when the generator is newer.
    pub(super) fn made(
        folder: &Path,
        name: &str,
        arguments: &[&str],
        generator: &Path,
        caller: &Caller,
    ) -> Result<Self> {
        let path = folder.join(name);
        if changed(&path)? <= changed(generator)? {
            eprintln!("bench: making {}", path.display());
            let part = folder.join(format!("{name}.part"));
            let mut command = caller.command(generator);
            command::run(command.arg("--out").arg(&part).args(arguments))?;
            fs::rename(&part, &path)?;
        }
        let flood = arguments.contains(&"syn-flood");
        Ok(Self {
            flood,
            ..Self::given(&path)?
        })
    }
}

/// When a file was written last; the beginning of time where there is none.
fn changed(path: &Path) -> Result<SystemTime> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.modified()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SystemTime::UNIX_EPOCH),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Packets of a classic capture file (draft-ietf-opsawg-pcap).
fn packets(path: &Path) -> Result<u64> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut header = [0; 24];
    file.read_exact(&mut header).context("the file's header")?;
    let word: fn([u8; 4]) -> u32 = match header[..4] {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => u32::from_le_bytes,
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => u32::from_be_bytes,
        _ => bail!("only classic captures are compared on: `editcap -F pcap` makes one of it"),
    };
    let mut packets = 0;
    let mut record = [0; 16];
    while read_whole(&mut file, &mut record)? {
        let [.., a, b, c, d, _, _, _, _] = record;
        file.seek_relative(word([a, b, c, d]).into())?;
        packets += 1;
    }
    Ok(packets)
}

/// False at the end of the file.
fn read_whole(file: &mut impl Read, record: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(record) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_in_both_byte_orders() {
        let mut little = vec![0xd4, 0xc3, 0xb2, 0xa1];
        little.resize(24, 0);
        for length in [3_u8, 0] {
            little.extend([0; 8]);
            little.extend([length, 0, 0, 0, length, 0, 0, 0]);
            little.resize(little.len() + usize::from(length), 0xff);
        }
        let mut big = vec![0xa1, 0xb2, 0xc3, 0xd4];
        big.resize(24, 0);
        big.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0xff]);
        for (bytes, expected) in [(little, 2), (big, 1)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), bytes).unwrap();
            assert_eq!(packets(file.path()).unwrap(), expected);
        }
    }

    #[test]
    fn another_format_is_refused_with_a_way_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0x0a; 32]).unwrap();
        let message = packets(file.path()).unwrap_err().to_string();
        assert!(message.contains("editcap"), "{message}");
    }
}
