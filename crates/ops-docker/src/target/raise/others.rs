//! What stands beside the front: made anew where it changed, in the order of dependencies.

use std::{collections::BTreeSet, time::Instant};

use bollard::models::{ContainerStateStatusEnum, ContainerSummary};
use ops_core::world::Fault;
use ops_engine::ports::Act;

use super::{Meant, Raise, SETTLE, TURN_PAUSE, take_down};
use crate::{
    engine::Hand,
    target::{
        acts::stop_and_wait,
        form::Form,
        inspect::{Life, inspect, life},
        standing::{self, Stood},
        whole,
    },
};

impl Raise {
    /// Brings what stands beside the front to what the release says.
    pub(super) async fn others(&mut self, hand: &mut Hand, meant: &Meant) -> Act {
        let all = self.project(&hand.docker).await.map_err(|t| hand.failed(&t))?;
        let there: BTreeSet<&str> = all.iter().filter_map(|one| one.id.as_deref()).collect();
        let order: Vec<String> =
            meant.model.others(meant.named()).into_iter().map(str::to_owned).collect();
        let (mut changed, mut made) = (Vec::new(), Vec::new());
        for (place, name) in order.iter().enumerate() {
            let wanted = meant.configurations.get(name).cloned().unwrap_or_default();
            let there_already = self.is_made(name, meant, &wanted, &all);
            let stood = self.standing.others.entry(name.clone()).or_default();
            stood.place = place;
            let whole =
                !stood.ids.is_empty() && stood.ids.iter().all(|id| there.contains(id.as_str()));
            if stood.configuration == wanted && whole {
                continue;
            }
            if there_already {
                made.push(name.clone());
                continue;
            }
            let mut before = std::mem::take(&mut stood.before);
            before.append(&mut stood.ids);
            before.retain(|id| there.contains(id.as_str()));
            let image = meant.images.get(name).cloned().unwrap_or_default();
            let by = Some((self.record.spec.release.clone(), self.order.stamp));
            *stood = Stood {
                configuration: wanted,
                image,
                before,
                place,
                changed: by,
                ..Stood::default()
            };
            changed.push(name.clone());
        }
        self.standing.release = self.record.spec.release.clone();
        if meant.front.is_none() {
            self.record.tell_whole(true, self.order.stamp);
        }
        if self.standing.networks_before.is_none() {
            let before = standing::networks(&hand.docker, &self.standing.project).await;
            self.standing.networks_before = Some(before.map_err(|t| hand.failed(&t))?);
        }
        // Written first: whoever comes after a crash knows what is ours.
        self.save_standing(hand)?;
        self.order.records.save(&self.record).map_err(|fault| hand.ends(fault))?;
        self.write(meant, hand, &[]).await?;
        if !changed.is_empty() {
            let call = self.call(meant, hand)?;
            self.up(&["-d", "--force-recreate"], &changed, &call, hand).await?;
        }
        made.append(&mut changed);
        if !made.is_empty() {
            self.note_made(hand, &made).await?;
        }
        self.wake(hand, &order).await?;
        self.leave(hand, &order).await?;
        self.settled(hand, &order).await
    }

    /// Whether a run of Compose whose end nobody came to write down has made all of a service.
    fn is_made(&self, name: &str, meant: &Meant, wanted: &str, all: &[ContainerSummary]) -> bool {
        let open = |stood: &&Stood| stood.ids.is_empty() && stood.configuration == wanted;
        let Some(stood) = self.standing.others.get(name).filter(open) else { return false };
        let made = self.standing.made(name, all);
        made.len() == meant.model.scale(name) && made.iter().all(|(_, image)| *image == stood.image)
    }

    fn save_standing(&self, hand: &Hand) -> Act {
        let service = &self.record.spec.service;
        self.order.records.save_standing(service, &self.standing).map_err(|fault| hand.ends(fault))
    }

