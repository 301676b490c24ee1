//! The embedded boards as the team meets them: over real connections, and through ops's ports.

mod bounds;
mod desk;
mod order;
mod ports;
mod refusals;
mod rules;
mod shell;
mod wire;
