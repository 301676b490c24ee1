//! What docs/SECURITY.md claims: of secrets, of rights to files, of shells, and that each of its claims
//! has its test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use ops_boards::{MessageQuery, NewTicket};

use crate::{
    customers::{Customers, visit},
    house::{Site, TEAM, eventually, finish},
};

/// Values that stand nowhere else: of a variable, of a file, of a webhook, of a gateway.
const SEEDED: [&str; 5] = [
    "maple-71c0e2d94b",
    "willow-5de8830fa1",
    "birch-c94417e0b2",
    "cedar-0a7ff3e96c",
    "rowan-e6212b8d57",
];
/// Files that a person looks at; everything else that ops starts, reads or keeps is in the state.
const LOGS: [&str; 2] = ["serve.log", "ops.yaml"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether one of the seeded values stands in these bytes, and which.
fn seeded(bytes: &[u8]) -> Option<&'static str> {
    SEEDED.into_iter().find(|value| {
        bytes.windows(value.len()).any(|part| part.eq_ignore_ascii_case(value.as_bytes()))
    })
}

/// All that lies below a folder, links not followed.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    for path in listing.map(|entry| entry.unwrap().path()) {
        if fs::symlink_metadata(&path).is_ok_and(|about| about.is_dir()) {
            below(&path, found);
        }
        found.push(path);
    }
}

fn site_with_secrets() -> Site {
    let [_, file, _, webhook, _] = SEEDED;
    let site = Site::shop_with(|text| {
        let boards = "boards:\n  embedded:\n    listen: \"127.0.0.1:0\"\n    gateways:\n      \
                      qa@example.org: { url: \"http://127.0.0.1:9\", token: env:GATEWAY_TOKEN, \
                      watch: [in-qa, rfp] }\nnotify:\n  - { name: hook, webhook: \
                      \"http://127.0.0.1:9/hook/WEBHOOK\", token: env:HOOK_TOKEN, every: 20m }\n";
        let text = text.replace("boards:\n  embedded: { listen: \"127.0.0.1:0\" }\n", boards);
        format!("{text}    secrets: {{ TOKEN: env:SHOP_TOKEN, KEY: \"file:FOLDER/key\" }}\n")
    });
    let key = site.path().join("key");
    fs::write(&key, file).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let folder = site.path().display().to_string();
    site.edit_and_commit(|text| text.replace("FOLDER", &folder).replace("WEBHOOK", webhook));
    site
}

/// P13, from outside: a real deployment with secrets of every kind, and then a look everywhere.
#[test]
fn p13_seeded_secrets_are_found_nowhere() {
    let mut site = site_with_secrets();
    let [variable, _, hook, _, gateway] = SEEDED;
    site.serve_with(&[("SHOP_TOKEN", variable), ("HOOK_TOKEN", hook), ("GATEWAY_TOKEN", gateway)]);
    let id = site.ready("v1", &site.build("v1"));
    let deploy = site.begin(&["deploy", &id]);
    eventually("v1 serves", || visit(&site.door()).ok());
    let customers = Customers::come(&site.door());
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    customers.go_home();
    // One that is held, for what is told of troubles.
    let held = site.ready("v2", &site.path().join("dist/absent"));
    eventually("it is held", || site.ops(&["status"]).out.contains(&held).then_some(()));
    let mut places = vec![("ops deploy".to_owned(), said.whole().into_bytes())];
    for call in [
        &["status"][..],
        &["show", "D-1"],
        &["show", "D-1", "--records"],
        &["explain", &held],
        &["plan", &held],
        &["check", &held],
        &["check"],
        &["doctor"],
        &["history"],
        &["audit", "verify"],
        &["board", "show", &id],
    ] {
        let said = site.ops(call).whole();
        places.push((format!("ops {}", call.join(" ")), said.into_bytes()));
    }
    told_on_boards(&site, &mut places);
    let files = files(&site);
    assert!(files.len() > 30, "{} files were looked at", files.len());
    places.extend(files);
    let lines = command_lines();
    assert!(lines.len() > 3, "{} processes were looked at", lines.len());
    places.extend(lines);
    let found: Vec<String> = places
        .iter()
        .filter_map(|(place, bytes)| Some(format!("{} in {place}", seeded(bytes)?)))
        .filter(|found| !known(found))
        .collect();
    assert_eq!(found, Vec::<String>::new());
    // The search finds what is there: in the file that the team keeps, and in a service's variables.
    assert!(seeded(&fs::read(site.path().join("key")).unwrap()).is_some());
    site.assert_clean();
}

/// The address of a webhook stands in `ops.yaml`, where the team wrote it, and nowhere else.
fn known(found: &str) -> bool {
    found == format!("{} in ops.yaml", SEEDED[3])
}

