//! Days that are over, from the state to day files.

use std::{
    io::{self, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use collector_common::schema::{Header, Line};
use tracing::error;

use super::{
    SinkError,
    close::Closer,
    days::{LISTS, Released, date, day_number},
    disk::Disk,
    entry::push_json,
    frame,
    name::day_name,
    spool::MAX_SEQUENCE,
    whole::WholeFile,
};
use crate::anonymize::{
    budget::{Budget, BudgetError, Grant},
    noise::Dp,
};

impl Closer<'_> {
    /// Tells the days that are over before `until`, days since the epoch. Each after the other;
    /// with noise, periods as a whole. Gives the flows that may not be told.
    pub(super) fn tell_days(&mut self, header: &Header, until: i64) -> Result<u64, SinkError> {
        match &header.dp {
            Some(told) => {
                let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
                let dp = Dp::of(told).map_err(|error| {
                    SinkError::new("release days of", self.folder, wrong(error))
                })?;
                self.release(header, dp, until)
            }
            None => self.tell(header, until).map(|()| 0),
        }
    }

    fn tell(&mut self, header: &Header, until: i64) -> Result<(), SinkError> {
        while let Some((&day, counts)) = self.state.days.first_key_value() {
            if day >= until {
                break;
            }
            let lines = counts.clone().lines(date(day), header.level);
            let sequence = self.sequence(day)?;
            self.write_day(day, sequence, header, &lines)?;
            self.state.days.remove(&day);
            self.state.telling = None;
            self.save()?;
        }
        Ok(())
    }

    /// The budget is spent first: a kill before the end costs the period its release, and the next
    /// call drops its days.
    fn release(&mut self, header: &Header, dp: Dp, until: i64) -> Result<u64, SinkError> {
        let mut dropped = 0;
        while let Some((&day, _)) = self.state.days.first_key_value() {
            let (first, last) = dp.period.around(date(day));
            let days = day_number(first)..=day_number(last);
            if *days.end() >= until {
                break;
            }
            match Budget::new(self.folder, self.node).spend(first, dp, &mut *self.disk) {
                Ok(grant) => self.release_period(header, grant, days.clone())?,
                Err(refused @ BudgetError::Spent { .. }) => {
                    let flows = self.state.days.range(days.clone());
                    let flows: u64 = flows.map(|(_, day)| day.flows()).sum();
                    error!("{flows} flows are in no day file: {refused}");
                    dropped += flows;
                }
                Err(error) => return Err(error.into()),
            }
            self.state.days.retain(|day, _| !days.contains(day));
            self.save()?;
        }
        Ok(dropped)
    }

    fn release_period(
        &mut self,
        header: &Header,
        grant: Grant,
        days: RangeInclusive<i64>,
    ) -> Result<(), SinkError> {
        let counted = &self.state.days;
        let released = Released::of(days.clone(), counted, &mut grant.noise(LISTS));
        let wrong = |error| SinkError::new("add noise to counts for", self.folder, error);
        let released = released.map_err(|error| wrong(std::io::Error::other(error)))?;
        for day in days {
            self.write_day(day, self.free_sequence(day), header, &released.lines(day))?;
        }
        Ok(())
    }

    /// Of a name that nothing has yet; after a kill the same as before.
    fn sequence(&mut self, day: i64) -> Result<u32, SinkError> {
        if let Some((_, sequence)) = self.state.telling.filter(|(of, _)| *of == day) {
            return Ok(sequence);
        }
        let sequence = self.free_sequence(day);
        self.state.telling = Some((day, sequence));
        self.save()?;
        Ok(sequence)
    }

    fn free_sequence(&self, day: i64) -> u32 {
        let mut all = 0..=MAX_SEQUENCE;
        all.find(|sequence| !self.day_path(day, *sequence).exists())
            .unwrap_or(MAX_SEQUENCE)
    }

    fn day_path(&self, day: i64, sequence: u32) -> PathBuf {
        self.folder.join(day_name(self.node, date(day), sequence))
    }

    fn write_day(
        &mut self,
        day: i64,
        sequence: u32,
        header: &Header,
        lines: &[Line],
    ) -> Result<(), SinkError> {
        let path = self.day_path(day, sequence);
        write_whole(&path, header, lines, &mut *self.disk)
    }
}

fn write_whole(
    path: &Path,
    header: &Header,
    lines: &[Line],
    disk: &mut dyn Disk,
) -> Result<(), SinkError> {
    let mut text = String::new();
    push_json(&mut text, &Line::Header(header.clone()));
    lines.iter().for_each(|line| push_json(&mut text, line));
    let mut file = WholeFile::create(path, disk)?;
    frame::encode(text.as_bytes(), frame::SMALL)
        .and_then(|bytes| file.write_all(&bytes))
        .map_err(|error| file.wrong(error))?;
    file.finish()
}
