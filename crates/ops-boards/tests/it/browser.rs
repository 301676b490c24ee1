//! A real headless Chromium, driven over the W3C `WebDriver` protocol.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const INSTALL: &str =
    "this test needs Chromium: install it with `apt-get install -y chromium chromium-driver`";

/// How W3C `WebDriver` names an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// A browser with a profile of its own; it and its driver end when this is dropped.
pub(crate) struct Browser {
    driver: Child,
    base: String,
    session: Option<String>,
    pid: Option<Pid>,
    agent: ureq::Agent,
    profile: tempfile::TempDir,
}

/// An element of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element(String);

impl Browser {
    pub(crate) fn start(javascript: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("chromedriver: {why}; {INSTALL}"));
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("started successfully on port ")?;
                rest.trim_end_matches('.').parse::<u16>().ok()
            })
            .unwrap_or_else(|| panic!("chromedriver did not start; {INSTALL}"));
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .new_agent();
        let profile = tempfile::tempdir().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let mut this = Self { driver, base, session: None, pid: None, agent, profile };
        this.open(javascript);
        this
    }

    fn open(&mut self, javascript: bool) {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile,
        ];
        let mut options = json!({ "args": args });
        if !javascript {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({
            "capabilities": {
                "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options }
            }
        });
        let made = self.exchange("POST", "/session", Some(&wanted));
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}; {INSTALL}"));
        self.session = Some(id.to_owned());
        let pid = made["capabilities"]["goog:processID"].as_i64();
        self.pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.base);
        let answer = match (method, body) {
            ("GET", _) => self.agent.get(url).call(),
            ("DELETE", _) => self.agent.delete(url).call(),
            (_, body) => self.agent.post(url).send_json(body.unwrap_or(&json!({}))),
        };
        let mut answer = answer.unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        let value: Value = answer.body_mut().read_json().unwrap();
        value["value"].clone()
    }

    /// One command of the session; an error of the driver fails the test.
    fn command(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let session = self.session.as_ref().unwrap();
        let value = self.exchange(method, &format!("/session/{session}{path}"), body);
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value
    }

    fn text_of(&self, path: &str) -> String {
        self.command("GET", path, None).as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn go(&self, url: &str) {
        self.command("POST", "/url", Some(&json!({ "url": url })));
    }

    pub(crate) fn url(&self) -> String {
        self.text_of("/url")
    }

    /// Waits until the address fits: a click only begins a navigation.
    pub(crate) fn arrive(&self, fits: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !fits(&self.url()) {
            assert!(Instant::now() < deadline, "still at {}", self.url());
            thread::yield_now();
        }
    }

    pub(crate) fn title(&self) -> String {
        self.text_of("/title")
    }

    /// All elements that a CSS selector finds.
    pub(crate) fn all(&self, css: &str) -> Vec<Element> {
        let found = self.command(
            "POST",
            "/elements",
            Some(&json!({ "using": "css selector", "value": css })),
        );
        let id = |one: &Value| Element(one[ELEMENT].as_str().unwrap().to_owned());
        found.as_array().unwrap().iter().map(id).collect()
    }

    /// The first element that a CSS selector finds.
    pub(crate) fn one(&self, css: &str) -> Element {
        self.all(css).into_iter().next().unwrap_or_else(|| panic!("no {css} at {}", self.url()))
    }

    pub(crate) fn text(&self, css: &str) -> String {
        self.text_of(&format!("/element/{}/text", self.one(css).0))
    }

    /// The name that a screen reader says.
    pub(crate) fn label(&self, element: &Element) -> String {
        self.text_of(&format!("/element/{}/computedlabel", element.0))
    }

    /// The role that a screen reader says.
    pub(crate) fn role(&self, element: &Element) -> String {
        self.text_of(&format!("/element/{}/computedrole", element.0))
    }

    pub(crate) fn property(&self, element: &Element, name: &str) -> String {
        self.text_of(&format!("/element/{}/property/{name}", element.0))
    }

    pub(crate) fn style(&self, css: &str, property: &str) -> String {
        self.text_of(&format!("/element/{}/css/{property}", self.one(css).0))
    }

    pub(crate) fn click(&self, css: &str) {
        let path = format!("/element/{}/click", self.one(css).0);
        self.command("POST", &path, None);
    }

    pub(crate) fn type_into(&self, element: &Element, text: &str) {
        let path = format!("/element/{}/value", element.0);
        self.command("POST", &path, Some(&json!({ "text": text })));
    }

    /// What has the focus.
    pub(crate) fn active(&self) -> Element {
        let active = self.command("GET", "/element/active", None);
        Element(active[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Presses a key wherever the focus is.
    pub(crate) fn press(&self, key: &str) {
        let keys = json!({
            "actions": [{
                "type": "key", "id": "keyboard",
                "actions": [
                    { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }
                ],
            }]
        });
        self.command("POST", "/actions", Some(&keys));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(self.agent.delete(format!("{}/session/{session}", self.base)).call());
        }
        // After an orderly end there is nobody left to be ended.
        if let Some(pid) = self.pid {
            let _ = kill_process(pid, Signal::KILL);
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
