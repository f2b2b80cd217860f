//! Databases in MaxMind's format (MaxMind DB file format specification, version 2.0).

use std::{
    collections::{HashMap, hash_map::Entry},
    io::Read,
    net::IpAddr,
    path::Path,
};

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};

use super::{DataError, ranges::Ranges};

/// A database in memory.
pub(crate) type Database = Reader<Vec<u8>>;

/// Most leaves for each node of a search tree: a tree of n nodes has n + 1, and databases reach
/// those of IPv4 in up to four ways.
const MAX_LEAVES: u64 = 8;

/// Most different records of a database; those of countries have hundreds, of systems 100,000. To
/// decode one takes 65,536 steps at most, where the decoder gives up.
const MAX_RECORDS: usize = 1 << 20;

/// Reads the database at `path` and checks all of it.
pub(crate) fn read(path: &Path) -> Result<Database, DataError> {
    let mut bytes = Vec::new();
    super::open(path)?.read_to_end(&mut bytes)?;
    checked(bytes)
}

/// Walks the whole search tree once, with all that it may lead to, and gives up where that is more
/// than a tree can have: two nodes that share a child double the ways, a hundred of them never end.
/// After that, every other walk ends, the one of [`Reader::verify`] too.
pub(crate) fn checked(bytes: Vec<u8>) -> Result<Database, DataError> {
    let database = Reader::from_source(bytes)?;
    let everything = WithinOptions::default()
        .include_aliased_networks()
        .include_networks_without_data();
    let mut left = (u64::from(database.metadata().node_count) + 1) * MAX_LEAVES;
    for network in database.networks(everything)? {
        network?;
        left = left.checked_sub(1).ok_or(DataError::Circles)?;
    }
    // It insists on what no one needs, and vendors leave out.
    let metadata = database.metadata();
    if !metadata.description.is_empty() && !metadata.database_type.is_empty() {
        database.verify()?;
    }
    Ok(database)
}

/// What `value` says of each network. Networks share records; each is decoded once.
pub(crate) fn ranges<V: Copy + PartialEq + Default>(
    database: &Database,
    value: impl Fn(&LookupResult<'_, Vec<u8>>) -> Result<V, MaxMindDbError>,
) -> Result<Ranges<V>, DataError> {
    let mut ranges = Ranges::default();
    let mut decoded = HashMap::new();
    for network in database.networks(WithinOptions::default())? {
        let network = network?;
        if decoded.len() > MAX_RECORDS {
            return Err(DataError::TooMany);
        }
        let told = match decoded.entry(network.offset()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(value(&network).map_err(|_| DataError::Record)?),
        };
        add(&mut ranges, &network, told)?;
    }
    Ok(ranges)
}

fn add<V: Copy + PartialEq + Default>(
    ranges: &mut Ranges<V>,
    network: &LookupResult<'_, Vec<u8>>,
    value: V,
) -> Result<(), DataError> {
    let network = network.network()?;
    let added = match network.ip() {
        IpAddr::V4(address) => {
            let start = u32::from(address);
            let hosts = u32::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
            ranges.v4.push(start, start | hosts, value)
        }
        IpAddr::V6(address) => {
            let start = u128::from(address);
            let hosts = u128::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
            ranges.v6.push(start, start | hosts, value)
        }
    };
    added.map_err(|reason| MaxMindDbError::invalid_database(reason).into())
}

/// The day on which it was made, UTC.
pub(crate) fn date(database: &Database) -> Option<jiff::civil::Date> {
    let seconds = i64::try_from(database.metadata().build_epoch).ok()?;
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}
