//! Numbers in the byte order of the machine that captured.

use collector_common::packet::Bytes;

/// Byte order of a file or section.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    /// 0 where fewer bytes are there: callers have asked for the whole item before.
    #[inline]
    pub(super) fn u16(self, bytes: &[u8], offset: usize) -> u16 {
        let field = bytes.read(offset).unwrap_or_default();
        match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        }
    }

    /// As [`Order::u16`].
    #[inline]
    pub(super) fn u32(self, bytes: &[u8], offset: usize) -> u32 {
        let field = bytes.read(offset).unwrap_or_default();
        match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        }
    }

    pub(super) fn i64(self, field: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(field),
            Self::Big => i64::from_be_bytes(field),
        }
    }
}
