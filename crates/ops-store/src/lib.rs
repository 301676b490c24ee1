//! The memory: the hash-chained journal in SQLite.
