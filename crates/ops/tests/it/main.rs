//! The real program, as people and scripts meet it.

mod board;
mod help;
mod hold;
mod house;
mod refusals;
mod ship;
mod told;
