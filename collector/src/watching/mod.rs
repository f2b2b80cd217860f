//! Watching a running meter: what it counts for people, and the ways in which it is asked.
//! Everything here is counts; what files may not hold is not shown either.

pub mod clients;
pub mod health;
pub mod notify;
pub mod page;
pub mod told;
pub mod top;
pub mod view;
