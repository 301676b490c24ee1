//! The boards from the shell: each person with a token of their own.

use crate::{
    house::{Site, TEAM},
    told::snapshot,
};

#[test]
fn people_use_the_boards_from_the_shell() {
    let mut site = Site::shop();
    site.serve();
    let tokens = TEAM.map(|who| (who, site.token(who)));
    let token = |who: &str| &tokens.iter().find(|(name, _)| *name == who).unwrap().1;
    let mut texts = Vec::new();
    let mut tell = |who: &str, args: &[&str]| {
        let mut all = vec!["board"];
        all.extend(args);
        let said = site.ops_with(&all, "OPS_BOARD_TOKEN", token(who));
        texts.push(format!("{who}$ ops board {}\n{}", args.join(" "), said.whole()));
    };
    tell("po", &["create", "Open the shop", "--status", "todo", "-d", "Sell things."]);
    tell("dev", &["move", "MNS-1", "in-progress"]);
    tell("dev", &["move", "MNS-1", "rfp"]);
    tell("cq", &["comment", "MNS-1", "A remark."]);
    tell("qa", &["show", "MNS-1"]);
    tell("qa", &["list"]);
    tell("qa", &["show", "MNS-9"]);
    tell("dev", &["post", "standup", "Good morning."]);
    tell("dev", &["messages", "standup"]);
    tell("dev", &["channels"]);
    tell("dev", &["list", "--as", "qa"]);
    snapshot(&site, "boards", &texts.join("\n"));
    let unknown = site.ops(&["board", "token", "eve"]);
    snapshot(&site, "token_for_nobody", &unknown.whole());
    let stranger = site.ops_with(&["board", "list"], "OPS_BOARD_TOKEN", "0123");
    snapshot(&site, "wrong_token", &stranger.whole());
    site.assert_clean();
}
