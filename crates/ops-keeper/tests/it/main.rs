//! Real services under real keepers.

mod adoption;
mod family;
mod life;
mod logs;
mod nursery;
mod socket;
