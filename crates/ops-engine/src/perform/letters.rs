//! Letters: sent at most once as far as a board allows, found by their marker.

use std::collections::VecDeque;

use ops_core::{
    deploy::{Letter, To},
    mutation::{Mutation, on},
    record::digest,
    ticket::{Message, Ticket},
    world::Fault,
};

use crate::ports::{Act, ActError, Ports};

/// Messages of a channel that are searched for a marker, counted from the newest.
const SEARCHED: usize = 2_000;

/// Sends a letter, unless it stands there already.
pub(super) fn deliver(ports: &Ports, letter: &Letter, marker: &str) -> Act {
    // An earlier try that was reported as failed may have arrived after all.
    match find(ports, letter, marker) {
        _ if on(Mutation::SendBlindly) => {}
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(fault) => return Err(ActError::NotApplied(fault)),
    }
    match &letter.to {
        To::Comment { ticket } => ports.planning.comment(ticket, &letter.body),
        To::Post { channel } => {
            if on(Mutation::PostTwice) {
                ports.meeting.post(channel, &letter.body)?;
            }
            ports.meeting.post(channel, &letter.body)
        }
        To::Close { ticket } => {
            // Read once more right before the move: boards know no compare-and-set.
            let read = ports.planning.ticket(ticket).map_err(ActError::NotApplied)?;
            match read {
                Some(Ticket { status, .. }) if status == "rfp" => ports.planning.close(ticket),
                Some(Ticket { status, .. }) => Err(ActError::NotApplied(Fault::new(
                    format!("{ticket} is {status} and not rfp"),
                    "the planning board",
                    "ops leaves it alone",
                ))),
                None => Err(ActError::NotApplied(Fault::new(
                    format!("{ticket} is not on the board"),
                    "the planning board",
                    "ops asks again",
                ))),
            }
        }
    }
}

/// Sends posts of one kind to one channel as one message: those of them that do not stand there.
pub(super) fn deliver_posts(ports: &Ports, letters: &[(Box<Letter>, String)]) -> Act {
    let Some(To::Post { channel }) = letters.first().map(|(letter, _)| &letter.to) else {
        return Ok(());
    };
    let recent = recent(ports, channel).map_err(ActError::NotApplied)?;
    let stands = |marker: &str| recent.iter().any(|message| message.text.contains(marker));
    let owed: Vec<&Letter> = letters
        .iter()
        .filter(|(_, marker)| !stands(marker) || on(Mutation::SendBlindly))
        .map(|(letter, _)| letter.as_ref())
        .collect();
    match owed[..] {
        [] => Ok(()),
        [one] => ports.meeting.post(channel, &one.body),
        [first, ..] => {
            let text = digest(first.news, &owed);
            if on(Mutation::PostTwice) {
                ports.meeting.post(channel, &text)?;
            }
            ports.meeting.post(channel, &text)
        }
    }
}

/// Whether a letter stands on its board.
pub(super) fn find(ports: &Ports, letter: &Letter, marker: &str) -> Result<bool, Fault> {
    match &letter.to {
        To::Comment { ticket } => {
            let me = ports.planning.me()?;
            let Some(read) = ports.planning.ticket(ticket)? else {
                return Err(Fault::new(
                    format!("{ticket} is not on the board"),
                    "the planning board",
                    "ops asks again",
                ));
            };
            let mut comments = read.comments.iter();
            Ok(comments.any(|comment| comment.author == me && comment.text.contains(marker)))
        }
        To::Close { ticket } => {
            let read = ports.planning.ticket(ticket)?;
            Ok(read.is_some_and(|read| read.status == "closed"))
        }
        To::Post { channel } => posted(ports, channel, marker),
    }
}

fn posted(ports: &Ports, channel: &str, marker: &str) -> Result<bool, Fault> {
    Ok(recent(ports, channel)?.iter().any(|message| message.text.contains(marker)))
}

/// The newest messages of a channel.
fn recent(ports: &Ports, channel: &str) -> Result<VecDeque<Message>, Fault> {
    let mut after: Option<String> = None;
    let mut recent: VecDeque<Message> = VecDeque::new();
    loop {
        let page = ports.meeting.messages(channel, after.as_deref())?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        recent.extend(page);
        while recent.len() > SEARCHED {
            recent.pop_front();
        }
    }
    Ok(recent)
}

/// Says something in a channel, once. The text is made only if it does not stand there already: it
/// may cost something.
pub(super) fn say(
    ports: &Ports,
    channel: &str,
    marker: &str,
    text: impl FnOnce() -> String,
) -> Result<(), Fault> {
    if posted(ports, channel, marker)? {
        return Ok(());
    }
    if let Err(why) = ports.meeting.post(channel, &text()) {
        tracing::debug!(%why, "something was perhaps not posted; the channel is read back");
    }
    if posted(ports, channel, marker)? {
        return Ok(());
    }
    Err(Fault::new(
        "what was said does not stand in the channel",
        "the meeting board",
        "ops tries again",
    ))
}
