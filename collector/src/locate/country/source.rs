//! The files that say where addresses are, and their newest good state.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{error, info, warn};

use super::{Countries, geoip, libloc, mmdb};
use crate::locate::{
    asn::Systems,
    data::{self, DataError},
    watched::Watched,
};

/// Where Debian's tor-geoipdb puts the IPv4 ranges.
const PACKAGED_V4: &str = "/usr/share/tor/geoip";
/// Where Debian's tor-geoipdb puts the IPv6 ranges.
const PACKAGED_V6: &str = "/usr/share/tor/geoip6";

/// Which files to read. What is named must be there and whole; what torrc or nobody names may be
/// absent.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// A database of countries, in the place of tor's two files.
    pub geo: Option<PathBuf>,
    /// tor's file for IPv4.
    pub geoip: Option<PathBuf>,
    /// tor's file for IPv6.
    pub geoip6: Option<PathBuf>,
    /// A database of autonomous systems.
    pub asn: Option<PathBuf>,
    /// torrc's `GeoIPFile`.
    pub torrc_geoip: Option<PathBuf>,
    /// torrc's `GeoIPv6File`.
    pub torrc_geoip6: Option<PathBuf>,
}

/// A file that was not taken, and why.
#[derive(Debug, thiserror::Error)]
#[error("reading {flag} {}: {reason}", path.display())]
pub struct Unreadable {
    flag: &'static str,
    path: PathBuf,
    reason: DataError,
}

/// A file with the flag that names it.
#[derive(Debug)]
struct Named {
    flag: &'static str,
    watched: Watched,
    /// It must be there: it was named, or it has been there before.
    is_required: bool,
}

impl Named {
    fn new(flag: &'static str, path: PathBuf, is_required: bool) -> Self {
        Self {
            flag,
            watched: Watched::new(path),
            is_required,
        }
    }

    /// `None` where it may be absent, or damaged, and is.
    fn read<T>(
        &mut self,
        read: impl Fn(&Path) -> Result<T, DataError>,
    ) -> Result<Option<T>, Unreadable> {
        let path = self.watched.path();
        match read(path) {
            Ok(data) => {
                info!(file = %path.display(), "data about addresses read");
                self.is_required = true;
                Ok(Some(data))
            }
            Err(reason) if self.is_required => Err(self.unreadable(reason)),
            Err(reason) => {
                warn!(
                    "no country data from {}: {reason}; public addresses will be `??` (Debian: \
                     apt-get install tor-geoipdb)",
                    path.display()
                );
                Ok(None)
            }
        }
    }

    fn unreadable(&self, reason: DataError) -> Unreadable {
        Unreadable {
            flag: self.flag,
            path: self.watched.path().to_owned(),
            reason,
        }
    }
}

/// Files that are read together, and what they said when they were last good.
#[derive(Debug)]
struct Part<T> {
    files: Vec<Named>,
    read: fn(&mut [Named]) -> Result<T, Unreadable>,
    data: T,
    /// A file changed, and what it says now is not known.
    is_unread: bool,
}

impl<T: Default> Part<T> {
    fn open(
        files: Vec<Named>,
        read: fn(&mut [Named]) -> Result<T, Unreadable>,
    ) -> Result<Self, Unreadable> {
        let mut part = Self {
            files,
            read,
            data: T::default(),
            is_unread: false,
        };
        part.changed();
        part.data = part.read()?;
        Ok(part)
    }

    /// Reads what changed, once it has stayed the same from one call to the next: a file that is
    /// being written may look whole for a moment. What is damaged is told, and changes nothing.
    fn refresh(&mut self) -> bool {
        let changed = self.changed();
        if changed || !self.is_unread {
            self.is_unread |= changed;
            return false;
        }
        self.is_unread = false;
        match self.read() {
            Ok(data) => self.data = data,
            Err(unreadable) => {
                error!("{unreadable}; what it said before stays in use");
                return false;
            }
        }
        true
    }

