//! People who use the shop while it is deployed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::house::{Site, eventually, finish};

/// Customers of the shop, until they are told to go home.
pub(crate) struct Customers {
    home: Arc<AtomicBool>,
    thread: JoinHandle<Visits>,
}

/// What they met.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    pub(crate) served: u64,
    pub(crate) lost: Vec<String>,
}

impl Customers {
    /// Lets them come, about fifteen each second.
    pub(crate) fn come(door: &str) -> Self {
        let home = Arc::new(AtomicBool::new(false));
        let go = Arc::clone(&home);
        let door = door.to_owned();
        let thread = thread::spawn(move || {
            let mut visits = Visits::default();
            while !go.load(Ordering::SeqCst) {
                match visit(&door) {
                    Ok(_) => visits.served += 1,
                    Err(why) => visits.lost.push(why),
                }
                thread::sleep(Duration::from_millis(50));
            }
            visits
        });
        Self { home, thread }
    }

    pub(crate) fn go_home(self) -> Visits {
        self.home.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// The first version of the shop is shipped, and customers come: the door and they.
pub(crate) fn open_shop(site: &mut Site) -> (String, Customers) {
    site.serve();
    let door = site.door();
    let ticket = site.ready("v1", &site.build("v1"));
    let deploy = site.begin(&["deploy", &ticket]);
    eventually("v1 serves", || visit(&door).ok());
    let customers = Customers::come(&door);
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}", said.whole());
    (door, customers)
}

/// One visit: the version that answered.
pub(crate) fn visit(door: &str) -> Result<String, String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build();
    let answer = agent.new_agent().get(format!("http://{door}/")).call();
    let answer = answer.map_err(|error| error.to_string())?;
    let version = answer.headers().get("x-shop-version").ok_or("no version")?;
    Ok(version.to_str().unwrap_or_default().to_owned())
}
