//! One request, one answer.

use std::{
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;

use super::{
    VERSION_HEADER,
    conduct::Conduct,
    config::ShopConfig,
    stock::{self, Carts, PRODUCTS, Refusal, Wish},
};
use crate::{alarm::Alarm, clock::boot_us, random::Dice};

/// Largest body of a request, in bytes.
const BODY_BYTES: usize = 4 * 1024;
/// Longest product number or cart id in a path, in bytes.
const ID_BYTES: usize = 32;

/// Everything that answers share.
#[derive(Debug)]
pub(super) struct Shop {
    version: HeaderValue,
    greeting: Bytes,
    health: Bytes,
    products: Bytes,
    conduct: Conduct,
    stock: Mutex<Stock>,
}

/// What requests change.
#[derive(Debug)]
struct Stock {
    carts: Carts,
    ids: Dice,
}

/// Writes of a request that broke as services do: a line at the level of errors.
fn complain(latency_us: u64) {
    // A log that cannot be written is no reason to answer worse.
    let _ = writeln!(io::stderr(), "ERROR something broke after {latency_us} us");
}

/// An answer before it is put into HTTP.
struct Answer {
    status: StatusCode,
    body: Bytes,
    allow: Option<HeaderValue>,
}

impl Answer {
    fn ready(body: &Bytes) -> Self {
        Self { status: StatusCode::OK, body: body.clone(), allow: None }
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // These types hold only strings and numbers, which always have a JSON form.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, body: body.into(), allow: None }
    }

    fn error(status: StatusCode, words: &str) -> Self {
        Self::json(status, &json!({ "error": words }))
    }

    fn not_allowed(allowed: &'static str) -> Self {
        let answer = Self::error(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods");
        Self { allow: Some(HeaderValue::from_static(allowed)), ..answer }
    }
}

impl Shop {
    /// A shop with empty carts. `version` is the configuration's, already fit for a header.
    pub(super) fn open(config: &ShopConfig, version: HeaderValue, mut dice: Dice) -> Self {
        let text = |value: serde_json::Value| Bytes::from(value.to_string());
        let name = &config.version;
        Self {
            version,
            greeting: text(json!({ "shop": "corner shop", "version": name, "hello": "welcome" })),
            health: text(json!({ "status": "ok", "version": name })),
            products: text(json!({ "products": PRODUCTS })),
            stock: Mutex::new(Stock { carts: Carts::default(), ids: Dice::from_seed(dice.bits()) }),
            conduct: Conduct::new(config, dice),
        }
    }

    /// Answers a request after the time that it takes.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        alarm: &Alarm,
    ) -> Response<Full<Bytes>> {
        let answer = if request.uri().path() == "/healthz" {
            match *request.method() {
                Method::GET | Method::HEAD => Answer::ready(&self.health),
                _ => Answer::not_allowed("GET, HEAD"),
            }
        } else {
            self.serve(request, alarm).await
        };
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(VERSION_HEADER, self.version.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(allowed) = answer.allow {
            headers.insert(header::ALLOW, allowed);
        }
        response
    }

    /// A user's request: it meets its fate first, so that a failed one changes nothing.
    async fn serve(&self, request: Request<Incoming>, alarm: &Alarm) -> Answer {
        let came_us = boot_us();
        let fate = self.conduct.meet(came_us);
        let broken = || Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "something broke");
        if fate.latency_us > 0 && alarm.until(came_us + fate.latency_us).await.is_err() {
            return broken();
        }
        if !fate.fails {
            return self.route(request).await;
        }
        complain(fate.latency_us);
        broken()
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let looks = matches!(head.method, Method::GET | Method::HEAD);
        let nothing_here = || Answer::error(StatusCode::NOT_FOUND, "nothing here");
        match path {
            "/" if looks => Answer::ready(&self.greeting),
            "/products" if looks => Answer::ready(&self.products),
            "/cart" if head.method == Method::POST => self.add(body).await,
            "/" | "/products" => Answer::not_allowed("GET, HEAD"),
            "/cart" => Answer::not_allowed("POST"),
            _ => match path.rsplit_once('/') {
                Some(("/products" | "/cart", id)) if id.is_empty() || id.len() > ID_BYTES => {
                    nothing_here()
                }
                Some(("/products" | "/cart", _)) if !looks => Answer::not_allowed("GET, HEAD"),
                Some(("/products", id)) => show_product(id),
                Some(("/cart", id)) => self.show_cart(id),
                _ => nothing_here(),
            },
        }
    }

    fn show_cart(&self, id: &str) -> Answer {
        match self.stock.lock().unwrap_or_else(PoisonError::into_inner).carts.get(id) {
            Some(cart) => Answer::json(StatusCode::OK, cart),
            None => Answer::error(StatusCode::NOT_FOUND, Refusal::NoCart.words()),
        }
    }

    async fn add(&self, body: Incoming) -> Answer {
        let body = match Limited::new(body, BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "at most 4096 bytes");
            }
            Err(_) => return Answer::error(StatusCode::BAD_REQUEST, "the body broke off"),
        };
        let wish: Wish = match serde_json::from_slice(&body) {
            Ok(wish) => wish,
            Err(error) => return Answer::error(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = stock.ids.bits();
        match stock.carts.add(&wish, fresh) {
            Ok(cart) => Answer::json(StatusCode::OK, cart),
            Err(refusal @ (Refusal::NoProduct | Refusal::NoCart)) => {
                Answer::error(StatusCode::NOT_FOUND, refusal.words())
            }
            Err(refusal) => Answer::error(StatusCode::CONFLICT, refusal.words()),
        }
    }
}

fn show_product(id: &str) -> Answer {
    match id.parse().ok().and_then(stock::find) {
        Some(product) => Answer::json(StatusCode::OK, product),
        None => Answer::error(StatusCode::NOT_FOUND, Refusal::NoProduct.words()),
    }
}