fn told_on_boards(site: &Site, places: &mut Vec<(String, Vec<u8>)>) {
    let po = site.as_member(TEAM[0]);
    let tickets = po.list(&ops_boards::ListQuery::default()).unwrap();
    assert!(tickets.iter().any(|ticket| ticket.comments.len() > 2));
    places.push(("the tickets".into(), serde_json::to_vec(&tickets).unwrap()));
    for channel in po.channels().unwrap() {
        let messages = po.messages(&channel.name, &MessageQuery::default()).unwrap();
        places.push((channel.name, serde_json::to_vec(&messages).unwrap()));
    }
}

fn files(site: &Site) -> Vec<(String, Vec<u8>)> {
    let mut paths = Vec::new();
    below(&site.state(), &mut paths);
    let plain = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.is_file());
    let state = site.state();
    let name = |path: &Path| path.strip_prefix(&state).unwrap().display().to_string();
    let in_state = paths.into_iter().filter(plain).map(|path| (name(&path), path));
    let logs = LOGS.map(|name| (name.to_owned(), site.path().join(name)));
    // What is renamed between the listing and the look comes back under its other name.
    in_state.chain(logs).filter_map(|(name, path)| Some((name, fs::read(path).ok()?))).collect()
}

fn command_lines() -> Vec<(String, Vec<u8>)> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        path.file_name()?.to_str()?.parse::<u32>().ok()?;
        Some((path.display().to_string(), fs::read(path.join("cmdline")).ok()?))
    });
    processes.filter(|(_, line)| !line.is_empty()).collect()
}

/// Sockets, the state folder and what lies in it are for the daemon's own account.
#[test]
fn p13_the_state_and_its_sockets_are_the_owners_alone() {
    let mut site = Site::shop();
    site.serve();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    // Whoever cannot enter the folder reaches nothing below it.
    assert_eq!(mode(&site.state()), 0o700);
    let mut paths = Vec::new();
    below(&site.state(), &mut paths);
    let mut sockets = 0;
    for path in paths {
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if about.is_symlink() {
            continue;
        }
        assert_eq!(mode(&path) & 0o022, 0, "others may write {}", path.display());
        if about.file_type().is_socket() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            sockets += 1;
        }
    }
    assert!(sockets >= 2, "{sockets} sockets: the daemon's and the door's");
    for name in ["journal.db", "boards.db", "edge.log"] {
        assert_eq!(mode(&site.state().join(name)), 0o600, "{name}");
    }
    site.assert_clean();
}

/// Callers who say nothing hold no more than their places, and the next one is told.
#[test]
fn p9_more_callers_of_the_daemon_than_it_takes_are_told_so() {
    let mut site = Site::shop();
    site.serve();
    let socket = site.state().join("ops.sock");
    let silent: Vec<UnixStream> = (0..32).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let mut one_more = UnixStream::connect(&socket).unwrap();
    // A caller who is hung up on may not be able to say anything.
    let _ = one_more.write_all(b"{\"request\":\"ping\"}\n");
    let mut said = String::new();
    BufReader::new(one_more).read_line(&mut said).unwrap();
    assert!(said.contains("too many callers"), "{said}");
    drop(silent);
    eventually("there is room again", || (site.ops(&["status"]).code == 0).then_some(()));
    site.assert_clean();
}

/// Words on a ticket are words: none of them is run, whatever it looks like.
#[test]
fn p3_no_words_of_a_ticket_reach_a_shell() {
    let mut site = Site::shop();
    site.serve();
    let marks = site.path().join("marks");
    fs::create_dir(&marks).unwrap();
    let touch = |name: &str| format!("touch {}", marks.join(name).display());
    let [po, dev, cq, qa] = TEAM.map(|who| site.as_member(who));
    let artifacts = [
        format!("dist/$({})", touch("artifact")),
        format!("dist/v1; {} #", touch("second")),
        format!("| {}", touch("pipe")),
        "-rf".to_owned(),
    ];
    for artifact in artifacts {
        let description = format!(
            "$({0})`{0}`\n\n```ops\nservice: shop\nartifact: {1}\nversion: \"$({2})\"\nmigrations: \
             none\nrollback: |\n  `{3}`; {3}\n```\n",
            touch("words"),
            serde_json::to_string(&artifact).unwrap(),
            touch("v"),
            touch("rollback"),
        );
        let new = NewTicket {
            title: format!("$({})", touch("title")),
            description: Some(description),
            status: Some("todo".into()),
            ..NewTicket::default()
        };
        let id = po.create(&new).unwrap().ticket_number;
        dev.move_ticket(&id, "in-progress").unwrap();
        dev.move_ticket(&id, "in-review").unwrap();
        cq.comment(&id, &format!("APPROVED\n\n`{}`", touch("cq"))).unwrap();
        cq.move_ticket(&id, "in-qa").unwrap();
        qa.comment(&id, &format!("## QA PASS\n\n$({})", touch("qa"))).unwrap();
        qa.move_ticket(&id, "rfp").unwrap();
        let held = site.ops(&["deploy", &id, "--quiet"]);
        assert_eq!(held.code, 12, "{}", held.err);
        site.ops(&["explain", &id]);
        site.ops(&["plan", &id]);
    }
    po.post("general", &format!("@ops status $({0}); `{0}`", touch("chat")), None).ok();
    eventually("all are held", || {
        (site.ops(&["status"]).out.matches("held").count() >= 4).then_some(())
    });
    assert_eq!(fs::read_dir(&marks).unwrap().count(), 0, "something was run");
    site.assert_clean();
}

