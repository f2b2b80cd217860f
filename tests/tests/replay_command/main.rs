//! `collector replay` as its user sees it: the program, on captures made by rule. It needs neither
//! rights nor a network.

mod audit;
mod choices;
mod damage;
mod large;
mod made;
mod outputs;
mod place;
mod usage;
