//! The exchange with a Prometheus: all questions of one signal within one time.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    METRICS_LIMIT, Trouble,
    query::{Query, Question, Questions},
    windows::Grid,
    wire::{self, Series},
};
use crate::web::Broken;

/// Longest text of an error that is read, in bytes.
const ERROR_LIMIT: u64 = 64 << 10;

/// What was answered to one query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// What the query is called when it makes trouble.
    pub(super) name: String,
    pub(super) series: Vec<Series>,
}

/// What was answered about one version, query by query; `None` where there is nobody to ask about.
pub(super) type Answers = Option<Vec<Answer>>;

/// One Prometheus, until a moment.
pub(super) struct Exchange<'a> {
    agent: &'a ureq::Agent,
    base: &'a str,
    end: Instant,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(agent: &'a ureq::Agent, base: &'a str, end: Instant) -> Self {
        Self { agent, base: base.trim_end_matches('/'), end }
    }

    /// What Prometheus's clock says, in milliseconds. It was read before this returns, so windows
    /// are never taken for over too early.
    pub(super) fn clock(&self) -> Result<f64, Trouble> {
        let body = self.post("query", &[("query", "time()")])?;
        let second = wire::scalar(&body)?;
        if (0.0..1e11).contains(&second) {
            Ok(second * 1000.0)
        } else {
            Err(Trouble::with_server("its clock tells no time"))
        }
    }

    /// Asks everything at the same time.
    pub(super) fn ask(&self, questions: &Questions, grid: &Grid) -> Result<[Answers; 2], Trouble> {
        thread::scope(|scope| {
            let under_way = questions.each_ref().map(|question| match question {
                Question::Nobody => None,
                Question::Queries(queries) => {
                    let ask = |query| scope.spawn(move || self.answer(query, grid));
                    Some(queries.iter().map(ask).collect::<Vec<_>>())
                }
            });
            let [new, old] = under_way.map(|asked| {
                let answers = asked?.into_iter().map(|thread| {
                    thread.join().unwrap_or_else(|_| {
                        let next = "report it: a question must never panic";
                        Err(Trouble::new("this ops ended a question without an answer", next))
                    })
                });
                Some(answers.collect::<Result<Vec<_>, _>>())
            });
            Ok([new.transpose()?, old.transpose()?])
        })
    }

    fn answer(&self, query: &Query, grid: &Grid) -> Result<Answer, Trouble> {
        let (start, end, step) = (grid.start(), grid.end(), grid.step());
        let form =
            [("query", query.text.as_str()), ("start", &start), ("end", &end), ("step", &step)];
        let series = self.post("query_range", &form).and_then(|body| wire::series(&body, grid));
        let series = series.map_err(|trouble| trouble.about(&query.name))?;
        Ok(Answer { name: query.name.clone(), series })
    }

    /// The answer to a question. Queries can be longer than an address may be, so they are posted.
    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<u8>, Trouble> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Err(Trouble::with_server("it did not answer in time"));
        }
        // So that it does not go on when nobody waits any more.
        let timeout = format!("{}ms", left.as_millis());
        let form = form.iter().copied().chain([("timeout", timeout.as_str())]);
        let asked = self.agent.post(format!("{}/api/v1/{path}", self.base));
        let asked = asked.header("Accept", "application/json").config();
        let answer = asked.timeout_global(Some(left)).build().send_form(form);
        let broken = |error| Trouble::with_server(Broken::from(error).why);
        let mut answer = answer.map_err(broken)?;
        let status = answer.status().as_u16();
        let limit = if status == 200 { METRICS_LIMIT } else { ERROR_LIMIT };
        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
        match status {
            200 => body.map_err(broken),
            300..=399 => {
                let what = format!("it answered {status}, and redirects are not followed");
                Err(Trouble::with_server(what))
            }
            status => {
                let told = body.ok().and_then(|body| wire::error(&body));
                Err(told.unwrap_or_else(|| Trouble::with_server(format!("it answered {status}"))))
            }
        }
    }
}
