//! 9. Delivery.
pub mod dead_letter;