/// Where programs are started: each place starts one program with arguments, none a line of a shell.
/// A new place is looked at by somebody, and then stands here.
#[test]
fn p3_programs_are_started_in_known_places_and_never_by_a_shell() {
    // Production code alone, by file: how often it starts a program.
    let known = BTreeMap::from([
        ("ops-config/src/git.rs", 1),
        ("ops-docker/src/compose/program.rs", 1),
        ("ops-docker/src/engine/ssh.rs", 1),
        ("ops-keeper/src/launch.rs", 1),
        ("ops-signals/src/program.rs", 1),
        ("ops-targets/src/process/launch.rs", 1),
        ("ops/src/context/keeper.rs", 1),
        ("ops/src/serve/edge.rs", 1),
    ]);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (name, text) in sources("src") {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let starts = code.matches("Command::new(").count();
        // The demo plays a team at its desks, and the starter writes what a Procfile says into
        // ops.yaml for the team to read.
        let demo = name.starts_with("ops-demo/") || name.starts_with("ops-fuzz/");
        let test = name.contains("/tests")
            || name.starts_with("ops-conformance/")
            || name.ends_with("ops-signals/src/daemon.rs");
        if demo || test {
            continue;
        }
        if starts > 0 {
            found.insert(name.clone(), starts);
        }
        let shell = ["\"/bin/sh\"", "\"sh\"", "\"bash\"", "\"/bin/bash\""];
        let named = shell.iter().any(|shell| code.contains(shell));
        let only_read = ["ops-config/src/rules/service.rs", "ops-config/src/starter/detect.rs"];
        assert!(!named || only_read.contains(&name.as_str()), "{name} names a shell");
    }
    let known: BTreeMap<String, usize> =
        known.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(found, known);
}

/// The sources of all crates below a folder of theirs, by name.
fn sources(folder: &str) -> Vec<(String, String)> {
    let crates = workspace().join("crates");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        below(&entry.unwrap().path().join(folder), &mut paths);
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "rs"));
    let name = |path: &Path| path.strip_prefix(&crates).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Every claim of the document names tests, and each of these is there.
#[test]
fn every_claim_of_the_security_document_has_its_tests() {
    let text = fs::read_to_string(workspace().join("docs/SECURITY.md")).unwrap();
    let mut there = BTreeSet::new();
    for (place, code) in sources("src").into_iter().chain(sources("tests")) {
        // Each rule of the suite is a test of every target.
        let is_rule = place.starts_with("ops-conformance/src/");
        let mut is_test = false;
        for line in code.lines().map(str::trim) {
            let line = line.strip_prefix("pub ").filter(|_| is_rule).unwrap_or(line);
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            let named = name.and_then(|name| name.split_once('('));
            if let Some((name, _)) = named.filter(|_| is_test || is_rule) {
                there.insert(name.to_owned());
            }
            is_test = line.starts_with("#[test]")
                || line.starts_with("#[tokio::test")
                || (is_test && (line.starts_with("#[") || line.starts_with("//")));
            // Inside of `proptest!` a test looks like any other.
        }
    }
    for entry in fs::read_dir(workspace().join("fuzz/corpus")).unwrap() {
        there.insert(format!("fuzz:{}", entry.unwrap().file_name().to_string_lossy()));
    }
    let mut named = 0;
    for claim in claims(&text) {
        let tests: Vec<&str> = claim
            .split("Tests:")
            .nth(1)
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(!tests.is_empty(), "no test for: {claim}");
        for test in tests {
            assert!(there.contains(test), "there is no test `{test}`, for: {claim}");
            named += 1;
        }
    }
    assert!(named > 40, "{named} tests are named");
}

/// The items of the lists in the part about claims.
fn claims(text: &str) -> Vec<String> {
    let part = text.split("## Claims").nth(1).expect("a part about claims");
    let part = part.split("\n## ").next().unwrap_or(part);
    let items = part.split("\n- ").skip(1);
    let claims: Vec<String> =
        items.map(|item| item.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(claims.len() > 10, "{} claims", claims.len());
    claims
}
