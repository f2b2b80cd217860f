//! One output per capture: a sink works in a hidden folder beside it, and what it closed is
//! joined at the end.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use collector_common::schema::{Header, Line};

use super::name::CaptureName;
use crate::sink::{SinkError, disk::LocalDisk, frame, make_folder, push_json, whole::WholeFile};

/// What a sink closes ends so.
const CLOSED: &str = ".ndjson.zst";

/// Where the output of one capture is made. Dropped before its end it leaves nothing; what a
/// killed run left goes with the next run of the same capture.
#[derive(Debug)]
pub struct EachFolder {
    output: PathBuf,
    work: WorkFolder,
    // Dropped last: while it lives, another run of the same capture is refused.
    file: WholeFile<LocalDisk>,
}

impl EachFolder {
    /// Begins the output of the capture `name` in `out`, which is made with mode 0700 if absent.
    ///
    /// # Errors
    /// `out` can't be written, or another run makes the same output.
    pub fn new(out: &Path, name: &CaptureName) -> Result<Self, SinkError> {
        make_folder(out)?;
        let output = name.output(out);
        let file = WholeFile::create(&output, LocalDisk)?;
        let work = WorkFolder(name.work(out));
        work.remove()?;
        make_folder(&work.0)?;
        Ok(Self { output, work, file })
    }

    /// For the sink of this capture ([`crate::sink::SinkConfig::folder`]).
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.work.0
    }

    /// Joins what the sink closed, oldest first, to one file; each part begins with a header line.
    /// Where the capture had no flow, the file is `header` alone. Gives its path.
    ///
    /// # Errors
    /// The disk takes nothing, or the sink left what it could not close.
    pub fn finish(mut self, header: &Header) -> Result<PathBuf, SinkError> {
        let closed = self.work.closed()?;
        if closed.is_empty() {
            self.write_header(header)
                .map_err(|error| self.file.wrong(error))?;
        }
        for path in closed {
            self.append(&path)?;
        }
        let Self { output, work, file } = self;
        work.remove()?;
        drop(work);
        file.finish()?;
        Ok(output)
    }

    fn write_header(&mut self, header: &Header) -> io::Result<()> {
        let mut text = String::new();
        push_json(&mut text, &Line::Header(header.clone()));
        self.file
            .write_all(&frame::encode(text.as_bytes(), frame::FAST)?)
    }

    /// zstd frames may follow each other (RFC 8878, section 3.1). Each part goes when it is
    /// joined, so that the disk does not hold everything twice.
    fn append(&mut self, part: &Path) -> Result<(), SinkError> {
        let mut opened = File::open(part).map_err(|error| SinkError::new("read", part, error))?;
        io::copy(&mut opened, &mut self.file).map_err(|error| self.file.wrong(error))?;
        fs::remove_file(part).map_err(|error| SinkError::new("remove", part, error))
    }
}

/// Goes when it is dropped.
#[derive(Debug)]
struct WorkFolder(PathBuf);

impl WorkFolder {
    /// The closed files, oldest first, as their names order them.
    fn closed(&self) -> Result<Vec<PathBuf>, SinkError> {
        let wrong = |error| SinkError::new("read", &self.0, error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if !path.as_os_str().to_string_lossy().ends_with(CLOSED) {
                let error = io::Error::other("it was not closed, so records are missing");
                return Err(SinkError::new("join", &path, error));
            }
            found.push(path);
        }
        // Flows first, then the counts of days.
        found.sort_unstable_by_key(|path| (is_day(path), path.clone()));
        Ok(found)
    }

    fn remove(&self) -> Result<(), SinkError> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SinkError::new("remove", &self.0, error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // Gone already where all went well; else the next run removes it.
        drop(self.remove());
    }
}