    fn read(&mut self) -> Result<T, Unreadable> {
        let data = (self.read)(&mut self.files)?;
        let written = self.files.iter_mut().find_map(|file| {
            let changed = file.watched.changed();
            changed.then(|| file.unreadable(DataError::Unsteady))
        });
        match written {
            Some(unsteady) => {
                self.is_unread = true;
                Err(unsteady)
            }
            None => Ok(data),
        }
    }

    /// Whether any file is another one than at the last look; all are looked at.
    fn changed(&mut self) -> bool {
        let looks = self.files.iter_mut().map(|file| file.watched.changed());
        looks.fold(false, |any, changed| any | changed)
    }
}

/// Countries, and the autonomous systems that the same file names.
type Places = (Arc<Countries>, Arc<Systems>);

fn read_tor(files: &mut [Named]) -> Result<Places, Unreadable> {
    let [v4, v6] = files else {
        return Ok(Places::default());
    };
    let countries = geoip::joined(v4.read(geoip::read_v4)?, v6.read(geoip::read_v6)?);
    Ok((countries.into(), Arc::default()))
}

fn read_geo(files: &mut [Named]) -> Result<Places, Unreadable> {
    let [file] = files else {
        return Ok(Places::default());
    };
    let read = file.read(|path| {
        if is_text(path)? {
            let (countries, systems) = libloc::read(path)?;
            return Ok((countries.into(), systems.into()));
        }
        Ok((mmdb::read(path)?.into(), Arc::default()))
    })?;
    Ok(read.unwrap_or_default())
}

fn read_asn(files: &mut [Named]) -> Result<Option<Arc<Systems>>, Unreadable> {
    let [file] = files else { return Ok(None) };
    Ok(file.read(Systems::read)?.map(Arc::new))
}

/// Whether a file is text; a database begins with numbers, of which the first byte is zero.
fn is_text(path: &Path) -> Result<bool, DataError> {
    let mut head = Vec::new();
    data::open(path)?.take(1 << 12).read_to_end(&mut head)?;
    let is_utf8 = match str::from_utf8(&head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(), // cut within a character
    };
    Ok(is_utf8 && !head.contains(&0))
}

/// The files that were named, and the newest that they said while they were whole.
#[derive(Debug)]
pub struct Source {
    countries: Part<Places>,
    systems: Part<Option<Arc<Systems>>>,
}

impl Source {
    /// Reads all files.
    ///
    /// # Errors
    /// A file that was named is absent or damaged, or any is being written.
    pub fn open(files: Files) -> Result<Self, Unreadable> {
        let required = |flag, path| Named::new(flag, path, true);
        let tor = |flag, named: Option<PathBuf>, torrc: Option<PathBuf>, packaged: &str| {
            let is_required = named.is_some();
            let path = named.or(torrc).unwrap_or_else(|| packaged.into());
            Named::new(flag, path, is_required)
        };
        let countries = match files.geo {
            Some(path) => Part::open(vec![required("--geo", path)], read_geo)?,
            None => {
                let v4 = tor("--geoip", files.geoip, files.torrc_geoip, PACKAGED_V4);
                let v6 = tor("--geoip6", files.geoip6, files.torrc_geoip6, PACKAGED_V6);
                Part::open(vec![v4, v6], read_tor)?
            }
        };
        let asn = files.asn.map(|path| required("--asn", path));
        let systems = Part::open(asn.into_iter().collect(), read_asn)?;
        Ok(Self { countries, systems })
    }

    /// Countries as they are known now.
    #[must_use]
    pub fn current(&self) -> Arc<Countries> {
        Arc::clone(&self.countries.data.0)
    }

    /// Autonomous systems as they are known now: of their own database where one is named, else
    /// of the countries' file, if it has any.
    #[must_use]
    pub fn systems(&self) -> Arc<Systems> {
        let own = self.systems.data.as_ref();
        Arc::clone(own.unwrap_or(&self.countries.data.1))
    }

    /// Reads again what changed before the last call and has not changed since. A file that is
    /// damaged or gone is told once, and what it said before stays in use.
    ///
    /// Whether there is something new.
    pub fn refresh(&mut self) -> bool {
        let countries = self.countries.refresh();
        let systems = self.systems.refresh();
        countries || systems
    }
}

#[cfg(test)]
mod tests;
