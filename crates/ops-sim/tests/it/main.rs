//! The promises and the situations, in the simulated world.

mod adoption;
mod exhaustive;
mod hostile;
mod hosts;
mod judgements;
mod records;
mod returns;
mod rotations;
mod script;
mod seeds;
mod situations;
mod stages;
mod talk;
mod words;
