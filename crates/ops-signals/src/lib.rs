//! The senses: probes and host facts.
