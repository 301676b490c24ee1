//! The nurse: one tiny process per replica.
