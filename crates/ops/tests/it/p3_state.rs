//! P3 below the boards: files of the state that somebody changes by hand, guards that somebody
//! wants out of the way, and the control socket.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use ops_boards::BoardClient;
use ops_demo::shop::ShopConfig;
use rusqlite::Connection;
use rustix::process::Signal;

use crate::{
    house::{Site, eventually},
    team::{Team, notes},
    told::snapshot,
};

#[test]
fn p3_a_condemned_candidate_stays_out_until_somebody_listed_lifts_its_guard() {
    let mut site = Site::shop();
    site.serve();
    let team = Team::new(&site);
    let artifact = site.build("bad");
    let sick = ShopConfig { error_share: 1.0, ..ShopConfig::healthy("bad") };
    fs::write(artifact.join("shop.json"), serde_json::to_vec(&sick).unwrap()).unwrap();
    let id = team.judged("Fails all its users", &notes("bad", &artifact), |_| {});
    ended(&site, "D-1", "rolled-back");
    again_without_its_name(&team, &id, &artifact);
    people_who_may_not(&team, &id);
    replaced_in_the_store(&team);
    lifted(&team, &id);
    team.none_led_through();
    site.assert_clean();
}

fn ended(site: &Site, of: &str, phase: &str) {
    eventually(&format!("{of} is {phase}"), || {
        let said = site.ops(&["explain", of]).out;
        said.contains(&format!(" is {phase}.")).then_some(())
    });
}

/// Rounds that do not name the failure, and the same content on another ticket.
fn again_without_its_name(team: &Team<'_>, id: &str, artifact: &Path) {
    let why = "D-1 showed that it is bad (the same artifact)";
    team.again(id, "Looks fine to us.");
    team.held("another round that names nothing", id, "bad", why);

    let way = "the same content on another ticket, under another version";
    let copy = artifact.with_file_name("copy");
    let done = std::process::Command::new("cp").arg("-a").arg(artifact).arg(&copy).status();
    assert!(done.unwrap().success());
    let other = team.judged(way, &notes("v7", &copy), |_| {});
    team.held(way, &other, "bad", why);

    let way = "only CQ names the failure";
    let third = team.review(way, &notes("v8", artifact));
    team.by("cq").comment(&third, "CQ: PASS, mends D-1").unwrap();
    team.by("cq").move_ticket(&third, "in-qa").unwrap();
    team.by("qa").comment(&third, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&third, "rfp").unwrap();
    team.held(way, &third, "bad", why);
}

/// Lifting, resuming and trying again are for people whom ops.yaml lists.
fn people_who_may_not(team: &Team<'_>, id: &str) {
    let site = team.site;
    let asked = [
        ("dev", "lift D-1: it was the network, surely"),
        ("cq", "resume D-1"),
        ("qa", "rollback D-1"),
        ("dev", "abort D-1"),
    ];
    for (who, asked) in asked {
        let answer = team.chat(who, &format!("@ops {asked}"));
        assert!(answer.contains("may not do that"), "{who}: {asked}: {answer}");
    }
    let answer = team.chat("dev", &format!("@ops resume {id}"));
    assert!(answer.contains("may not do that"), "{answer}");
    let answer = team.chat("po", "@ops lift D-1: why");
    assert!(answer.contains("say why in at least"), "{answer}");
    let answer = team.chat("po", "@ops lift D-7: it was the network");
    assert!(answer.contains("condemned nothing"), "{answer}");
    let local = site.ops(&["guard", "lift", "D-1", "--reason", "it was the network"]);
    assert_eq!(local.code, 1);
    snapshot(site, "guard_lift_refused", &local.whole());
    // The daemon's account may have it looked at again, which proves nothing anew.
    assert_eq!(site.ops(&["resume", id]).code, 0);
    assert_eq!(site.ops(&["deploy", id, "--quiet"]).code, 12);
    team.held("tried again by the daemon's account", id, "bad", "D-1 showed that it is bad");
    snapshot(site, "guard_list", &site.ops(&["guard", "list"]).whole());
}

/// The store keeps contents by their digest, whatever lies in a folder of that name.
fn replaced_in_the_store(team: &Team<'_>) {
    let way = "another content in the artifact store";
    let store = team.site.state().join("artifacts");
    let stored = fs::read_dir(&store).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.join("shop.json").is_file().then_some(path)
    });
    let Some(stored) = stored else { return };
    let name = stored.file_name().unwrap().to_str().unwrap();
    let hex = name.trim_start_matches("sha256-").trim_start_matches("sha256:").to_owned();
    let good = serde_json::to_vec(&ShopConfig::healthy("v9")).unwrap();
    writable(&stored);
    fs::write(stored.join("shop.json"), good).unwrap();
    let reference = PathBuf::from(format!("sha256:{hex}"));
    let id = team.judged(way, &notes("v9", &reference), |_| {});
    team.held(way, &id, "v9", "is damaged: its content is");
}

