//! A torrc with all that it includes (tor's manual page on `%include`).

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use glob::{MatchOptions, Pattern};

use super::lines::{Command, Lines};
use crate::{
    locate::tor::file::{self, FileError},
    rights::files,
};

/// Longest file that is read, bytes.
const MAX_FILE: u64 = 1 << 20;
/// Longest torrc with all that it includes, bytes.
const MAX_TOTAL: usize = 4 << 20;
/// Files of one torrc, folders searched for them, and names in those folders.
const MAX_FILES: u32 = 4096;
/// Includes within includes, as in tor (`MAX_INCLUDE_RECURSION_LEVEL`).
const MAX_DEPTH: u32 = 31;

/// A key with its value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) command: Command,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) path: Rc<Path>,
    pub(super) line: u64,
}

impl Setting {
    pub(super) fn wrong(&self, reason: &'static str) -> FileError {
        FileError::line(&self.path, self.line, reason)
    }
}

/// The settings of the torrc at `path`, those of included files in their places; `wanted` are the
/// keys that matter.
///
/// # Errors
/// A file that can't be read, is too long or has a bad line; too many or too deep includes.
pub(super) fn settings(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Setting>, FileError> {
    let mut reader = Reader {
        wanted,
        files: 0,
        bytes: 0,
        settings: Vec::new(),
    };
    reader.file(path, 0)?;
    Ok(reader.settings)
}

struct Reader<W> {
    wanted: W,
    files: u32,
    bytes: usize,
    settings: Vec<Setting>,
}

impl<W: Fn(&str) -> bool> Reader<W> {
    fn file(&mut self, path: &Path, depth: u32) -> Result<(), FileError> {
        let bytes = file::read(path, MAX_FILE, "longer than 1 MiB, which no torrc is")?;
        self.bytes += bytes.len();
        if self.bytes > MAX_TOTAL {
            let reason = "with all that is included, more than 4 MiB";
            return Err(FileError::whole(path, reason));
        }
        let path: Rc<Path> = path.into();
        for line in Lines::of(&String::from_utf8_lossy(&bytes)) {
            let line = line.map_err(|(number, reason)| FileError::line(&path, number, reason))?;
            let setting = Setting {
                command: line.command,
                key: line.key,
                value: line.value,
                path: path.clone(),
                line: line.number,
            };
            if setting.key.eq_ignore_ascii_case("%include") {
                self.include(&setting, depth)?;
            } else if (self.wanted)(&setting.key) {
                self.settings.push(setting);
            }
        }
        Ok(())
    }

    fn include(&mut self, include: &Setting, depth: u32) -> Result<(), FileError> {
        if depth == MAX_DEPTH {
            return Err(include.wrong("more than 31 includes within each other"));
        }
        for path in self.expanded(include)? {
            self.count(include)?;
            if files::is_folder(&path) {
                for name in self.names(&path, include)? {
                    let path = path.join(name);
                    if files::is_file(&path) {
                        self.file(&path, depth + 1)?;
                    }
                }
            } else {
                self.file(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The paths that an include names, sorted; a pattern may name none.
    fn expanded(&mut self, include: &Setting) -> Result<Vec<PathBuf>, FileError> {
        let mut paths = vec![PathBuf::new()];
        for part in Path::new(&include.value) {
            let Some(pattern) = pattern(part, include)? else {
                paths.iter_mut().for_each(|path| path.push(part));
                continue;
            };
            let mut matching = Vec::new();
            for folder in paths {
                let names = self.names(&folder, include)?.into_iter();
                let names = names.filter(|name| pattern.matches_with(name, SHELL));
                matching.extend(names.map(|name| folder.join(name)));
            }
            paths = matching;
        }
        if has_wildcard(&include.value) {
            paths.retain(|path| files::metadata(path).is_ok());
        }
        Ok(paths)
    }

    /// What is in a folder, sorted, without what is hidden.
    fn names(&mut self, folder: &Path, include: &Setting) -> Result<Vec<String>, FileError> {
        let Ok(entries) = files::names(folder) else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for name in entries {
            self.count(include)?;
            names.push(name.to_string_lossy().into_owned());
        }
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        Ok(names)
    }

    fn count(&mut self, include: &Setting) -> Result<(), FileError> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(include.wrong("more than 4096 files to look at for includes"));
        }
        Ok(())
    }
}

/// As glob(3) has it.
const SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Of one part of a path; `None` where it is a plain name.
fn pattern(part: &std::ffi::OsStr, include: &Setting) -> Result<Option<Pattern>, FileError> {
    let Some(text) = part.to_str().filter(|text| has_wildcard(text)) else {
        return Ok(None);
    };
    // Two stars mean no more to tor than one.
    let mut text = text.to_owned();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    let pattern = Pattern::new(&text).map_err(|_| include.wrong("not a pattern of file names"))?;
    Ok(Some(pattern))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use tempfile::TempDir;

    struct Folder(TempDir);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = folder.0.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, folder.filled(text)).unwrap();
            }
            folder
        }

        /// `@` stands for the folder.
        fn filled(&self, text: &str) -> String {
            text.replace('@', self.0.path().to_str().unwrap())
        }

        fn settings(&self) -> Result<Vec<Setting>, FileError> {
            settings(&self.0.path().join("torrc"), |_| true)
        }

        fn values(&self) -> String {
            let settings = self.settings().unwrap().into_iter();
            settings
                .map(|setting| setting.value)
                .collect::<Vec<_>>()
                .join(" ")
        }

        fn error(&self) -> String {
            self.settings().unwrap_err().to_string()
        }
    }

    #[test]
    fn a_file_a_folder_and_a_pattern_stand_where_they_are_included() {
        let folder = Folder::with(&[
            (
                "torrc",
                "K 1\n%include @/one\n%Include \"@/d\"\n%include @/*.d/*.conf\nK 9",
            ),
            ("one", "K 2"),
            ("d/b", "K 4"),
            ("d/a", "K 3"),
            ("d/.hidden", "K no"),
            ("d/sub/c", "K no"),
            ("x.d/b.conf", "K 6"),
            ("x.d/a.conf", "K 5"),
            ("x.d/.a.conf", "K no"),
            ("x.d/a.conf~", "K no"),
            ("y.d/z.conf", "K 7"),
        ]);
        assert_eq!(folder.values(), "1 2 3 4 5 6 7 9");
    }

    #[test]
    fn a_pattern_may_match_nothing_but_a_name_must_be_there() {
        let folder = Folder::with(&[("torrc", "%include @/none/*.conf\nK 1")]);
        assert_eq!(folder.values(), "1");
        let folder = Folder::with(&[("torrc", "%include @/none.conf\nK 1")]);
        assert!(folder.error().contains("none.conf"), "{}", folder.error());
    }

    #[test]
    fn includes_in_a_circle_end_at_tors_own_depth() {
        let folder = Folder::with(&[("torrc", "K 1\n%include @/torrc\n")]);
        let error = folder.error();
        assert!(
            error.ends_with("torrc:2: more than 31 includes within each other"),
            "{error}"
        );
    }

    #[test]
    fn includes_that_double_at_each_level_end() {
        let files: Vec<(String, String)> = (0..31)
            .map(|level| {
                let next = format!("%include @/{}\n", level + 1);
                let name = if level == 0 {
                    "torrc".to_owned()
                } else {
                    level.to_string()
                };
                (name, next.repeat(2))
            })
            .chain([("31".to_owned(), "K 1".to_owned())])
            .collect();
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (&name[..], &text[..]))
            .collect();
        let error = Folder::with(&files).error();
        assert!(error.contains("more than 4096 files"), "{error}");
    }

    #[test]
    fn an_endless_line_ends_and_its_bytes_are_not_told() {
        let folder = Folder::with(&[("torrc", "%include /dev/zero\n")]);
        assert!(folder.error().starts_with("/dev/zero: longer than 1 MiB"));
        let folder = Folder::with(&[("torrc", "ORPort \"192.0.2.1:9001")]);
        assert!(!folder.error().contains("192.0.2.1"), "{}", folder.error());
    }
}
