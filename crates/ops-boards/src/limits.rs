//! Every bound of the boards, by name.

/// Bytes of a request's body (as Express's `100kb`); above it the answer is 413.
pub const BODY_BYTES: usize = 100 * 1024;
/// Seconds within which a request's body must have arrived.
pub const BODY_SECONDS: u64 = 10;
/// Calls that may use the store at once; further ones wait for a place.
pub const CALLS_AT_ONCE: usize = 32;

/// Bytes of a ticket's title or name.
pub const TITLE_BYTES: usize = 300;
/// Bytes of a ticket's description.
pub const DESCRIPTION_BYTES: usize = 64 * 1024;
/// Bytes of a comment.
pub const COMMENT_BYTES: usize = 90 * 1024;
/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 20 * 1024;
/// Bytes of a short text: a name, an e-mail, a label, a release, a channel.
pub const SHORT_BYTES: usize = 254;
/// Bytes of a channel's description.
pub const CHANNEL_DESCRIPTION_BYTES: usize = 1000;
/// Labels of a ticket.
pub const LABELS: usize = 50;
/// Highest complexity of a ticket (the convention ends at 21).
pub const COMPLEXITY: i64 = 100;

/// Tickets of a board file.
pub const TICKETS: i64 = 100_000;
/// Comments of a ticket.
pub const COMMENTS_PER_TICKET: i64 = 10_000;
/// Bytes of all comments of a ticket.
pub const COMMENT_BYTES_PER_TICKET: i64 = 8 * 1024 * 1024;
/// History entries of a ticket.
pub const HISTORY_PER_TICKET: i64 = 30_000;
/// How many comments and history entries above the bounds stay reserved for ops, so that nobody
/// can fill a ticket until its record no longer fits.
pub const RESERVED_FOR_OPS: i64 = 100;
/// How many bytes of comments above the bound stay reserved for ops.
pub const RESERVED_BYTES_FOR_OPS: i64 = 1024 * 1024;

/// Identities of a board file.
pub const MEMBERS: i64 = 1_000;
/// Channels of a board file.
pub const CHANNELS: i64 = 200;
/// Messages of a board file.
pub const MESSAGES: i64 = 1_000_000;
/// How many messages above the bound stay reserved for ops.
pub const RESERVED_MESSAGES_FOR_OPS: i64 = 100_000;
/// Mentions that one message can hold; further ones are dropped.
pub const MENTIONS_PER_MESSAGE: usize = 1_000;

/// Tickets of a list when the caller names no limit, as on `DevTeam`'s board.
pub const LIST_DEFAULT: usize = 100;
/// Tickets of a list at most; a higher limit is refused, never silently cut.
pub const LIST_MAX: usize = 10_000;
/// Bytes of text in one list of tickets; a list above it is refused, never silently cut.
pub const LIST_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a search text.
pub const SEARCH_BYTES: usize = 200;
/// Messages of a list when the caller names no limit, as on `DevTeam`'s board.
pub const MESSAGES_DEFAULT: usize = 50;
/// Messages of a list at most.
pub const MESSAGES_MAX: usize = 1_000;
/// Messages that the meeting port gives at once.
pub const PORT_MESSAGES: usize = 500;
