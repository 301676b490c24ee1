//! The window: the daemon's control socket.
