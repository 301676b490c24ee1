//! ops as a guest on `DevTeam`'s boards: the embedded ones with all their habits stand in for them,
//! in a process of their own kind, with ops's gateway among those that they wait for.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::Request,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use ops_boards::{
    BoardClient, BoardSettings, BoardStore, Gateway, NewMember, Role, TicketWire, router,
};
use ops_signals::SystemClock;
use ops_targets::ArtifactStore;
use tokio::runtime::Runtime;

use crate::{
    customers::{Customers, visit},
    house::{Site, eventually, finish, notes, read_until, walk},
};

const TEAM: [(&str, Role); 5] = [
    ("pia", Role::Po),
    ("dan", Role::Dev),
    ("cleo", Role::Cq),
    ("quinn", Role::Qa),
    ("doug", Role::Ops),
];
const GATEWAY_TOKEN: &str = "0123456789abcdef";

/// The boards of somebody else.
struct Boards {
    store: Arc<BoardStore>,
    address: SocketAddr,
    /// Nobody can follow these.
    deaf: bool,
    runtime: Option<Runtime>,
    _folder: tempfile::TempDir,
}

impl Boards {
    fn new(gateway: &str) -> Self {
        Self::made(gateway, false)
    }

    /// Boards that tell of a move only those who are to be told, at their gateways.
    fn deaf(gateway: &str) -> Self {
        Self::made(gateway, true)
    }

    fn made(gateway: &str, deaf: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::new().unwrap());
        let store = BoardStore::open(&folder.path().join("boards.db"), clock).unwrap();
        for (id, role) in TEAM {
            let gateway = (role == Role::Ops).then(|| Gateway {
                address: format!("http://{gateway}"),
                token: Some("env:OPS".to_owned()),
            });
            let member = NewMember {
                id: id.to_owned(),
                email: format!("{id}@devteam.local"),
                name: id.to_owned(),
                role,
                avatar: String::new(),
                gateway,
            };
            let member = store.put_member(&member).unwrap();
            if role == Role::Ops {
                store.set_watch(&member, &["rfp".to_owned()], true).unwrap();
            }
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let store = Arc::new(store);
        let mut boards = Self { store, address, deaf, runtime: None, _folder: folder };
        boards.open();
        boards
    }

    fn open(&mut self) {
        let runtime = Runtime::new().unwrap();
        let settings = BoardSettings {
            permissive: true,
            blocking_notifications: true,
            resolve_secret: Arc::new(|_| Ok(GATEWAY_TOKEN.to_owned())),
            ..BoardSettings::default()
        };
        let listener = eventually("the boards' port is free", || {
            runtime.block_on(tokio::net::TcpListener::bind(self.address)).ok()
        });
        let mut boards = router(Arc::clone(&self.store), settings);
        if self.deaf {
            boards = boards.layer(middleware::from_fn(unfollowed));
        }
        let boards = boards.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, boards).await });
        self.runtime = Some(runtime);
    }

    /// Nobody answers any more.
    fn shut(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    fn by(&self, who: &str) -> BoardClient {
        let token = self.store.issue_token(who).unwrap();
        BoardClient::new(&format!("http://{}", self.address), &token).unwrap()
    }

    /// Walks a ticket to `rfp`. The last move is DEV's and pushes nothing on these boards.
    fn ready(&self, version: &str, notes: String) -> String {
        let team = ["pia", "dan", "cleo", "quinn"].map(|who| self.by(who));
        let said = ["APPROVED. Security review: fine.", "## QA PASS\n\n- [x] all of it"];
        let id = walk(&team, version, notes, said);
        let [_, dev, _, qa] = &team;
        qa.move_ticket(&id, "completed").unwrap();
        let merged = ops_boards::Edit { status: Some("rfp".into()), ..ops_boards::Edit::default() };
        dev.edit(&id, &merged).unwrap();
        id
    }

    fn ticket(&self, id: &str) -> TicketWire {
        self.store.ticket(id).unwrap()
    }

    fn said(&self, channel: &str) -> Vec<String> {
        let query = ops_boards::MessageQuery { since: None, limit: Some(500) };
        let messages = self.store.messages(channel, &query).unwrap();
        messages.into_iter().map(|message| message.content).collect()
    }
}

