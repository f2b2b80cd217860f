//! What the meter takes and keeps, in one line for its operator.

use collector_common::schema::{Header, Level, PayloadMode};

/// What is taken and kept where files begin with `header`.
#[must_use]
pub fn promise(header: &Header) -> String {
    let taken = match header.payload {
        PayloadMode::None => "packet headers and no byte of payload",
        PayloadMode::Sample => {
            "packet headers and, in memory only, the first payload bytes of each flow"
        }
    };
    format!(
        "takes {taken}; keeps, at level {}; no address, source port, server name or payload",
        kept(header)
    )
}

fn kept(header: &Header) -> String {
    let k = header.k;
    match (header.level, &header.dp) {
        (Level::Aggregate, Some(dp)) => format!(
            "aggregate, counts of flows with noise (epsilon {} for actions of up to {} flows)",
            dp.epsilon, dp.bound
        ),
        (Level::Aggregate, None) => {
            format!(
                "aggregate, the counts of a day, rounded up, of kinds that {k} flows or more have"
            )
        }
        (Level::Coarse, _) => format!(
            "coarse, flows with full hours, powers of two, common ports, and countries and \
             applications that {k} flows or more have"
        ),
        (Level::Thesis, _) => format!(
            "thesis, flows with minutes, exact packets, all ports, and countries, applications and \
             user agents that {k} flows or more have"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::fixtures;

    #[test]
    fn each_level_says_what_it_keeps() {
        let mut header = fixtures::config(std::path::Path::new("/x")).sink.header;
        for (level, kept) in [
            (Level::Aggregate, "counts of a day"),
            (Level::Coarse, "full hours"),
            (Level::Thesis, "minutes"),
        ] {
            header.level = level;
            let promise = promise(&header);
            assert!(
                promise.contains(kept) && promise.contains("no address"),
                "{promise}"
            );
            assert_eq!(promise.lines().count(), 1);
        }
        header.payload = PayloadMode::None;
        assert!(promise(&header).contains("no byte of payload"));
    }
}
