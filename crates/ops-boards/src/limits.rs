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
/// Ready tickets that the planning port gives at most; more are an error, never silently cut.
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

/// Names of free fields that a ticket may hold beside its own.
pub const FREE_FIELDS: usize = 50;
/// Bytes of the name of a free field.
pub const FREE_NAME_BYTES: usize = 64;
/// Bytes of all free fields of a ticket, as JSON.
pub const FREE_BYTES: usize = 32 * 1024;
/// Tickets that one reordering of the backlog may name.
pub const REORDERED: usize = 10_000;
/// Columns that a member may watch.
pub const WATCHED: usize = 20;
/// Entries of the audit when the caller names no limit, as on `DevTeam`'s board.
pub const AUDIT_DEFAULT: usize = 100;
/// Bytes of a search pattern once it is compiled.
pub const SEARCH_COMPILED_BYTES: usize = 1024 * 1024;

/// Members that may have a gateway.
pub const GATEWAYS: i64 = 200;
/// Notices that wait for one gateway; further ones are dropped, for everybody polls too.
pub const NOTICES_WAITING: usize = 64;
/// How often a notice is offered to a gateway that refuses it or cannot be reached.
pub const NOTICE_TRIES: u32 = 3;
/// Seconds in which a gateway must take a connection.
pub const NOTICE_CONNECT_SECONDS: u64 = 10;
/// Seconds in which a gateway must answer: an answer may be a whole turn of a model.
pub const NOTICE_SECONDS: u64 = 300;

/// WebSocket connections to the boards.
pub const FOLLOWERS: usize = 256;
/// WebSocket connections of one member.
pub const FOLLOWERS_PER_MEMBER: usize = 16;
/// Channels that one connection may follow.
pub const FOLLOWED_CHANNELS: usize = 200;
/// Frames that may wait for one connection; one that falls further behind is dropped, as on
/// `DevTeam`'s meeting board.
pub const FRAMES_WAITING: usize = 256;
/// Bytes that may wait for one connection beside the first frame.
pub const FRAME_BYTES_WAITING: usize = 4 * 1024 * 1024;
/// Bytes of a frame that a caller may send.
pub const FRAME_BYTES: usize = 4 * 1024;
/// Frames per second that a caller may send, on average; ten times as many at once.
pub const FRAMES_PER_SECOND: f64 = 20.0;

/// Callers of whom the board remembers how fast they were.
pub const CALLERS: usize = 4_096;
/// Sessions of the web page.
pub const SESSIONS: usize = 1_000;
/// Sessions of one member.
pub const SESSIONS_PER_MEMBER: usize = 10;
/// Hours after which a session of the web page ends.
pub const SESSION_HOURS: u64 = 12;
/// Bytes of a form of the web page: a comment whose every letter is percent-encoded.
pub const FORM_BYTES: usize = 3 * COMMENT_BYTES + 4 * 1024;
/// Tickets that a column of the web page shows; the page says how many more there are.
pub const SHOWN_PER_COLUMN: usize = 200;
/// Connections to the file that read at once.
pub const READERS: usize = 4;
