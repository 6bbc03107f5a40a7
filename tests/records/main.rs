//! What records are found in a body, byte for byte, and what can be read from them.
#![cfg(test)]

mod bodies;
mod differential;
mod fields;
mod generate;
mod invariants;
mod mutations;
mod shapes;
