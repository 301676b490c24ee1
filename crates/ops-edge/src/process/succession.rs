//! The moments in which one edge follows another.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{select, sync::mpsc, time::timeout};

use super::{ABOUT_FILE, open_admin};
use crate::{
    admin::{self, Desk},
    config::EdgeConfig,
    door::EdgeDoor,
    handover::{Farewell, Link},
};

/// Longest time in which an edge that is empty tells the last of what it counted.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// An edge that serves beside the one that it follows.
pub(super) struct Succession {
    pub(super) link: Link,
    pub(super) desk: Arc<Desk>,
    pub(super) config: Arc<EdgeConfig>,
    pub(super) instance: String,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Succession {
    /// Says that this edge serves, takes the admin socket, and follows the old one to its end.
    /// Uses `supersede` if the old one goes on after all.
    pub(super) async fn run(mut self, supersede: mpsc::Sender<()>) {
        if let Err(error) = self.link.ready(&self.desk).await {
            let door = EdgeDoor::new(&self.config.state_dir);
            let lives = tokio::task::spawn_blocking(move || door.status().is_ok()).await;
            if lives.unwrap_or(false) {
                tracing::error!(%error, "the old edge goes on; this one ends");
                let _ = supersede.try_send(());
                return;
            }
            tracing::warn!(%error, "the old edge broke off; this one goes on");
        }
        match open_admin(&self.config, &self.instance, &self.addresses) {
            Ok(admin) => {
                let listening = admin::listen(admin, Arc::clone(&self.desk));
                tokio::join!(listening, self.link.follow(&self.desk));
            }
            Err(error) => {
                tracing::error!(%error, "nobody can reach this edge: it ends");
                let _ = supersede.try_send(());
            }
        }
    }
}

/// Does something until another edge takes over, which then does it.
pub(super) async fn until_handed(desk: Arc<Desk>, what: impl Future<Output = ()>) {
    let mut farewell = desk.farewell.subscribe();
    select! {
        () = what => {}
        _ = farewell.wait_for(|farewell| *farewell >= Farewell::Handed) => {}
    }
}

/// Lets an edge that was followed tell its last; true if it was.
pub(super) async fn say_goodbye(desk: &Desk) -> bool {
    let handed = *desk.farewell.borrow() >= Farewell::Handed;
    if handed {
        let mut farewell = desk.farewell.subscribe();
        desk.farewell.send_replace(Farewell::Empty);
        let told = farewell.wait_for(|farewell| *farewell == Farewell::Told);
        if timeout(LAST_WORDS, told).await.is_err() {
            tracing::warn!("the last counts could not be told");
        }
    }
    handed
}

/// Whether the files of the state folder are this edge's, and not those of one that it did not
/// come to follow.
pub(super) fn owns(config: &EdgeConfig, desk: &Desk) -> bool {
    let about = std::fs::read(config.state_dir.join(ABOUT_FILE)).unwrap_or_default();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap_or_default();
    about.get("instance").is_none_or(|instance| *instance == *desk.instance())
}
