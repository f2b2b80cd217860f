//! Which ports may be told.

use serde::{Deserialize, Serialize};

/// Ports that many hosts serve, so that telling one points at nobody: services of tor's reduced
/// exit policy and the usual ones on UDP and towards a host. Sorted.
const COMMON: &[u16] = &[
    20, 21, 22, 23, 25, 43, 53, 67, 68, 69, 79, 80, 81, 88, 110, 111, 119, 123, 135, 137, 138, 139,
    143, 161, 162, 179, 194, 389, 443, 445, 464, 465, 500, 514, 515, 543, 544, 546, 547, 548, 554,
    563, 587, 631, 636, 749, 853, 873, 989, 990, 992, 993, 994, 995, 1080, 1194, 1433, 1521, 1701,
    1723, 1755, 1812, 1813, 1863, 1883, 1900, 2049, 2082, 2083, 2086, 2087, 2095, 2096, 3128, 3306,
    3389, 3478, 3690, 4500, 5050, 5060, 5061, 5190, 5222, 5223, 5228, 5269, 5353, 5432, 5900, 6379,
    6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 6881, 8000, 8008, 8080,
    8081, 8088, 8332, 8333, 8443, 8883, 8888, 9001, 9030, 9418, 11371, 19302, 25565, 27017, 30303,
    51820, 64738,
];

/// First port of the dynamic range (RFC 6335, section 6).
const FIRST_DYNAMIC: u16 = 49_152;

/// Range of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortClass {
    /// Below 49,152: system and user ports.
    Registered,
    /// From 49,152 on.
    Dynamic,
}

impl PortClass {
    /// The range of `number`.
    #[must_use]
    pub fn of(number: u16) -> Self {
        if number < FIRST_DYNAMIC {
            Self::Registered
        } else {
            Self::Dynamic
        }
    }

    /// Its name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Dynamic => "dynamic",
        }
    }
}

/// A port as files tell it: a JSON number, or the name of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// The port itself: a common one, below level thesis.
    Number(u16),
    /// A range.
    Class(PortClass),
}

impl Port {
    /// What may be told of `number` below level thesis.
    #[must_use]
    pub fn of(number: u16) -> Self {
        if COMMON.binary_search(&number).is_ok() {
            Self::Number(number)
        } else {
            Self::Class(PortClass::of(number))
        }
    }

    /// Its range.
    #[must_use]
    pub fn class(self) -> PortClass {
        match self {
            Self::Number(number) => PortClass::of(number),
            Self::Class(class) => class,
        }
    }

    /// Every port that is told as a number, ascending.
    #[must_use]
    pub fn common() -> &'static [u16] {
        COMMON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_ports_are_sorted_and_unique() {
        assert!(COMMON.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_rare_port_is_told_by_its_range_only() {
        assert_eq!(Port::of(443), Port::Number(443));
        assert_eq!(Port::of(0), Port::Class(PortClass::Registered));
        assert_eq!(Port::of(49_151), Port::Class(PortClass::Registered));
        assert_eq!(Port::of(49_152), Port::Class(PortClass::Dynamic));
        assert_eq!(Port::of(65_535), Port::Class(PortClass::Dynamic));
    }
}
