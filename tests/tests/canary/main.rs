//! Canaries: every address, name, URL and user agent of a capture is marked, and none of them is
//! found again, in any form: in files, in what is said and logged, in answers of the status socket,
//! in what failures say, and in the agent's own memory once its flows have ended.

mod metered;
mod replayed;
mod song;

/// Flags of each level of what is kept.
const LEVELS: [&[&str]; 3] = [
    &["--privacy", "aggregate"],
    &["--privacy", "coarse"],
    &["--privacy", "thesis"],
];