/// Refuses every WebSocket.
async fn unfollowed(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::UPGRADE) {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

/// What stood there tells more than what was waited for.
impl Drop for Boards {
    #[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for channel in ["standup", "ad-hoc"] {
            let query = ops_boards::MessageQuery { since: None, limit: Some(500) };
            for message in self.store.messages(channel, &query).into_iter().flatten() {
                eprintln!("#{channel}: {}", message.content);
            }
        }
        for ticket in self.store.list(&ops_boards::ListQuery::default()).into_iter().flatten() {
            for comment in ticket.comments {
                eprintln!("{} {}: {}", ticket.ticket_number, comment.author, comment.text);
            }
        }
    }
}

/// Notes with the digest: these boards stamp nothing on a verdict (S9).
fn notes_of(site: &Site, version: &str) -> String {
    let dir = site.build(version).display().to_string();
    let measured = ArtifactStore::new(&site.state(), 1_000).measure(&dir).unwrap();
    notes(version, &dir).replace("version:", &format!("digest: {}\nversion:", measured.digest))
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The boards as `ops.yaml` names them.
fn devteam(boards: &Boards, gateway: &str) -> String {
    let base = format!("http://{}", boards.address);
    format!(
        "devteam: {{ planning: \"{base}\", meeting: \"{base}\", gateway: \"{gateway}\", \
         me: doug@devteam.local }}"
    )
}

fn site(boards: &Boards, gateway: &str) -> Site {
    Site::shop_with(|text| {
        text.replace("po@example.org", "pia@devteam.local")
            .replace("dev@example.org", "dan@devteam.local")
            .replace("cq@example.org", "cleo@devteam.local")
            .replace("qa@example.org", "quinn@devteam.local")
            .replace("embedded: { listen: \"127.0.0.1:0\" }", &devteam(boards, gateway))
    })
}

fn serve(site: &mut Site, boards: &Boards) {
    let token = boards.store.issue_token("doug").unwrap();
    site.serve_with(&[
        ("PLANNING_BOARD_TOKEN", &token),
        ("MEETING_BOARD_TOKEN", &token),
        ("OPENCLAW_GATEWAY_TOKEN", GATEWAY_TOKEN),
        ("AGENT_INSTANCE", "doug"),
    ]);
}

#[test]
fn p10_p11_s14_tickets_of_devteams_boards_ship_and_are_told_once_although_the_boards_go_away() {
    let gateway = free_address();
    let mut boards = Boards::new(&gateway);
    let mut site = site(&boards, &gateway);
    serve(&mut site, &boards);
    let door = site.door();
    let health = ureq::get(format!("http://{gateway}/health")).call().unwrap();
    assert_eq!(health.status().as_u16(), 200);
    let first = boards.ready("v1", notes_of(&site, "v1"));
    eventually("v1 serves", || visit(&door).ok());
    let customers = Customers::come(&door);
    eventually("v1 is closed", || (boards.ticket(&first).status == "closed").then_some(()));

    boards.by("dan").post("ad-hoc", "@ops status, please", None).unwrap();
    eventually("ops answers", || {
        boards.said("ad-hoc").iter().any(|said| said.contains("shop v1 serves")).then_some(())
    });

    let second = boards.ready("v2", notes_of(&site, "v2"));
    eventually("v2 is begun", || {
        boards.said("standup").iter().any(|said| said.contains(&second)).then_some(())
    });
    let mut deploy = site.begin(&["deploy", &second]);
    read_until(&mut deploy, "watching");
    boards.shut();
    read_until(&mut deploy, "documenting");
    boards.open();
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    eventually("v2 is closed", || (boards.ticket(&second).status == "closed").then_some(()));
    for (ticket, version) in [(&first, "v1"), (&second, "v2")] {
        let found = boards.ticket(ticket);
        let own = |text: &str| {
            let own = found.comments.iter().filter(|c| c.author == "doug@devteam.local");
            own.filter(|comment| comment.text.contains(text)).count()
        };
        assert_eq!(own("## Deployment Complete"), 1, "{version}");
        let closed = found.history.iter().filter(|entry| entry.details == "Status: rfp → closed");
        assert_eq!(closed.count(), 1);
        let told = || {
            let all = boards.said("standup").into_iter();
            all.filter(|said| said.contains(ticket.as_str()) && said.contains(" deployed shop"))
                .count()
        };
        // It waits a moment for others of its kind.
        eventually("it is told", || (told() > 0).then_some(()));
        assert_eq!(told(), 1, "{:?}", boards.said("standup"));
    }
    let answers = boards.said("ad-hoc");
    assert_eq!(answers.iter().filter(|said| said.starts_with("OPS:")).count(), 1, "{answers:?}");
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    site.assert_clean();
}

/// From the move of an unproven ticket to `rfp` until the checks have said on it why it is held.
fn held_after(boards: &Boards, pushes: bool) -> Duration {
    let [pia, dan, qa] = ["pia", "dan", "quinn"].map(|who| boards.by(who));
    let new = ops_boards::NewTicket {
        title: "nobody looked at this".to_owned(),
        status: Some("in-qa".to_owned()),
        ..ops_boards::NewTicket::default()
    };
    let id = pia.create(&new).unwrap().ticket_number;
    let begun = Instant::now();
    if pushes {
        qa.move_ticket(&id, "rfp").unwrap();
    } else {
        // As DEV is told to: of this no gateway hears.
        let merged = ops_boards::Edit { status: Some("rfp".into()), ..ops_boards::Edit::default() };
        dan.edit(&id, &merged).unwrap();
    }
    eventually("the ticket is held", || {
        let comments = boards.ticket(&id).comments;
        comments.iter().any(|one| one.text.starts_with("## Deployment Held")).then_some(())
    });
    begun.elapsed()
}

/// ops reads by itself once in an hour, so that whatever is seen sooner was told.
#[expect(clippy::print_stderr, reason = "what was measured, for docs/proof.md")]
fn told_of_everything(boards: &Boards, gateway: &str, pushes: bool, way: &str) {
    let mut site = Site::shop_with(|text| {
        text.replace("embedded: { listen: \"127.0.0.1:0\" }", &devteam(boards, gateway))
            .replace("services:", "heartbeat: 1h\nservices:")
    });
    serve(&mut site, boards);
    // What is there when ops begins is read at the beginning.
    held_after(boards, pushes);
    let mut took: Vec<_> = (0..9).map(|_| held_after(boards, pushes)).collect();
    took.sort();
    eprintln!(
        "{way}: from the move to the verdict of the checks on the ticket {} ms in the median, {} at \
         worst",
        took[took.len() / 2].as_millis(),
        took[took.len() - 1].as_millis()
    );
}

#[test]
fn a_push_of_the_planning_board_reaches_the_checks_although_the_next_heartbeat_is_an_hour_away() {
    let gateway = free_address();
    let boards = Boards::deaf(&gateway);
    told_of_everything(&boards, &gateway, true, "by push");
}

#[test]
fn a_move_that_pushes_nothing_reaches_the_checks_by_websocket() {
    let gateway = free_address();
    let boards = Boards::new(&gateway);
    told_of_everything(&boards, &gateway, false, "by WebSocket");
}

#[test]
fn what_is_wrong_between_ops_and_the_boards_is_said_before_anything_begins() {
    let gateway = free_address();
    let boards = Boards::new(&gateway);
    let site = site(&boards, &gateway);
    let token = boards.store.issue_token("doug").unwrap();
    let quinns = boards.store.issue_token("quinn").unwrap();
    let serve = |variables: &[(&str, &str)]| {
        let mut command = site.command(&["serve"]);
        let done = command.envs(variables.iter().copied()).output().unwrap();
        assert!(!done.status.success());
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "PLANNING_BOARD_TOKEN"),
        (&[("PLANNING_BOARD_TOKEN", &token)], "MEETING_BOARD_TOKEN"),
        (
            &[("PLANNING_BOARD_TOKEN", &token), ("MEETING_BOARD_TOKEN", "dashboard")],
            "take ops for the manager",
        ),
        (
            &[
                ("PLANNING_BOARD_TOKEN", &token),
                ("MEETING_BOARD_TOKEN", &token),
                ("AGENT_INSTANCE", "otto"),
            ],
            "me: otto@devteam.local",
        ),
        (
            &[("PLANNING_BOARD_TOKEN", &quinns), ("MEETING_BOARD_TOKEN", &token)],
            "knows ops as quinn@devteam.local",
        ),
    ];
    for (variables, words) in cases {
        let said = serve(variables);
        assert!(said.contains(words), "{words}: {said}");
        assert!(!said.contains(&token) && !said.contains(&quinns), "{said}");
    }
    let said = site.ops(&["board", "list"]);
    assert!(said.err.contains("this team works on DevTeam's boards"), "{}", said.err);
}