fn writable(folder: &Path) {
    let done = std::process::Command::new("chmod").args(["-R", "u+w"]).arg(folder).status();
    assert!(done.unwrap().success());
}

/// Somebody listed may, with a reason; then it is judged like everything else.
fn lifted(team: &Team<'_>, id: &str) {
    let site = team.site;
    let answer = team.chat("po", "@ops lift D-1: the users' network was down, says the provider");
    assert!(answer.contains("the guard of D-1 is lifted"), "{answer}");
    snapshot(site, "guard_show_lifted", &site.ops(&["guard", "show", "D-1"]).whole());
    eventually("no guard holds it any more, without a word on its ticket", || {
        (!site.ops(&["explain", id]).out.contains("guards")).then_some(())
    });
    team.not_serving("after the lift", id, "bad");
}

#[test]
fn p3_p14_files_changed_by_hand_ship_nothing_and_are_found() {
    let mut site = Site::shop();
    site.serve();
    let team = Team::new(&site);
    socket(&team);
    let artifact = site.build("bad");
    let sick = ShopConfig { error_share: 1.0, ..ShopConfig::healthy("bad") };
    fs::write(artifact.join("shop.json"), serde_json::to_vec(&sick).unwrap()).unwrap();
    let id = team.judged("Leaves a head on its ticket", &notes("bad", &artifact), |_| {});
    ended(&site, &id, "rolled-back");
    eventually("a head stands on its ticket", || {
        let said = site.ops(&["audit", "verify", "--output", "json"]).json();
        (said["anchors"].as_u64()? > 1).then_some(())
    });
    let forged = boards_while_it_runs(&team);
    team.none_led_through();
    site.end_daemon(Signal::TERM);
    boards_while_it_rests(&site, &forged);
    journal_while_it_rests(&mut site);
    site.assert_clean();
}

