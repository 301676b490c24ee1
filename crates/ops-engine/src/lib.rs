//! The hands of ops: what it may do to the world (ports), and how it does it.

pub mod ports;
