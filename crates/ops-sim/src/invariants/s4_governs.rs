//! P3 and S4: nothing is configured by a looser `ops.yaml` before a ticket that names such a
//! commit passed CQ and QA.

use crate::world::{
    World,
    ledger::Deed,
    wishes::{MAILER, commit_name},
};

/// Remembers which acts were checked.
#[derive(Debug, Default)]
pub(super) struct Governs {
    read: usize,
}

/// Whether the `ops.yaml` of a commit asks for less than the first one.
fn loose(world: &World, number: u64) -> bool {
    world.loose.contains(&commit_name(number))
}

impl Governs {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for applied in world.ledger.applied.iter().skip(self.read) {
            let Deed::Start { release, config, .. } = &applied.deed else { continue };
            // For what has neither route nor smoke requests no commit asks for less.
            let touched = applied.service.as_str() != MAILER;
            if touched && loose(world, *config) && !allowed(world) {
                return Err(format!(
                    "{release} was configured by commit {config}, which asks for less, and no \
                     ticket that asks for that has passed"
                ));
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }
}

/// Whether any ticket that asks for a looser `ops.yaml` was ever approved.
pub(super) fn allowed(world: &World) -> bool {
    let asked = world.planning.ever.iter().filter_map(|wish| wish.governs.as_ref());
    asked.into_iter().any(|commit| world.loose.contains(commit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        invariants::staged::Stage, scheduler::happening::Happening, world::planning::Lacks,
    };

    #[test]
    fn p3_s4_a_start_by_a_looser_commit_is_found_unless_a_ticket_passed() {
        for (number, asked, fine) in [
            (1, None, true),
            (2, None, false),
            (2, Some(Lacks::Qa), false),
            (2, Some(Lacks::Nothing), true),
        ] {
            let mut stage = Stage::new();
            stage.world.happen(&Happening::Commit(1));
            stage.world.happen(&Happening::Loosen(2));
            if let Some(lacks) = asked {
                stage.settings_ticket(2, lacks);
            }
            let digest = stage.ticket("v1", Lacks::Nothing);
            stage.start_configured(number, "r1", &digest);
            assert_eq!(Governs::default().check(&stage.world).is_ok(), fine, "{number} {asked:?}");
        }
    }
}
