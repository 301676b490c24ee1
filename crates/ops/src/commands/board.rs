//! `ops board`: the embedded boards for people at the shell, each with a token of their own.

mod show;

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::PathBuf,
};

use ops_boards::{BoardClient, ListQuery, MessageQuery, NewTicket};
use ops_core::settings::Settings;
use serde_json::json;

use crate::{context::Context, exit::Exit, problem::Problem, serve};

/// Longest text that is read from standard input or a token's file, in bytes.
const TEXT_MAX: u64 = 1 << 20;
/// The variable that holds a token.
const TOKEN: &str = "OPS_BOARD_TOKEN";

/// Who acts.
#[derive(Debug, clap::Args)]
pub(crate) struct Caller {
    /// Refuse to act unless the token is this person's: a name or an e-mail
    #[arg(long = "as", value_name = "WHO")]
    who: Option<String>,
    /// File with the token; otherwise the variable `OPS_BOARD_TOKEN` has it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Give a person or agent of ops.yaml a new token, which is printed once
    Token {
        /// E-mail as in ops.yaml, or the name before its @
        who: String,
    },
    /// List tickets
    List {
        /// Only this status, such as rfp
        #[arg(long)]
        status: Option<String>,
        /// How many
        #[arg(long, short = 'n', default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        caller: Caller,
    },
    /// Show a ticket with its comments
    Show {
        /// The ticket
        ticket: String,
        #[command(flatten)]
        caller: Caller,
    },
    /// File a ticket
    Create {
        /// Its title
        title: String,
        /// Markdown; `-` reads it from standard input
        #[arg(long, short = 'd')]
        description: Option<String>,
        /// Where it begins
        #[arg(long)]
        status: Option<String>,
        /// 1 lowest to 5 critical
        #[arg(long)]
        priority: Option<i64>,
        #[command(flatten)]
        caller: Caller,
    },
    /// Comment on a ticket
    Comment {
        /// The ticket
        ticket: String,
        /// Markdown; `-` reads it from standard input
        text: String,
        #[command(flatten)]
        caller: Caller,
    },
    /// Move a ticket
    Move {
        /// The ticket
        ticket: String,
        /// Where to, such as in-review
        status: String,
        #[command(flatten)]
        caller: Caller,
    },
    /// List the channels of the meeting board
    Channels {
        #[command(flatten)]
        caller: Caller,
    },
    /// Post on the meeting board
    Post {
        /// The channel
        channel: String,
        /// Text; `-` reads it from standard input
        text: String,
        #[command(flatten)]
        caller: Caller,
    },
    /// Read a channel of the meeting board
    Messages {
        /// The channel
        channel: String,
        /// How many, counted from the oldest
        #[arg(long, short = 'n', default_value_t = 1_000)]
        limit: usize,
        #[command(flatten)]
        caller: Caller,
    },
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<Exit, Problem> {
    let ui = &context.ui;
    match command {
        Command::Token { who } => return token(context, who),
        Command::List { status, limit, caller } => {
            let query =
                ListQuery { status: status.clone(), limit: Some(*limit), ..ListQuery::default() };
            let tickets = client(context, caller)?.list(&query)?;
            ui.answer(&tickets, |_| show::tickets(&tickets))?;
        }
        Command::Show { ticket, caller } => {
            let ticket = client(context, caller)?.show(ticket)?;
            ui.answer(&ticket, |paint| show::ticket(&ticket, paint))?;
        }
        Command::Create { title, description, status, priority, caller } => {
            let new = NewTicket {
                title: title.clone(),
                description: description.as_deref().map(text).transpose()?,
                status: status.clone(),
                priority: *priority,
                ..NewTicket::default()
            };
            let ticket = client(context, caller)?.create(&new)?;
            ui.answer(&ticket, |_| format!("{} {}", ticket.ticket_number, ticket.status))?;
        }
        Command::Comment { ticket, text: words, caller } => {
            let comment = client(context, caller)?.comment(ticket, &text(words)?)?;
            ui.answer(&comment, |_| format!("{} commented on {ticket}", comment.author))?;
        }
        Command::Move { ticket, status, caller } => {
            let moved = client(context, caller)?.move_ticket(ticket, status)?;
            ui.answer(&moved, |_| format!("{} {}", moved.ticket_number, moved.status))?;
        }
        Command::Channels { caller } => {
            let channels = client(context, caller)?.channels()?;
            ui.answer(&channels, |_| show::channels(&channels))?;
        }
        Command::Post { channel, text: words, caller } => {
            let posted = client(context, caller)?.post(channel, &text(words)?, None)?;
            ui.answer(&posted, |_| format!("posted as {}", posted.author))?;
        }
        Command::Messages { channel, limit, caller } => {
            let query = MessageQuery { since: None, limit: Some(*limit) };
            let messages = client(context, caller)?.messages(channel, &query)?;
            ui.answer(&messages, |paint| show::messages(&messages, paint))?;
        }
    }
    Ok(Exit::Ok)
}

/// The embedded boards are there for those who work on them.
fn embedded(settings: &Settings) -> Result<(), Problem> {
    match settings.boards.devteam {
        None => Ok(()),
        Some(_) => Err(Problem::refused("this team works on DevTeam's boards")
            .hint("`ops board` is for the embedded ones; use the boards themselves")),
    }
}

/// Works on the boards' file: whoever may open that may give tokens.
fn token(context: &Context, who: &str) -> Result<Exit, Problem> {
    let settings = context.governing()?;
    embedded(&settings)?;
    context.make_state()?;
    let boards = context.make_boards()?;
    let member = serve::member_of(&boards, &settings, who)?;
    let token = boards.issue_token(member.id())?;
    let about = json!({ "who": member.email(), "id": member.id(), "token": token });
    context.ui.answer(&about, |_| token.clone())?;
    context.ui.hint(&format!(
        "this is {}'s token, shown this once; an earlier one does not work any more",
        member.email()
    ));
    Ok(Exit::Ok)
}

/// The boards with the caller's token.
fn client(context: &Context, caller: &Caller) -> Result<BoardClient, Problem> {
    // Whoever has no token yet need not get one first to hear that it would serve for nothing.
    if let Ok(settings) = context.governing() {
        embedded(&settings)?;
    }
    let token = own_token(caller)?;
    let client = BoardClient::new(&format!("http://{}", address(context)?), &token)?;
    if let Some(who) = &caller.who {
        let me = client.me()?;
        if &me.email != who && me.id.as_ref() != Some(who) {
            return Err(Problem::refused(format!("this token is {}'s and not {who}'s", me.email))
                .hint(format!("`ops board token {who}` gives {who} one")));
        }
    }
    Ok(client)
}

/// Where the boards are: as the daemon says, else as `ops.yaml` says.
fn address(context: &Context) -> Result<String, Problem> {
    match context.daemon().ping() {
        Ok(about) if !about.boards.is_empty() => Ok(about.boards),
        Ok(_) | Err(_) => Ok(context.governing()?.boards.listen),
    }
}

fn own_token(caller: &Caller) -> Result<String, Problem> {
    if let Some(path) = &caller.token_file {
        let text = fs::File::open(path)
            .and_then(|file| {
                let mut text = String::new();
                file.take(TEXT_MAX).read_to_string(&mut text).map(|_| text)
            })
            .map_err(|error| Problem::file("read", path, &error))?;
        return Ok(text.trim().to_owned());
    }
    match std::env::var(TOKEN) {
        Ok(token) if !token.trim().is_empty() => Ok(token.trim().to_owned()),
        _ => Err(Problem::refused("no token says who you are").hint(format!(
            "set {TOKEN}, or name a file with --token-file; `ops board token` gives tokens"
        ))),
    }
}

/// A text, or standard input where it is `-`.
fn text(text: &str) -> Result<String, Problem> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Problem::refused("`-` reads standard input, and there is only a terminal")
            .hint("pipe the text in"));
    }
    let mut read = String::new();
    stdin.lock().take(TEXT_MAX).read_to_string(&mut read).map_err(|error| {
        Problem::refused(format!("standard input cannot be read: {error}"))
            .hint("pipe text in, as UTF-8")
    })?;
    Ok(read)
}
