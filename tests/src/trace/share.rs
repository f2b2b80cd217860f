//! How many flows are of which protocol.

use std::{fmt, str::FromStr};

use super::{
    dice::Dice,
    protocols::{self, PROTOCOLS, Protocol},
};

/// The weight of each protocol, by flows.
#[derive(Clone, Debug)]
pub struct Shares {
    /// In the order of [`PROTOCOLS`].
    weights: [u32; PROTOCOLS.len()],
}

impl Default for Shares {
    fn default() -> Self {
        let mut weights = [0; PROTOCOLS.len()];
        for (weight, protocol) in weights.iter_mut().zip(PROTOCOLS) {
            *weight = protocol.share;
        }
        Self { weights }
    }
}

impl Shares {
    pub(super) fn pick(&self, dice: &mut Dice) -> &'static Protocol {
        let all: u32 = self.weights.iter().sum();
        let mut left = dice.below(all as usize);
        for (protocol, weight) in PROTOCOLS.iter().zip(self.weights) {
            match left.checked_sub(weight as usize) {
                Some(rest) => left = rest,
                None => return protocol,
            }
        }
        unreachable!("the throw is below the sum of the weights")
    }
}

/// `--share` makes no sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownProtocol(String);

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}`: give NAME=WEIGHT,… with weights of 0 to 1000, not all 0, and names of: {}",
            self.0,
            protocols::names()
        )
    }
}

impl std::error::Error for UnknownProtocol {}

/// `tls=60,http=10`: a protocol that is not named gets no flow.
impl FromStr for Shares {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let mut weights = [0; PROTOCOLS.len()];
        for part in text.split(',') {
            let (place, weight) = read(part).ok_or_else(|| UnknownProtocol(part.to_owned()))?;
            weights[place] = weight;
        }
        if weights.iter().all(|&weight| weight == 0) {
            return Err(UnknownProtocol(text.to_owned()));
        }
        Ok(Self { weights })
    }
}

fn read(part: &str) -> Option<(usize, u32)> {
    let (name, weight) = part.trim().split_once('=')?;
    let place = PROTOCOLS
        .iter()
        .position(|protocol| protocol.name == name.trim())?;
    let weight = weight.trim().parse().ok()?;
    (weight <= 1000).then_some((place, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_that_is_not_named_gets_no_flow() {
        let shares: Shares = "ssh=3, dns=0".parse().unwrap();
        let mut dice = Dice::new(1);
        for _ in 0..100 {
            assert_eq!(shares.pick(&mut dice).name, "ssh");
        }
    }

    #[test]
    fn shares_come_out_as_asked_for() {
        let shares: Shares = "tls=3,http=1".parse().unwrap();
        let mut dice = Dice::new(1);
        let tls = (0..10_000).filter(|_| shares.pick(&mut dice).name == "tls");
        assert!((7200..7800).contains(&tls.count()));
    }

    #[test]
    fn nonsense_is_answered_with_the_names() {
        for wrong in [
            "", "tls", "tls=x", "gopher=1", "tls=0", "tls=1001", "tls=-1",
        ] {
            let message = wrong.parse::<Shares>().unwrap_err().to_string();
            assert!(message.contains("bittorrent"), "{message}");
        }
    }
}
