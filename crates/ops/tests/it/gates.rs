//! The gates around a candidate: windows, fingerprints, notices, stages.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    house::{Site, eventually},
    team::{Team, notes},
    told::snapshot,
};

/// Phases of a deployment that no check holds any more.
const GOES: [&str; 5] = ["planned", "deploying", "verifying", "watching", "documenting"];

/// Waits until no check holds it.
pub(crate) fn goes(site: &Site, id: &str) {
    eventually(&format!("{id} goes"), || {
        let said = site.ops(&["explain", id]).out;
        GOES.iter().any(|phase| said.contains(&format!(" is {phase}."))).then_some(())
    });
}

/// A window that is shut but for one class, something that the shop leans on, somebody to tell.
fn guarded(webhook: u16) -> Site {
    let site = Site::shop_with(|text| {
        let text = text.replace("min_requests: 20", "min_requests: 600");
        let text = text.replace(
            "environments:",
            &format!(
                r#"windows:
  - name: freeze
    deny: {{ from: "2020-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z" }}
    except: [hotfix]
notify:
  - name: on call
    webhook: http://127.0.0.1:{webhook}/notices
environments:"#
            ),
        );
        format!("{text}    infrastructure:\n      - name: proxy\n        command: [cat, PROXY]\n")
    });
    site.edit(|text| text.replace("PROXY", &site.path().join("proxy.conf").display().to_string()));
    site.git(&["add", "ops.yaml"]);
    site.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    site.write("proxy.conf", "workers 4\n");
    site
}

#[test]
fn a_window_and_a_change_since_qa_hold_until_po_and_qa_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = guarded(listener.local_addr().unwrap().port());
    site.serve();
    let team = Team::new(&site);
    let id = team.todo("Open the shop", &notes("v1", &site.build("v1")));
    plans_before_rfp(&team, &id);
    team.by("qa").move_ticket(&id, "rfp").unwrap();

    team.held("a shut window", &id, "v1", "`freeze` lets nothing begin until 2090-01-01T00:00:00Z");
    let told = eventually("its ticket says so", || {
        let comments = team.ticket(&id).comments;
        comments.into_iter().find(|one| one.text.contains("## Deployment Held"))
    });
    for word in [
        "until 2090-01-01T00:00:00Z",
        "PO comments on the ticket with the line `Class: …`",
        "`normal`",
    ] {
        assert!(told.text.contains(word), "{word}: {}", told.text);
    }
    snapshot(&site, "explain_shut_window", &site.ops(&["explain", &id]).whole());
    snapshot(&site, "status_shut_window", &settled_status(&site));
    snapshot(&site, "plan_shut_window", &site.ops(&["plan", &id]).whole());

    site.write("proxy.conf", "workers 1\n");
    team.by("po").comment(&id, "Class: hotfix").unwrap();
    team.held("a change since QA", &id, "v1", "changed since");
    snapshot(&site, "explain_changed_since_qa", &site.ops(&["explain", &id]).whole());
    team.by("dev").comment(&id, "QA: PASS").unwrap();
    team.held("DEV says that the change is fine", &id, "v1", "changed since");
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    goes(&site, &id);
    team.none_led_through();
    notices(&site, listener);
    site.assert_clean();
}

