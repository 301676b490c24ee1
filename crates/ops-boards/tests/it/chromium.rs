//! The web page in a real browser, with and without JavaScript.

use crate::{
    browser::{Browser, ENTER, TAB},
    desk::Desk,
};

const EVIL: &str = "<script>document.title='taken'</script><b id=\"evil\">bold</b> & <img src=x>";

fn log_in(browser: &Browser, token: &str) {
    browser.type_into(&browser.one("#token"), token);
    browser.click("main button");
    browser.arrive(|url| !url.contains("/login"));
}

#[test]
fn a_ticket_is_read_and_written_without_javascript() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("Login form", "in-qa");
    desk.store.comment(&desk.member("dan"), "MNS-1", "## How to Test\n\nopen it").unwrap();
    let browser = Browser::start(false);
    browser.go("data:text/html,<title>off</title><script>document.title='on'</script>");
    assert_eq!(browser.title(), "off", "JavaScript is disabled");
    browser.go(&format!("{}/tickets/MNS-1", served.base()));
    assert_eq!(browser.title(), "Log in · ops boards");
    log_in(&browser, &served.token("quinn"));
    assert_eq!(browser.url(), format!("{}/tickets/MNS-1", served.base()));
    assert_eq!(browser.text("h1"), "MNS-1 Login form");
    assert_eq!(browser.text("article .text"), "## How to Test\n\nopen it");
    assert!(browser.text("ol.history li:first-child").starts_with("Task created, by pia@"));
    browser.type_into(&browser.one("#text"), "## QA PASS");
    browser.click("form[action$='/comments'] button");
    browser.arrive(|url| url.contains("#comment-"));
    browser.click("form[action$='/move'] button");
    browser.arrive(|url| url.ends_with("/tickets/MNS-1#history"));
    let ticket = desk.store.ticket("MNS-1").unwrap();
    assert_eq!((ticket.comments.len(), ticket.status.as_str()), (2, "in-progress"));
}

#[test]
fn somebody_logs_in_comments_and_moves_by_keyboard_alone() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("Login form", "in-review");
    desk.ticket("Other", "todo");
    let browser = Browser::start(true);
    browser.go(&served.base());
    assert_eq!(browser.label(&browser.one("#token")), "Your token");
    browser.type_into(&browser.one("#token"), &format!("{}{ENTER}", served.token("cleo")));
    browser.arrive(|url| !url.contains("/login"));
    assert_eq!(browser.title(), "Board · ops boards");
    // A screen reader finds its way: landmarks, one heading per column, names for everything.
    assert_eq!(browser.role(&browser.one("main")), "main");
    assert_eq!(browser.role(&browser.one("nav")), "navigation");
    assert_eq!(browser.all("h1").len(), 1);
    let columns = browser.all("section.column");
    assert_eq!(columns.len(), 9);
    assert_eq!(browser.role(&columns[4]), "region");
    assert_eq!(browser.label(&columns[4]), "In Review (1)");
    // The focus goes from the top to the bottom; the first stop leads past the navigation.
    let mut stops = Vec::new();
    for _ in 0..5 {
        browser.press(TAB);
        stops.push(browser.label(&browser.active()));
    }
    let expected = ["Skip to the content", "Board", "Log out", "MNS-2 Other", "MNS-1 Login form"];
    assert_eq!(stops, expected);
    browser.press(ENTER);
    browser.arrive(|url| url.ends_with("/tickets/MNS-1"));
    assert_eq!(browser.text("h1"), "MNS-1 Login form");
    let mut stops = Vec::new();
    for _ in 0..7 {
        browser.press(TAB);
        let active = browser.active();
        stops.push((browser.role(&active), browser.label(&active)));
    }
    let expected = [
        ("link", "Skip to the content"),
        ("link", "Board"),
        ("button", "Log out"),
        ("textbox", "Comment"),
        ("button", "Add comment"),
        ("combobox", "To"),
        ("button", "Move ticket"),
    ];
    let stops: Vec<_> = stops.iter().map(|(role, name)| (role.as_str(), name.as_str())).collect();
    assert_eq!(stops, expected);
    // Markup in a comment is text, and nothing in it runs.
    browser.type_into(&browser.one("#text"), EVIL);
    browser.click("form[action$='/comments'] button");
    browser.arrive(|url| url.contains("#comment-"));
    assert_eq!(browser.text("article .text"), EVIL);
    assert_eq!(browser.title(), "MNS-1 Login form · ops boards");
    assert!(browser.all("#evil").is_empty() && browser.all("main img").is_empty());
    // The style is let through by the policy, so the lines of a comment stay lines.
    assert_eq!(browser.style("article .text", "white-space-collapse"), "preserve");
    let choice = browser.one("#status");
    browser.type_into(&choice, "QA");
    assert_eq!(browser.property(&choice, "value"), "in-qa");
    browser.click("form[action$='/move'] button");
    browser.arrive(|url| url.ends_with("/tickets/MNS-1#history"));
    assert_eq!(
        browser.text("ol.history li:last-child").split(',').next(),
        Some("Status: in-review → in-qa")
    );
    assert_eq!(desk.store.ticket("MNS-1").unwrap().status, "in-qa");
    browser.click("form[action='/logout'] button");
    browser.arrive(|url| url.ends_with("/login"));
    assert_eq!(browser.title(), "Log in · ops boards");
    browser.go(&served.base());
    assert_eq!(browser.title(), "Log in · ops boards");
}
