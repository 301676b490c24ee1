//! The promises and the situations, in the simulated world.

mod rotations;
mod script;
mod seeds;
mod situations;
