//! The shop window: a small shop service and an open-loop load generator.
