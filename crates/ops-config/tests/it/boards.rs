//! Where the team works.

use crate::{MINIMAL, good, read};

fn file(boards: &str) -> String {
    format!("{MINIMAL}\nboards: {{ {boards} }}\n")
}

#[test]
fn a_guest_takes_from_the_environment_what_is_not_said() {
    let boards = good(&file("devteam: {}")).boards;
    let guest = boards.devteam.unwrap();
    assert_eq!((boards.me.as_str(), boards.channel.as_str()), ("ops@devteam.local", "standup"));
    assert_eq!((guest.planning, guest.meeting_token, guest.gateway), (None, None, None));
    let said = "devteam: { planning: \"http://pb:3000\", planning_token: \"file:/run/pb\", \
                me: doug@devteam.local, gateway: \"0.0.0.0:18789\" }";
    let boards = good(&file(said)).boards;
    let guest = boards.devteam.unwrap();
    assert_eq!(boards.me.as_str(), "doug@devteam.local");
    assert_eq!(guest.planning.as_deref(), Some("http://pb:3000"));
    assert_eq!(guest.planning_token.as_deref(), Some("file:/run/pb"));
    assert_eq!(guest.gateway.as_deref(), Some("0.0.0.0:18789"));
}

#[test]
fn what_does_not_fit_the_boards_is_told_where_it_stands() {
    let complaint = |boards: &str| read(&file(boards)).unwrap_err().to_string();
    let both = complaint("devteam: {}, embedded: {}");
    assert!(both.contains("boards.devteam: the embedded boards and DevTeam's"), "{both}");
    let login = complaint("devteam: { planning: \"http://ops:secret@pb:3000\" }");
    assert!(login.contains("boards.devteam.planning") && !login.contains("secret@"), "{login}");
    let token = complaint("devteam: { planning_token: 0123456789abcdef }");
    assert!(token.contains("boards.devteam.planning_token"), "{token}");
    let port = complaint("devteam: { gateway: \"127.0.0.1:8080\" }");
    assert!(port.contains("boards.devteam.gateway and edge.listen"), "{port}");
}
