//! The promises and the situations, in the simulated world.

mod script;
mod seeds;
mod situations;
