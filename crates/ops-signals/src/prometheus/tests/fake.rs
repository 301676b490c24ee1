//! A server that speaks Prometheus's API and tells what a test wants.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
};

use super::*;
use crate::liar::Liar;

/// What Prometheus's clock says while it is asked, in milliseconds.
pub(super) const CLOCK: u64 = 1_790_000_000_250;

/// One question, as it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) path: String,
    pub(super) form: BTreeMap<String, String>,
}

impl Heard {
    pub(super) fn query(&self) -> &str {
        &self.form["query"]
    }

    fn ms(&self, key: &str) -> u64 {
        (self.form[key].parse::<f64>().unwrap() * 1000.0).round() as u64
    }

    /// The moments that are asked for, as they are told.
    pub(super) fn moments(&self) -> Vec<String> {
        let step = self.ms("step") as usize;
        let each = (self.ms("start")..=self.ms("end")).step_by(step);
        each.map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000)).collect()
    }

    /// A series with one of these numbers for each moment.
    pub(super) fn series(&self, labels: &str, numbers: &[&str]) -> String {
        let moments = self.moments();
        let told = moments.iter().zip(numbers).filter(|(_, number)| !number.is_empty());
        let told: Vec<_> = told.map(|(at, number)| format!("[{at},\"{number}\"]")).collect();
        format!(r#"{{"metric":{{{labels}}},"values":[{}]}}"#, told.join(","))
    }

    /// A series with the same number for each moment.
    pub(super) fn steady(&self, labels: &str, number: &str) -> String {
        self.series(labels, &vec![number; self.moments().len()])
    }
}

pub(super) fn matrix(series: &[String]) -> String {
    let result = series.join(",");
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#)
}

pub(super) fn scalar(text: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"scalar","result":[1.5,"{text}"]}}}}"#)
}

/// A Prometheus, and what it was asked.
pub(super) struct Fake {
    liar: Liar,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Fake {
    /// Answers queries over a range with this; its clock stands at [`CLOCK`].
    pub(super) fn telling(tell: impl FnMut(&Heard) -> String + Send + 'static) -> Self {
        let mut tell = tell;
        Self::answering(move |heard| {
            let clock = || scalar(&format!("{}.{:03}", CLOCK / 1000, CLOCK % 1000));
            ("200 OK".into(), if heard.path.ends_with("/query") { clock() } else { tell(heard) })
        })
    }

    /// Answers every question with a status and a body.
    pub(super) fn answering(
        mut answer: impl FnMut(&Heard) -> (String, String) + Send + 'static,
    ) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let liar = Liar::each(move |mut stream, request| {
            let question = question(&request);
            hearing.lock().unwrap().push(question.clone());
            let (status, body) = answer(&question);
            let begin = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(begin.as_bytes());
            let _ = stream.write_all(body.as_bytes());
        });
        Self { liar, heard }
    }

    pub(super) fn url(&self) -> String {
        self.liar.url()
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// What is read when this machine was booted so many milliseconds ago.
pub(super) fn read_at(asked: &Asked, ms: u64) -> Look<Vec<Reading>> {
    // Generous, for slow machines; a lie is told at once.
    PrometheusMetrics::within(Duration::from_secs(20)).read(asked, &now(ms))
}

fn question(request: &str) -> Heard {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    assert!(head.starts_with("POST "), "{head}");
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    Heard { path, form: pairs.map(|(key, value)| (decoded(key), decoded(value))).collect() }
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut told) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        told.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(told).unwrap()
}
