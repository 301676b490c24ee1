//! People who use the shop while it is deployed.

use std::{
    collections::BTreeMap,
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
    threads: Vec<JoinHandle<Visits>>,
}

/// What they met.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    pub(crate) served: u64,
    /// Of these, by the version that answered.
    pub(crate) by: BTreeMap<String, u64>,
    pub(crate) lost: Vec<String>,
}

impl Customers {
    /// Lets them come, about fifteen each second.
    pub(crate) fn come(door: &str) -> Self {
        Self::crowd(door, 1)
    }

    /// The same, so many times as many.
    pub(crate) fn crowd(door: &str, size: usize) -> Self {
        let home = Arc::new(AtomicBool::new(false));
        let walk = |_| {
            let (go, door) = (Arc::clone(&home), door.to_owned());
            thread::spawn(move || Visits::until(&go, &door))
        };
        let threads = (0..size).map(walk).collect();
        Self { home, threads }
    }

    pub(crate) fn go_home(self) -> Visits {
        self.home.store(true, Ordering::SeqCst);
        let mut all = Visits::default();
        for one in self.threads {
            let one = one.join().unwrap();
            all.served += one.served;
            all.lost.extend(one.lost);
            for (version, count) in one.by {
                *all.by.entry(version).or_default() += count;
            }
        }
        all
    }
}

impl Visits {
    fn until(home: &AtomicBool, door: &str) -> Self {
        let mut visits = Self::default();
        while !home.load(Ordering::SeqCst) {
            match visit(door) {
                Ok(version) => {
                    visits.served += 1;
                    *visits.by.entry(version).or_default() += 1;
                }
                Err(why) => visits.lost.push(why),
            }
            thread::sleep(Duration::from_millis(50));
        }
        visits
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

/// What an address answers to a path.
pub(crate) fn fetch(address: &str, path: &str) -> Result<String, String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build();
    let mut answer = agent
        .new_agent()
        .get(format!("http://{address}{path}"))
        .call()
        .map_err(|error| error.to_string())?;
    answer.body_mut().read_to_string().map_err(|error| error.to_string())
}
