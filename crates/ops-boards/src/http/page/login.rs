//! Logging in with one's own token, and out again.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use maud::html;

use super::{
    Desk, Form, Trouble, answer, cookie,
    frame::{self, Html},
    peer, read_form, session,
};
use crate::{
    limits,
    secret::{hex, random},
    store,
};

/// The cookie that proves that the log-in form was asked for by the same browser.
const ASKED: &str = "ops_board_login";

/// Where one logs in and is then led back.
pub(super) fn path(back: &str) -> String {
    if back.is_empty() || back == "/" { "/login".to_owned() } else { format!("/login?next={back}") }
}

pub(super) async fn show(State(desk): State<Desk>, request: Request) -> Response {
    let form = Form::read(request.uri().query().unwrap_or_default());
    let next = inside(form.first("next"));
    fresh_form(&desk, StatusCode::OK, &next, None)
}

pub(super) async fn enter(State(desk): State<Desk>, request: Request) -> Response {
    let asked = cookie(request.headers(), ASKED).unwrap_or_default();
    let stranger = peer(&request);
    let form = match read_form(request).await {
        Ok(form) => form,
        Err(trouble) => return answer(trouble, "/login"),
    };
    if asked.is_empty() || form.first("csrf") != Some(proof(&asked).as_str()) {
        return answer(Trouble::Forged, "/login");
    }
    let next = inside(form.first("next"));
    let token = form.first("token").unwrap_or_default().trim().to_owned();
    let (meter, sessions) = (Arc::clone(&desk.meter), Arc::clone(&desk.sessions));
    let done = desk.call(move |store| {
        let Some(member) = store.member_by_token(&token)? else {
            let counted = meter.count(stranger, store.running_ms());
            return counted.map(|()| None).map_err(Trouble::TooFast);
        };
        let hash = store::hash(&token);
        Ok(Some(sessions.begin(member.id(), hash, store.running_ms())?))
    });
    match done.await {
        Ok(Some(id)) => frame::see(&next, Some(&session_cookie(&id))),
        Ok(None) => {
            let said = "This token is nobody's. Whoever runs the daemon gives a new one with \
                        `ops board token`.";
            fresh_form(&desk, StatusCode::UNAUTHORIZED, &next, Some(said))
        }
        Err(trouble) => answer(trouble, "/login"),
    }
}

pub(super) async fn leave(State(desk): State<Desk>, request: Request) -> Response {
    let id = cookie(request.headers(), session::COOKIE).unwrap_or_default();
    let known = desk.sessions.find(&id, desk.store.running_ms());
    let form = match read_form(request).await {
        Ok(form) => form,
        Err(trouble) => return answer(trouble, "/"),
    };
    if known.is_some_and(|known| {
        // Hashes are compared, so the duration tells nothing about the secret.
        form.first("csrf").map(store::hash) != Some(store::hash(&known.csrf))
    }) {
        return answer(Trouble::Forged, "/");
    }
    desk.sessions.end(&id);
    let gone = format!("{}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0", session::COOKIE);
    frame::see("/login", Some(&gone))
}

fn session_cookie(id: &str) -> String {
    let seconds = limits::SESSION_HOURS * 60 * 60;
    format!("{}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}", session::COOKIE)
}

fn proof(asked: &str) -> String {
    hex(&store::hash(&format!("log-in form {asked}")))
}

/// A path of this board to be led back to; anything else is the board.
fn inside(next: Option<&str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-');
    next.filter(|path| path.starts_with("/tickets/") && path.chars().all(plain))
        .unwrap_or("/")
        .to_owned()
}

fn fresh_form(desk: &Desk, status: StatusCode, next: &str, said: Option<&str>) -> Response {
    let asked = match random() {
        Ok(asked) => asked,
        Err(error) => return answer(Trouble::Board(error), "/"),
    };
    let page = form(&proof(&asked), next, said, desk.settings.permissive);
    let mut response = frame::answer(status, page);
    let cookie = format!("{ASKED}={asked}; HttpOnly; SameSite=Strict; Path=/login; Max-Age=3600");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

fn form(csrf: &str, next: &str, said: Option<&str>, permissive: bool) -> Html {
    let main = html! {
        h1 { "Log in" }
        @if let Some(said) = said { p role="alert" { (said) } }
        form.card method="post" action="/login" {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="next" value=(next);
            label for="token" { "Your token" }
            input #token type="password" name="token" required autocomplete="current-password"
                aria-describedby="token-help";
            p #token-help { "It says who you are and what you may do. Nobody else should have it." }
            button type="submit" { "Log in" }
        }
    };
    frame::page("Log in", None, permissive, &main)
}
