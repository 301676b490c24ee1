//! The proving ground: the real engine in a simulated world.