/// `ops plan` of a ticket that is on its way says who must do what next.
fn plans_before_rfp(team: &Team<'_>, id: &str) {
    let first = |status: &str| {
        let said = team.site.ops(&["plan", id]);
        assert_eq!(said.code, 12, "{status}: {}", said.out);
        let all = said.out;
        let line = all.lines().skip_while(|line| !line.contains(" evidence ")).nth(1);
        format!("{status}: {}", line.unwrap_or_default().trim())
    };
    let mut lines = vec![first("todo")];
    team.by("dev").move_ticket(id, "in-progress").unwrap();
    lines.push(first("in-progress"));
    team.by("dev").move_ticket(id, "in-review").unwrap();
    lines.push(first("in-review"));
    team.by("cq").comment(id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(id, "in-qa").unwrap();
    team.by("qa").comment(id, "QA: PASS").unwrap();
    lines.push(first("in-qa"));
    snapshot(team.site, "plan_before_rfp", &lines.join("\n"));
}

/// The status at a moment at which the checks do not happen to run again, and all is told.
fn settled_status(site: &Site) -> String {
    eventually("it is held", || {
        let said = site.ops(&["status"]);
        let told = !said.out.contains("still to be written");
        (told && said.out.contains("the window opens")).then(|| said.whole())
    })
}

/// `ops check --online` tells everybody whom `notify` lists of a test.
fn notices(site: &Site, listener: TcpListener) {
    let taker = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let done = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        reader.get_mut().write_all(done).unwrap();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    });
    let checked = site.ops(&["check", "--online"]);
    assert_eq!(checked.code, 0, "{}", checked.whole());
    assert!(checked.out.contains("notice to on call") && checked.out.contains("a test was taken"));
    let notice = taker.join().unwrap();
    assert_eq!((&notice["kind"], &notice["project"]), (&"test".into(), &"shop".into()));
}

/// The version that answers under a host name.
fn visit_host(door: &str, host: &str) -> Option<String> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
    let request = config.build().new_agent().get(format!("http://{door}/"));
    let answer = request.header("host", host).call().ok()?;
    Some(answer.headers().get("x-shop-version")?.to_str().ok()?.to_owned())
}

#[test]
fn s12_one_ticket_walks_from_staging_to_production() {
    let mut site = Site::shop_with(|text| {
        let ports = text.split_once("ports: ").unwrap().1.split_once(' ').unwrap().0.to_owned();
        let (first, last) = ports.split_once('-').unwrap();
        let (first, last): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
        let half = u16::midpoint(first, last);
        text.replace(
            &format!("production: {{ ports: {ports} }}"),
            &format!(
                "staging: {{ ports: {first}-{half} }}\n  production: {{ ports: {}-{last} }}",
                half + 1
            ),
        )
        .replace(
            "    route: { path: / }",
            "    stages:\n      - { environment: staging, soak: 2s, route: { host: staging.test } }\n      \
             - production\n    route: { host: shop.test }",
        )
    });
    site.serve();
    let door = site.door();
    let home = Arc::new(AtomicBool::new(false));
    let visitors = ["staging.test", "shop.test"].map(|host| {
        let (home, door) = (Arc::clone(&home), door.clone());
        thread::spawn(move || {
            while !home.load(Ordering::SeqCst) {
                visit_host(&door, host);
                thread::sleep(Duration::from_millis(50));
            }
        })
    });
    let team = Team::new(&site);
    let id = team.judged("Open the shop", &notes("v1", &site.build("v1")), |_| {});
    eventually("it serves on staging", || visit_host(&door, "staging.test"));
    assert_eq!(visit_host(&door, "shop.test"), None, "production waits for staging");
    let soaking = eventually("it soaks", || {
        let said = site.ops(&["status"]);
        said.out.contains("soaks on this stage").then(|| said.whole())
    });
    assert_eq!(visit_host(&door, "shop.test"), None, "production waits for the soak");
    assert_eq!(team.ticket(&id).status, "rfp");
    // Whether its words stand on the boards already differs from run to run.
    let lines = soaking.lines().filter(|line| !line.contains("still to be written"));
    snapshot(&site, "status_soaking", &format!("{}\n", lines.collect::<Vec<_>>().join("\n")));
    eventually("it serves on production", || visit_host(&door, "shop.test"));
    eventually("its ticket is closed", || (team.ticket(&id).status == "closed").then_some(()));
    let ended = eventually("nothing is under way", || {
        let said = site.ops(&["status"]);
        let over = said.out.contains("Under way\n  nothing")
            && said.out.contains("no ticket is ready for production");
        over.then(|| said.whole())
    });
    snapshot(&site, "status_two_stages", &ended);
    home.store(true, Ordering::SeqCst);
    for visitor in visitors {
        visitor.join().unwrap();
    }
    site.assert_clean();
}
