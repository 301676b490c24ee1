//! The door: reverse proxy with weights, drain, hold and per-release signals.
