//! The team: the embedded planning and meeting boards.
