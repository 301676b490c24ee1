//! Tokens that are wrong, and tokens that are replaced while ops runs.

use std::sync::{Arc, Mutex};

use ops_boards::{
    BoardSettings,
    devteam::{Convention, DevTeamMeeting, DevTeamPlanning, Renew},
};
use ops_core::id::TicketId;
use ops_engine::ports::{ActError, Clock, Meeting as _, Planning as _};

use super::meeting::Still;
use crate::desk::{Desk, Served};

struct Site {
    desk: Desk,
    served: Served,
    /// Where ops finds its token.
    lies: Arc<Mutex<String>>,
    planning: DevTeamPlanning,
    meeting: DevTeamMeeting,
}

fn site() -> Site {
    let desk = Desk::new();
    let settings = BoardSettings { permissive: true, ..BoardSettings::default() };
    let served = desk.serve_with(settings);
    desk.ticket("A", "rfp");
    let token = served.token("otto");
    let lies = Arc::new(Mutex::new(token.clone()));
    let read = Arc::clone(&lies);
    let renew: Renew = Arc::new(move || Some(read.lock().unwrap().clone()));
    let clock: Arc<dyn Clock> = Arc::new(Still::default());
    let base = served.base();
    let planning = DevTeamPlanning::new(&base, &token, Arc::clone(&clock)).unwrap();
    let meeting = DevTeamMeeting::new(&base, &token, "otto", Convention::default(), clock);
    let planning = planning.renewing(Arc::clone(&renew));
    let meeting = meeting.unwrap().renewing(renew);
    Site { desk, served, lies, planning, meeting }
}

#[test]
fn a_token_that_was_replaced_where_it_lies_is_taken_up_and_nothing_is_written_twice() {
    let site = site();
    let id = TicketId::from("MNS-1");
    site.planning.comment(&id, "one").unwrap();
    site.meeting.post("standup", "one").unwrap();
    *site.lies.lock().unwrap() = site.served.token("otto");
    site.planning.comment(&id, "two").unwrap();
    assert_eq!(site.planning.ready().unwrap()[0].comments.len(), 2);
    *site.lies.lock().unwrap() = site.served.token("otto");
    assert_eq!(site.planning.ready().unwrap().len(), 1, "a look finds it too");
    site.meeting.post("standup", "two").unwrap();
    assert_eq!(site.meeting.messages("standup", None).unwrap().len(), 2);
}

#[test]
fn p8_a_token_that_is_not_known_any_more_passes_nothing_until_the_right_one_lies_there() {
    let site = site();
    let id = TicketId::from("MNS-1");
    site.planning.ready().unwrap();
    let new = site.served.token("otto");
    for wrong in [None, Some("wrong"), Some(""), Some("no token")] {
        if let Some(wrong) = wrong {
            wrong.clone_into(&mut site.lies.lock().unwrap());
        }
        let told = site.planning.ready().unwrap_err().to_string();
        assert!(told.contains("401") && told.contains("check the token"), "{told}");
        let answer = site.planning.comment(&id, "lost");
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
        site.meeting.messages("standup", None).unwrap_err();
    }
    *site.lies.lock().unwrap() = new;
    site.planning.comment(&id, "there").unwrap();
    let stands = site.desk.store.ticket("MNS-1").unwrap().comments;
    assert_eq!(stands.len(), 1);
}

#[test]
fn p3_the_managers_token_is_never_taken_up() {
    let site = site();
    site.served.token("otto");
    "dashboard".clone_into(&mut site.lies.lock().unwrap());
    site.meeting.post("standup", "as the manager").unwrap_err();
    assert!(
        site.desk
            .store
            .messages("standup", &ops_boards::MessageQuery::default())
            .unwrap()
            .is_empty()
    );
}
