//! P11: every start, success and rollback stands on the meeting board once.

use super::board::{deeds, posts, twice};
use crate::world::World;

/// Every deployment that acted has told the team what it must, once.
pub(super) fn at_rest(world: &World) -> Result<(), String> {
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
    fn p11_a_rollback_that_was_not_told_is_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "abc-1", &digest);
        stage.post(START);
        stage.stop(2, "abc-1");
        assert!(at_rest(&stage.world).unwrap_err().contains("rollback"));
    }
}
