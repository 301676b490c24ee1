//! P14: every comment by ops bears a head of the journal, and that is what the journal holds.

use ops_engine::ports::Journal;

use crate::world::{World, planning::ME};

/// Compares what stands on the tickets with the journal.
pub(super) fn at_rest(world: &World, journal: &dyn Journal) -> Result<(), String> {
    for (id, ticket) in &world.planning.tickets {
        let ours = ticket.comments.iter().filter(|one| one.author.as_str() == ME);
        for comment in ours.filter(|one| one.text.contains("<!-- ops:D-")) {
            let Some((seq, hash)) = anchor(&comment.text) else {
                return Err(format!("comment {} on {id} bears no head of the journal", comment.id));
            };
            let held = match seq.checked_sub(1) {
                None => journal.head().is_ok(),
                Some(before) => journal
                    .after(before, 1)
                    .is_ok_and(|records| records.iter().any(|one| one.hash.to_string() == hash)),
            };
            if !held {
                return Err(format!(
                    "comment {} on {id} names record {seq} of the journal, which is another one",
                    comment.id
                ));
            }
        }
    }
    Ok(())
}

/// Number and hash in `<!-- ops:journal:7:sha256:… -->`.
fn anchor(text: &str) -> Option<(u64, &str)> {
    let from = text.find("<!-- ops:journal:")? + "<!-- ops:journal:".len();
    let (anchor, _) = text.get(from..)?.split_once(" -->")?;
    let (seq, hash) = anchor.split_once(':')?;
    Some((seq.parse().ok()?, hash))
}

#[cfg(test)]
mod tests {
    use ops_store::MemoryJournal;
    use serde_json::json;

    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    #[test]
    fn p14_a_comment_without_or_with_another_head_is_found() {
        let mut journal = MemoryJournal::new();
        let now = Stage::new().world.clock.now();
        let made = journal.append(None, &now, &[(1, json!("a")), (1, json!("b"))], None).unwrap();
        let right = format!("<!-- ops:journal:2:{} -->", made[1].hash);
        let wrong = format!("<!-- ops:journal:1:{} -->", made[1].hash);
        for (anchor, fine) in [(right.as_str(), true), (wrong.as_str(), false), ("", false)] {
            let mut stage = Stage::new();
            stage.ticket("v1", Lacks::Nothing);
            stage.comment(&format!("## Deployment Held\n\n<!-- ops:D-1:1 -->\n{anchor}"));
            assert_eq!(at_rest(&stage.world, &journal).is_ok(), fine, "{anchor}");
        }
    }
}
