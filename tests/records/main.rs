//! What records are found in a body, byte for byte, and what can be read from them.
#![cfg(test)]

mod fields;
