//! P11: every start, success and rollback stands on the meeting board once.

use super::{
    board::{deeds, pieces, posts, twice},
    p10_tickets::number,
};
use crate::world::{World, planning::ME};

/// What may be told among others, by the words behind the deployment's name. Nobody may have to look
/// there for what users are on, what hurts them, or what somebody must do something about.
const AMONG_OTHERS: [&str; 9] = [
    " is held: ",
    " deployed ",
    " rolled back to ",
    " is done, now in use by ",
    " is done: it is known good",
    " passed its watch on ",
    " is withdrawn: ",
    " is halted by ",
    " is resumed by ",
];

/// Where one message tells of several deployments, each has a line of its own that names it by number,
/// and none of them is urgent.
fn digests(world: &World) -> Result<(), String> {
    for message in world.meeting.messages.iter().filter(|one| one.author.as_str() == ME) {
        let all = pieces(&message.text);
        if all.len() < 2 {
            continue;
        }
        for (line, marker) in all {
            let number = number(marker).unwrap_or(0);
            let first = line.lines().next().unwrap_or("");
            let named = first.split_once(&format!("(D-{number})"));
            let Some((_, said)) = named.filter(|_| first.matches("<!-- ops:").count() == 1) else {
                return Err(format!("a message does not name D-{number} in a line: {first}"));
            };
            // A rollback says what it takes back.
            let task =
                said.strip_prefix(", which takes ").and_then(|said| said.split_once(" back,"));
            let said = task.map_or(said, |(_, said)| said);
            if !AMONG_OTHERS.iter().any(|words| said.starts_with(words)) {
                return Err(format!("D-{number} is buried among others: {first}"));
            }
        }
    }
    Ok(())
}

/// Every deployment that acted has told the team what it must, once.
pub(super) fn at_rest(world: &World) -> Result<(), String> {
    digests(world)?;
    for (deployment, deeds) in deeds(world) {
        let posts = posts(world, deployment);
        if let Some(words) = twice(posts.iter().map(|(_, m)| m.as_str()), &world.meeting.late) {
            return Err(words);
        }
        let told = |words: &str| {
            let mut markers: Vec<_> =
                posts.iter().filter(|(text, _)| text.contains(words)).map(|(_, m)| m).collect();
            markers.sort();
            markers.dedup();
            markers.len()
        };
        let wanted: &[(&str, &str)] = if deeds.took_back {
            &[("start", "Rollback is armed"), ("rollback", "is rolling back")]
        } else {
            &[("start", "Rollback is armed")]
        };
        // What was announced and then held is announced again when it goes on.
        let holds = told("is held");
        for (what, words) in wanted {
            let most = if *what == "start" { 1 + holds } else { 1 };
            if told(words) == 0 || told(words) > most {
                return Err(format!("the {what} of D-{deployment} was told {} times", told(words)));
            }
        }
        if told("could not be rolled back") > 0 {
            continue;
        }
        let ends = ["Health: good", "pulled back meanwhile", "soaks there for"].map(told);
        let ends: usize = ends.iter().sum();
        // Pulled back before it was told that it soaks: that is told instead.
        let ends = if ends == 0 { told("is withdrawn after its watch") } else { ends };
        if !deeds.took_back && ends != 1 {
            return Err(format!("the success of D-{deployment} was told {ends} times"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    const START: &str = "OPS: deploying. Rollback is armed.\n\n<!-- ops:D-1:1 -->";
    const GOOD: &str = "OPS: Health: good\n\n<!-- ops:D-1:2 -->";

    #[test]
    fn p11_a_start_or_success_that_was_not_told_or_told_twice_is_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "abc-1", &digest);
        assert!(at_rest(&stage.world).unwrap_err().contains("start"));
        stage.post(START);
        assert!(at_rest(&stage.world).unwrap_err().contains("success"));
        stage.post(GOOD);
        assert_eq!(at_rest(&stage.world), Ok(()));
        stage.post(GOOD);
        assert!(at_rest(&stage.world).unwrap_err().contains("2 times"));
    }

    #[test]
    fn p11_several_posts_in_one_message_are_several_posts() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "abc-1", &digest);
        stage.post(START);
        let line =
            |n: u64, words: &str| format!("- MNS-{n} (D-{n}) {words} <!-- ops:D-{n}:2 -->\n");
        let all =
            |lines: &[String]| format!("OPS: all.\n{}All of them: Health: good", lines.concat());
        let mut told = stage;
        told.post(&all(&[line(1, "deployed shop v1."), line(2, "deployed cart v1.")]));
        assert_eq!(at_rest(&told.world), Ok(()));
        told.post(&all(&[line(1, "deployed shop v1."), line(3, "deployed cart v1.")]));
        assert!(at_rest(&told.world).unwrap_err().contains("2 times"), "D-1 is told twice");
        told.world.meeting.messages.pop();
        let nameless =
            [line(4, "deployed shop v1."), "- deployed cart <!-- ops:D-5:2 -->\n".into()];
        told.post(&all(&nameless));
        assert!(at_rest(&told.world).unwrap_err().contains("does not name D-5"));
        told.world.meeting.messages.pop();
        told.post(&all(&[line(4, "deployed shop v2."), line(5, "is rolling back shop v2")]));
        assert!(at_rest(&told.world).unwrap_err().contains("buried"));
    }

    #[test]
    fn p11_a_rollback_that_was_not_told_is_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "abc-1", &digest);
        stage.post(START);
        stage.stop(2, "abc-1");
        assert!(at_rest(&stage.world).unwrap_err().contains("rollback"));
    }
}
