//! Performatives.