    /// Reads back what Compose made, and proves what it runs (P7).
    async fn note_made(&mut self, hand: &mut Hand, changed: &[String]) -> Act {
        let all = self.project(&hand.docker).await.map_err(|t| hand.failed(&t))?;
        for name in changed {
            let made = self.standing.made(name, &all);
            let Some(stood) = self.standing.others.get_mut(name) else { continue };
            if let Some((_, other)) = made.iter().find(|(_, image)| *image != stood.image) {
                let what = format!("`{name}` runs {other}, not the approved {}", stood.image);
                let next = "see who else uses this engine; the next act makes it anew";
                return Err(hand.ends(Fault::new(what, &self.standing.project, next)));
            }
            stood.ids = made.into_iter().map(|(id, _)| id).collect();
            for id in &stood.ids {
                let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
                stood.made.extend(found.as_ref().map(|found| (id.clone(), Form::of(found))));
            }
            // What a run that broke off has left beside them.
            for id in std::mem::take(&mut stood.before) {
                if all.iter().any(|one| one.id.as_ref() == Some(&id)) {
                    take_down(&hand.docker, &id).await.map_err(|t| hand.failed(&t))?;
                }
            }
        }
        self.save_standing(hand)
    }

    /// What ops had stopped, and what is not made anew, runs again.
    async fn wake(&mut self, hand: &mut Hand, order: &[String]) -> Act {
        for name in order {
            let Some(stood) = self.standing.others.get_mut(name).filter(|one| one.stopped) else {
                continue;
            };
            for id in &stood.ids {
                hand.changed();
                let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
                if found.as_ref().is_some_and(|found| life(found) != Life::Down) {
                    // It is on its way out, which cannot be called back: it ends first.
                    let ended = stop_and_wait(&hand.docker, id, whole::GRACE).await;
                    ended.map_err(|trouble| hand.failed(&trouble))?;
                }
                let started = hand.docker.start_container(id, None).await;
                started.map_err(|error| hand.failed(&error.into()))?;
            }
            (stood.stopped, stood.proven) = (false, false);
            self.save_standing(hand)?;
        }
        Ok(())
    }

    /// What the release's file does not have any more leaves, dependants first.
    async fn leave(&mut self, hand: &mut Hand, order: &[String]) -> Act {
        let gone = self.standing.others.iter().filter(|(name, _)| !order.contains(name));
        let mut gone: Vec<(usize, String)> =
            gone.map(|(name, stood)| (stood.place, name.clone())).collect();
        gone.sort();
        for (_, name) in gone.into_iter().rev() {
            let Some(stood) = self.standing.others.get(&name) else { continue };
            for id in stood.ids.iter().chain(&stood.before) {
                hand.changed();
                take_down(&hand.docker, id).await.map_err(|trouble| hand.failed(&trouble))?;
            }
            self.standing.others.remove(&name);
            self.save_standing(hand)?;
        }
        Ok(())
    }

    /// What was made stays for a moment, or has done what it had to do; what was seen to do so
    /// already is left as it is.
    async fn settled(&mut self, hand: &mut Hand, order: &[String]) -> Act {
        for name in order {
            let Some(stood) = self.standing.others.get(name).filter(|stood| !stood.proven) else {
                continue;
            };
            for id in stood.ids.clone() {
                let until = Instant::now() + SETTLE;
                while Instant::now() < until {
                    self.stays(hand, name, &id).await?;
                    tokio::time::sleep(TURN_PAUSE).await;
                }
            }
            if let Some(stood) = self.standing.others.get_mut(name) {
                stood.proven = true;
            }
            self.save_standing(hand)?;
        }
        Ok(())
    }

    /// Says so if a container has ended badly; one that was never started is.
    async fn stays(&self, hand: &mut Hand, name: &str, id: &str) -> Act {
        let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
        let state = found.as_ref().and_then(|found| found.state.as_ref());
        let code = state.and_then(|state| state.exit_code).unwrap_or(0);
        let ended = state.and_then(|state| state.status) == Some(ContainerStateStatusEnum::EXITED);
        match found.as_ref().map(life) {
            Some(Life::Running | Life::Paused) => Ok(()),
            Some(Life::Down) if ended && code == 0 => Ok(()),
            Some(Life::Down) if !ended => {
                let started = hand.docker.start_container(id, None).await;
                started.map_err(|error| hand.failed(&error.into()))?;
                hand.changed();
                Ok(())
            }
            Some(Life::Down | Life::Restarting | Life::Leaving) | None => {
                let what = format!("the service `{name}` ended with exit status {code}");
                let next = format!("see why: `docker logs {}`", id.get(..12).unwrap_or(id));
                Err(hand.ends(Fault::new(what, &self.standing.project, next)))
            }
        }
    }
}
