//! The promises and the situations, in the simulated world.

mod adoption;
mod rotations;
mod script;
mod seeds;
mod situations;
