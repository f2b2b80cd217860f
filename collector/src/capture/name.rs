//! What the output of a capture is called. The names of captures come from strangers.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
};

/// Behind the capture's name.
const SUFFIX: &str = ".ndjson.zst";
/// Bytes of a name: with all that is put around it, it is a name still.
const LONGEST: usize = 200;

/// File name of a capture that an output may be named after: UTF-8 of at most 200 bytes without
/// control characters, not hidden, and no way out of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CaptureName(String);

/// No output can be named after a capture.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name itself is at fault. It is told with escapes.
    #[error(
        "no output can be named after {0:?}: a capture's name has 1 to {LONGEST} bytes of UTF-8, \
         no control characters and no dot in front; rename it, or replay without --each"
    )]
    Unfit(PathBuf),
    /// It is that of another capture of the same run.
    #[error(
        "two captures are called {0}, and their outputs would be too: replay them in two runs \
         with folders of their own, or without --each"
    )]
    Twice(CaptureName),
}

impl CaptureName {
    /// The name of the capture at `path`.
    ///
    /// # Errors
    /// It has none, or one that is unfit.
    pub fn of(path: &Path) -> Result<Self, NameError> {
        let name = path.file_name().and_then(|name| name.to_str());
        name.filter(|name| is_fit(name))
            .map(|name| Self(name.to_owned()))
            .ok_or_else(|| NameError::Unfit(path.to_owned()))
    }

    /// The names of all captures of a run, in their order. To be asked before anything is written.
    ///
    /// # Errors
    /// One is unfit, or two are the same.
    pub fn of_all(paths: &[PathBuf]) -> Result<Vec<Self>, NameError> {
        let mut seen = HashSet::new();
        let mut names = Vec::with_capacity(paths.len());
        for path in paths {
            let name = Self::of(path)?;
            if !seen.insert(name.clone()) {
                return Err(NameError::Twice(name));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// Where its output is in `folder`.
    #[must_use]
    pub fn output(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}{SUFFIX}", self.0))
    }

    /// Where its output is made in `folder`.
    pub(super) fn work(&self, folder: &Path) -> PathBuf {
        folder.join(format!(".{}.replay", self.0))
    }
}

impl fmt::Display for CaptureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_fit(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && !name.starts_with('.')
        && !name.contains('/')
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn name(path: &str) -> Result<CaptureName, NameError> {
        CaptureName::of(Path::new(path))
    }

    #[test]
    fn an_output_is_named_after_the_file_alone_and_stays_in_its_folder() {
        let name = name("/captures/../x/443-chrome.pcap").unwrap();
        let out = Path::new("out");
        assert_eq!(
            name.output(out),
            Path::new("out/443-chrome.pcap.ndjson.zst")
        );
        assert_eq!(name.work(out), Path::new("out/.443-chrome.pcap.replay"));
    }

    #[test]
    fn a_name_that_leaves_the_folder_hides_or_steers_a_terminal_is_refused() {
        for bad in ["..", "a/..", "/", "", ".hidden", "a\nb", "a\u{1b}[2Jb"] {
            assert!(matches!(name(bad), Err(NameError::Unfit(_))), "{bad:?}");
        }
        let bytes = Path::new(OsStr::from_bytes(b"a\xffb"));
        assert!(CaptureName::of(bytes).is_err());
        assert!(name(&"x".repeat(LONGEST)).is_ok());
        assert!(name(&"x".repeat(LONGEST + 1)).is_err());
        let told = name("a\u{1b}b").unwrap_err().to_string();
        assert!(
            !told.contains('\u{1b}') && told.contains("rename"),
            "{told}"
        );
    }

    #[test]
    fn two_captures_of_one_name_are_refused() {
        let paths = ["a/x.pcap", "a/y.pcap", "b/x.pcap"].map(PathBuf::from);
        assert_eq!(CaptureName::of_all(&paths[..2]).unwrap().len(), 2);
        let error = CaptureName::of_all(&paths).unwrap_err();
        assert!(error.to_string().contains("called x.pcap"), "{error}");
    }
}