/// Whether it is a file of a day's counts.
fn is_day(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("day-")
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    use tempfile::TempDir;

    use super::*;
    use crate::{
        pipeline::{Pipeline, PipelineConfig, fixtures::*},
        sink::{Outside, retention::Retention},
    };

    fn capture(name: &str) -> CaptureName {
        CaptureName::of(Path::new(name)).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn replay_config(folder: &Path) -> PipelineConfig {
        let mut config = config(folder);
        config.sink.ends = true;
        config.sink.limits.retention = Retention {
            min_free_percent: 0,
            ..Retention::keeps_all()
        };
        config
    }

    /// The flows of the fixtures `times` over, each time in a spool of its own.
    fn play(each: &EachFolder, times: u64) {
        let mut config = replay_config(each.folder());
        config.sink.limits.spool_age = Duration::ZERO;
        let mut pipeline = Pipeline::new(config, ()).unwrap();
        for time in 1..=times {
            feed(&mut pipeline);
            pipeline.commit(Outside::default()).unwrap();
            pipeline.pass_over(time * SECOND).unwrap();
        }
        pipeline.close(times * SECOND).unwrap();
    }

    fn text(path: &Path) -> String {
        let text = zstd::decode_all(File::open(path).unwrap()).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn lines(path: &Path) -> Vec<Line> {
        text(path)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn count(lines: &[Line], kind: impl Fn(&Line) -> bool) -> usize {
        lines.iter().filter(|line| kind(line)).count()
    }

    #[test]
    fn the_spools_of_a_capture_become_one_file_that_the_schema_knows() {
        let out = TempDir::new().unwrap();
        let each = EachFolder::new(out.path(), &capture("x.pcap")).unwrap();
        play(&each, 3);
        assert_eq!(
            names(each.folder()).len(),
            5,
            "the last has the sums, and the day's"
        );
        let header = config(out.path()).sink.header;
        let path = each.finish(&header).unwrap();
        assert_eq!(path, out.path().join("x.pcap.ndjson.zst"));
        assert_eq!(names(out.path()), ["x.pcap.ndjson.zst"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let lines = lines(&path);
        assert!(matches!(lines[0], Line::Header(_)));
        assert_eq!(count(&lines, |line| matches!(line, Line::Header(_))), 5);
        assert_eq!(count(&lines, |line| matches!(line, Line::Flow(_))), 3 * 8);
        fits_the_schema(&text(&path));
    }

    fn fits_the_schema(text: &str) {
        let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for line in text.lines() {
            let value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&value), "{line}");
        }
    }

    #[test]
    fn a_capture_without_flows_gives_a_file_with_a_header() {
        let out = TempDir::new().unwrap();
        let each = EachFolder::new(out.path(), &capture("empty")).unwrap();
        play(&each, 0);
        let header = config(out.path()).sink.header;
        let path = each.finish(&header).unwrap();
        assert_eq!(lines(&path), [Line::Header(header)]);
    }

    #[test]
    fn what_a_killed_run_left_is_taken_away_and_of_no_other_capture() {
        let out = TempDir::new().unwrap();
        for left in [".x.replay", ".y.replay"] {
            fs::create_dir(out.path().join(left)).unwrap();
            fs::write(out.path().join(left).join("old.ndjson.zst.open"), "old").unwrap();
        }
        fs::write(out.path().join("x.ndjson.zst.part"), "old").unwrap();
        let each = EachFolder::new(out.path(), &capture("x")).unwrap();
        assert_eq!(names(each.folder()), Vec::<String>::new());
        play(&each, 1);
        each.finish(&config(out.path()).sink.header).unwrap();
        let mut left = names(out.path());
        left.sort();
        assert_eq!(left, [".y.replay", "x.ndjson.zst"]);
    }

    #[test]
    fn a_spool_that_was_not_closed_is_an_error_and_no_output() {
        let out = TempDir::new().unwrap();
        let each = EachFolder::new(out.path(), &capture("x")).unwrap();
        let mut pipeline = Pipeline::new(replay_config(each.folder()), ()).unwrap();
        feed(&mut pipeline);
        pipeline.commit(Outside::default()).unwrap();
        drop(pipeline);
        let error = each.finish(&config(out.path()).sink.header).unwrap_err();
        assert!(error.to_string().contains("not closed"), "{error}");
        assert_eq!(names(out.path()), Vec::<String>::new());
    }

    #[test]
    fn a_second_run_of_a_capture_that_is_being_replayed_is_refused_and_harms_nothing() {
        let out = TempDir::new().unwrap();
        let each = EachFolder::new(out.path(), &capture("x")).unwrap();
        play(&each, 1);
        assert!(EachFolder::new(out.path(), &capture("x")).is_err());
        let path = each.finish(&config(out.path()).sink.header).unwrap();
        assert!(lines(&path).len() > 8);
    }
}
