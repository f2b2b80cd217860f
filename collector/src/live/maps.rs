//! Typed access to the maps that the kernel programs share with the agent.

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use collector_common::{
    books::Books,
    flow::{Flow, FlowEntry},
    key::FlowKey,
    wire::Tally,
};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::sys;

/// A hash, array or trie with fixed-size keys and values; sizes are compared with the kernel's
/// when it is opened, which is what makes the calls below sound.
pub(super) struct TypedMap<K, V> {
    fd: OwnedFd,
    types: PhantomData<(K, V)>,
}

impl<K: IntoBytes + Immutable, V: FromBytes + IntoBytes + Immutable> TypedMap<K, V> {
    /// Takes the map over after a look at its sizes.
    ///
    /// # Errors
    /// Where key or value are of another size than the types.
    pub(super) fn open(map: &aya::maps::MapData, name: &str) -> anyhow::Result<Self> {
        let info = map.info()?;
        let (key, value) = (size_of::<K>() as u32, size_of::<V>() as u32);
        anyhow::ensure!(
            info.key_size() == key && info.value_size() == value,
            "map {name} has keys of {} and values of {} bytes, not {key} and {value}",
            info.key_size(),
            info.value_size(),
        );
        let fd = map.fd().as_fd().try_clone_to_owned()?;
        Ok(Self {
            fd,
            types: PhantomData,
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn get(&self, key: &K) -> io::Result<Option<V>>
    where
        V: FromZeros,
    {
        let mut value = V::new_zeroed();
        // SAFETY: `open` compared the sizes.
        let found = unsafe { sys::lookup(self.fd(), key.as_bytes(), value.as_mut_bytes()) }?;
        Ok(found.then_some(value))
    }

    pub(super) fn set(&self, key: &K, value: &V) -> io::Result<()> {
        // SAFETY: `open` compared the sizes.
        unsafe { sys::update(self.fd(), key.as_bytes(), value.as_bytes()) }
    }

    /// Every key, of a map that nobody else changes meanwhile.
    pub(super) fn keys(&self) -> io::Result<Vec<K>>
    where
        K: FromBytes,
    {
        let mut keys = Vec::<K>::new();
        loop {
            let mut key = K::new_zeroed();
            let after = keys.last().map(IntoBytes::as_bytes);
            // SAFETY: `open` compared the size.
            if !unsafe { sys::next_key(self.fd(), after, key.as_mut_bytes()) }? {
                return Ok(keys);
            }
            keys.push(key);
        }
    }

    /// Removes `keys`; gives how many were there.
    pub(super) fn delete_all(&self, keys: &[K]) -> io::Result<u64> {
        let (mut left, mut deleted) = (keys, 0);
        while !left.is_empty() {
            // SAFETY: `open` compared the size.
            let gone = unsafe { sys::delete_batch(self.fd(), left.as_bytes(), size_of::<K>()) }?;
            deleted += gone as u64;
            left = left.get(gone + 1..).unwrap_or_default();
        }
        Ok(deleted)
    }

    pub(super) fn delete(&self, key: &K) -> io::Result<bool> {
        // SAFETY: `open` compared the size.
        unsafe { sys::delete(self.fd(), key.as_bytes()) }
    }
}

/// How many keys a map has whose types are not known.
///
/// # Errors
/// The kernel does not answer.
pub(super) fn count_keys(map: &aya::maps::MapData) -> anyhow::Result<u64> {
    let info = map.info()?;
    let size = info.key_size() as usize;
    let (mut after, mut key) = (None, vec![0_u8; size]);
    for count in 0..u64::from(info.max_entries()) {
        // SAFETY: both keys are as long as the kernel says that they are.
        let found = unsafe { sys::next_key(map.fd().as_fd(), after.as_deref(), &mut key) }?;
        if !found {
            return Ok(count);
        }
        after = Some(key.clone());
    }
    Ok(info.max_entries().into())
}

/// The flow table.
pub(super) type FlowTable = TypedMap<FlowKey, FlowEntry>;

/// Entries read per call of a walk; a bucket of the kernel's hash never holds as many.
const WALK: u32 = 4096;

impl FlowTable {
    /// How many flows there are, and what of them is in no record yet.
    pub(super) fn live(&self) -> io::Result<(u64, Tally)> {
        let (mut flows, mut live) = (0, Tally::default());
        self.walk(|flow| {
            flows += 1;
            live = live.plus(flow.entry.unwritten());
        })?;
        Ok((flows, live))
    }

    /// Shows every entry to `visit`, those that come or change meanwhile perhaps.
    pub(super) fn walk(&self, mut visit: impl FnMut(Flow)) -> io::Result<()> {
        let mut keys = vec![FlowKey::default(); WALK as usize];
        let mut values = vec![FlowEntry::default(); WALK as usize];
        let mut position = None;
        loop {
            // SAFETY: both vectors hold WALK elements, and `open` compared their sizes.
            let batch = unsafe {
                sys::lookup_batch(
                    self.fd(),
                    &mut position,
                    keys.as_mut_bytes(),
                    values.as_mut_bytes(),
                    WALK,
                )
            }?;
            let found = keys.iter().zip(&values).take(batch.count as usize);
            found.for_each(|(key, entry)| {
                visit(Flow {
                    key: *key,
                    entry: *entry,
                })
            });
            if batch.last {
                return Ok(());
            }
        }
    }
}

/// The books of all CPUs.
pub(super) struct BooksMap {
    fd: OwnedFd,
    cpus: usize,
}

impl BooksMap {
    /// # Errors
    /// Where the value is of another size, or the number of CPUs can't be told.
    pub(super) fn open(map: &aya::maps::MapData) -> anyhow::Result<Self> {
        let info = map.info()?;
        anyhow::ensure!(
            info.key_size() == 4 && info.value_size() as usize == size_of::<Books>(),
            "the map of the books has another layout"
        );
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        Ok(Self {
            fd: map.fd().as_fd().try_clone_to_owned()?,
            cpus,
        })
    }

    /// One [`Books`] a possible CPU.
    pub(super) fn read(&self) -> io::Result<Vec<Books>> {
        let mut books = vec![Books::default(); self.cpus];
        let key = 0_u32;
        // SAFETY: the kernel writes the value, a multiple of 8 bytes, once a possible CPU.
        unsafe { sys::lookup(self.fd.as_fd(), key.as_bytes(), books.as_mut_bytes()) }?;
        Ok(books)
    }
}