/// Only requests that exist are answered, and none of them skips anything.
fn socket(team: &Team<'_>) {
    let way = "odd requests at the control socket";
    let id = team.unjudged(way, &notes("l1", &team.site.build("l1")));
    team.held(way, &id, "l1", "CQ");
    let lines = [
        r#"{"request":"force"}"#.to_owned(),
        format!(r#"{{"request":"ask","ask":{{"ask":"deploy","ticket":"{id}"}}}}"#),
        format!(r#"{{"request":"ask","ask":{{"ask":"again","ticket":"{id}"}},"force":true}}"#),
        r#"{"request":"ask","ask":{"ask":"lift","guard":1,"reason":"because I can"}}"#.to_owned(),
        r#"{"request":"nudge","who":"po@example.org"}"#.to_owned(),
        "garbage".to_owned(),
        "x".repeat(1 << 20),
    ];
    for line in lines {
        let mut stream = UnixStream::connect(team.site.state().join("ops.sock")).unwrap();
        // A line that is too long is not read to its end.
        let _ = stream.write_all(format!("{line}\n").as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let refused =
            answer.is_empty() || answer.contains("refused") || answer.contains(r#""done":false"#);
        assert!(refused, "{}: {answer}", line.get(..40).unwrap_or(&line));
    }
    team.held(way, &id, "l1", "CQ");
}

fn boards(site: &Site) -> Connection {
    let db = Connection::open(site.state().join("boards.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    db
}

/// Writes a verdict into the boards' file without the entry of the history that the board writes
/// with it.
const FORGED: &str = "INSERT INTO comment (ticket, id, author, author_name, text, candidate, at)
    SELECT seq, 'forged' || seq, 'qa@example.org', 'qa', 'QA: PASS', candidate, updated_at
    FROM ticket WHERE 'MNS-' || number = ?1";

/// Comments and their history are two records of the same thing: both must say it.
fn boards_while_it_runs(team: &Team<'_>) -> String {
    let way = "a verdict written into the boards' file";
    let id = team.review(way, &notes("m1", &team.site.build("m1")));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    assert_eq!(boards(team.site).execute(FORGED, [&id]).unwrap(), 1);
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "m1", "history");

    let way = "QA's fail made a pass in the boards' file";
    let other = team.judged(way, &notes("m2", &team.site.build("m2")), |id| {
        team.by("qa").comment(id, "QA: FAIL").unwrap();
    });
    team.held(way, &other, "m2", "QA failed it");
    let changed = boards(team.site)
        .execute("UPDATE comment SET text = 'QA: PASS' WHERE text = 'QA: FAIL'", [])
        .unwrap();
    assert_eq!(changed, 1);
    team.by("dev").comment(&other, "Look again.").unwrap();
    team.held(way, &other, "m2", "history");
    id
}

/// What is written while no daemon runs is read like everything else. What cannot be told from the
/// board's own writing is a comment together with its entry of the history and the candidate's
/// hash: whoever may write the files of the daemon's account is that account, and every token is
/// theirs to give.
fn boards_while_it_rests(site: &Site, id: &str) {
    let db = boards(site);
    db.execute("DELETE FROM comment WHERE text = 'CQ: PASS'", []).unwrap();
    drop(db);
    let plan = site.ops(&["plan", id]);
    assert_eq!(plan.code, 12, "{}", plan.out);
    assert!(plan.out.contains("history"), "{}", plan.out);
}

/// The journal says who governs and who was judged bad: one that was changed, cut or thrown away
/// starts no daemon, and `ops audit verify` finds it.
fn journal_while_it_rests(site: &mut Site) {
    let path = site.state().join("journal.db");
    let kept = site.path().join("journal.kept");
    let db = Connection::open(&path).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    fs::copy(&path, &kept).unwrap();
    let changes = [
        ("the record of who governs is gone", "DELETE FROM records WHERE body LIKE '%governs%'"),
        (
            "another commit governs",
            "UPDATE records SET body = replace(body, '\"governs\"', '\"waits\"')
             WHERE body LIKE '%governs%'",
        ),
        ("nothing was condemned", "DELETE FROM records WHERE body LIKE '%\"condemned\"%'"),
        (
            "the newest records are gone, and the head says so",
            "DELETE FROM records WHERE seq > 3;
             UPDATE meta SET head_seq = 3, head_hash = (SELECT hash FROM records WHERE seq = 3)",
        ),
    ];
    for (way, change) in changes {
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "DROP TRIGGER records_are_not_changed; DROP TRIGGER records_are_not_deleted",
        )
        .unwrap();
        db.execute_batch(change).unwrap();
        assert!(db.total_changes() > 0, "{way}");
        drop(db);
        found(site, way);
        back(&kept, &path);
    }
    fs::remove_file(&path).unwrap();
    let serve = site.ops(&["serve"]);
    assert_eq!(serve.code, 1, "{}", serve.err);
    snapshot(site, "serve_without_its_journal", &serve.whole());
    back(&kept, &path);
    assert_eq!(site.ops(&["audit", "verify"]).code, 0);
    site.serve();
}

fn found(site: &Site, way: &str) {
    let audit = site.ops(&["audit", "verify"]);
    assert_ne!(audit.code, 0, "{way}: {}", audit.out);
    let serve = site.ops(&["serve"]);
    assert_eq!(serve.code, 1, "{way}: {}", serve.err);
    assert!(serve.err.contains("somebody or something changed it"), "{way}: {}", serve.err);
}

fn back(kept: &Path, path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
    fs::copy(kept, path).unwrap();
}

#[test]
fn p3_no_flag_and_no_variable_skips_a_check() {
    let mut site = Site::shop();
    let loose =
        Site::shop_with(|text| text.replace("po@example.org: po", "po@example.org: [po, cq]"));
    let elsewhere = loose.path().join(".git").display().to_string();
    let work = loose.path().display().to_string();
    let variables = [
        ("GIT_DIR", elsewhere.as_str()),
        ("GIT_WORK_TREE", work.as_str()),
        ("GIT_COMMON_DIR", elsewhere.as_str()),
        ("GIT_INDEX_FILE", "/dev/null"),
        ("OPS_FORCE", "1"),
        ("OPS_SKIP_CHECKS", "all"),
        ("OPS_SOLO", "true"),
        ("OPS_CONFIG", work.as_str()),
        ("OPS_STATE", work.as_str()),
        ("CI", "true"),
    ];
    site.serve_with(&variables);
    let team = Team::new(&site);
    let way = "variables at the daemon that name another repository";
    let id = team.review(way, &notes("n1", &site.build("n1")));
    team.by("po").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "n1", "CQ");
    for (name, value) in variables {
        let said = site.ops_with(&["deploy", &id, "--quiet"], name, value);
        assert_eq!(said.code, 12, "{name}: {}{}", said.out, said.err);
        assert_eq!(site.ops_with(&["plan", &id], name, value).code, 12, "{name}");
    }
    let flags = ["--force", "-f", "--yes", "-y", "--skip-checks", "--no-verify", "--override"];
    let more = ["--emergency", "--hotfix", "--allow", "--unsafe", "--now", "--solo", "--as=qa"];
    for flag in flags.into_iter().chain(more) {
        for command in [&["deploy", &id][..], &["plan", &id], &["serve"], &["resume", &id]] {
            let said = site.ops(&[command, &[flag]].concat());
            assert_eq!(said.code, 2, "{command:?} {flag}: {}", said.out);
        }
    }
    team.held(way, &id, "n1", "CQ");
    another_state(&team, &id);
    team.none_led_through();
    site.assert_clean();
}

/// A state folder of one's own has boards and a door of its own: nothing of it is this site's.
fn another_state(team: &Team<'_>, id: &str) {
    let own = team.site.path().join("own").display().to_string();
    let said = team.site.ops(&["deploy", id, "--state", &own]);
    assert_eq!(said.code, 1, "{}", said.out);
    let stranger = BoardClient::new(&format!("http://{}", team.site.door()), "0123").unwrap();
    assert!(stranger.comment(id, "CQ: PASS").is_err(), "the door is no board");
    team.held("a state folder of one's own", id, "n1", "CQ");
}
