//! Where things run: the process target.
