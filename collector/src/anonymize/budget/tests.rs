use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;
use crate::{
    anonymize::noise::KeyList,
    sink::disk::{LocalDisk, Space},
};

const DAY: &str = "epsilon=0.3,bound=1,period=day";

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("budget-relay.ndjson")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn budget(&self) -> Budget {
        Budget::new(self.folder.path(), &"relay".parse().unwrap())
    }

    fn spend(&self, day: &str, dp: &str) -> Result<(), BudgetError> {
        self.grant(day, dp).map(drop)
    }

    fn grant(&self, day: &str, dp: &str) -> Result<Grant, BudgetError> {
        let (day, dp) = (day.parse().unwrap(), dp.parse().unwrap());
        self.budget().spend(day, dp, LocalDisk)
    }

    /// What is said when the file holds `bytes`; they stay.
    fn damage(&self, bytes: &[u8]) -> String {
        fs::write(self.path(), bytes).unwrap();
        let error = self.spend("2026-11-22", DAY).unwrap_err();
        assert!(matches!(error, BudgetError::Damaged { .. }), "{error}");
        assert!(self.budget().check().is_err());
        assert_eq!(fs::read(self.path()).unwrap(), bytes);
        error.to_string()
    }
}

/// Takes no byte, or takes them and never syncs.
#[derive(Debug)]
struct BrokenDisk {
    writes: bool,
}

impl Disk for BrokenDisk {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.writes {
            return LocalDisk.write(file, bytes, offset);
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::EIO))
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        LocalDisk.space(folder)
    }
}

#[test]
fn a_release_is_written_down_for_the_owner_only() {
    let place = Place::new();
    place.spend("2026-11-22", DAY).unwrap();
    assert_eq!(
        place.text(),
        "{\"node\":\"relay\",\"start\":\"2026-11-22\",\"period\":\"day\",\"epsilon\":\"0.3\",\
         \"bound\":1}\n"
    );
    let mode = fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_release_of_a_period_is_refused_whatever_its_parameters() {
    let place = Place::new();
    place.spend("2026-11-21", DAY).unwrap();
    place.spend("2026-11-22", DAY).unwrap();
    let before = place.text();
    for dp in [DAY, "epsilon=0.001,bound=5,period=day"] {
        let error = place.spend("2026-11-22", dp).unwrap_err().to_string();
        assert!(
            error.contains("of relay from 2026-11-22 to 2026-11-22 were released before"),
            "{error}"
        );
    }
    assert_eq!(place.text(), before);
    place.spend("2026-11-23", DAY).unwrap();
    assert_eq!(place.text().lines().count(), 3);
}

#[test]
fn periods_of_other_lengths_are_refused_when_they_share_a_day() {
    let place = Place::new();
    let month = "epsilon=1,bound=1,period=month";
    place.spend("2026-11-30", DAY).unwrap();
    let error = place.spend("2026-11-02", month).unwrap_err();
    assert!(matches!(error, BudgetError::Spent { .. }), "{error}");
    place.spend("2026-12-31", month).unwrap();
    let week = "epsilon=1,bound=1,period=week";
    let error = place.spend("2027-01-01", week).unwrap_err().to_string();
    assert!(error.contains("from 2026-12-01 to 2026-12-31"), "{error}");
    place.spend("2027-01-04", week).unwrap();
}

#[test]
fn each_node_has_a_budget_of_its_own() {
    let place = Place::new();
    place.spend("2026-11-22", DAY).unwrap();
    let other = Budget::new(place.folder.path(), &"other".parse().unwrap());
    let day = "2026-11-22".parse().unwrap();
    let granted = other.spend(day, DAY.parse().unwrap(), LocalDisk);
    assert!(granted.is_ok());
    place.budget().check().unwrap();
}

#[test]
fn a_damaged_budget_grants_nothing_and_stays_as_it_is() {
    let place = Place::new();
    place.spend("2026-11-22", DAY).unwrap();
    let good = place.text();
    for (from, to, line) in [
        ("}\n", "}", "line 1: it has no end"),
        ("}\n", "}\n\n", "line 2: "),
        ("}\n", "}\n{", "line 2: it has no end"),
        ("\"bound\":1", "\"bound\":0", "line 1: bound is a whole"),
        ("0.3", "0", "line 1: epsilon is a decimal"),
        ("\"day\"", "\"year\"", "line 1: unknown variant"),
        (
            "\"day\"",
            "\"month\"",
            "line 1: no month begins on 2026-11-22",
        ),
        ("-22", "-31", "line 1: "),
        ("\"relay\"", "\"other\"", "line 1: it is of another node"),
        ("}", ",\"more\":1}", "line 1: unknown field"),
        (",\"bound\":1", "", "line 1: missing field `bound`"),
        ("{", "\0", "line 1: "),
    ] {
        let error = place.damage(good.replacen(from, to, 1).as_bytes());
        assert!(error.contains(line), "{error}");
        assert!(error.contains("restore the file"), "{error}");
    }
    assert!(place.damage(b"\xff\n").contains("not text"));
    assert!(place.damage(b"\n").contains("line 1: "));
}

#[test]
fn a_budget_that_is_too_large_is_damaged_and_not_read_to_its_end() {
    let place = Place::new();
    let file = File::create(place.path()).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = place.spend("2026-11-22", DAY).unwrap_err().to_string();
    assert!(error.contains("larger than any budget"), "{error}");
}

#[test]
fn a_budget_that_can_not_be_read_or_is_being_written_grants_nothing() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let error = place.spend("2026-11-22", DAY).unwrap_err().to_string();
    assert!(error.contains("budget-relay.ndjson"), "{error}");
    fs::remove_dir(place.path()).unwrap();

    let _elsewhere = WholeFile::create(&place.path(), LocalDisk).unwrap();
    let error = place.spend("2026-11-22", DAY).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
}

#[test]
fn what_can_not_be_written_down_is_not_granted_and_can_be_asked_for_again() {
    let place = Place::new();
    let (day, dp) = ("2026-11-22".parse().unwrap(), DAY.parse().unwrap());
    for writes in [false, true] {
        let refused = place.budget().spend(day, dp, BrokenDisk { writes });
        assert!(matches!(refused, Err(BudgetError::Disk(_))), "{refused:?}");
        assert!(!place.path().exists());
    }
    place.spend("2026-11-22", DAY).unwrap();
}

#[test]
fn a_grant_makes_noise_from_the_system_s_randomness() {
    let place = Place::new();
    let grant = place.grant("2026-11-22", "epsilon=0.01,bound=1,period=day");
    let mut noise = grant.unwrap().noise(NonZeroU8::MIN);
    let list = KeyList::all(0..64);
    let released = noise.release(&list, []).unwrap();
    let silent = released.iter().filter(|(_, count)| *count == 0).count();
    // Of noise with scale 100, one in 200 is 0: half of them all are not by any chance.
    assert!(silent < 32, "{released:?}");
}
