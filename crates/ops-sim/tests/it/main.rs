//! The promises and the situations, in the simulated world.

mod adoption;
mod returns;
mod rotations;
mod script;
mod seeds;
mod situations;
