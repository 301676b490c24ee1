//! Whatever is not a sound answer is a fault (P8), and in time (P9).

use std::{
    io::{Read as _, Write as _},
    sync::mpsc,
    thread,
};

use super::{
    fake::{Fake, Heard, matrix, read_at, scalar},
    *,
};
use crate::liar::{Liar, nobody};

/// Milliseconds since boot at which four windows are over.
const THEN: u64 = 70_000;

fn fault(fake: &Fake, kind: SignalKind) -> Fault {
    let mut asked = asked(fake.url());
    asked.signal.kind = kind;
    let told = read_at(&asked, THEN).unwrap_err();
    assert!(told.what.starts_with("signal `payments` was not read: "), "{told}");
    assert_eq!(told.place, format!("Prometheus at {}", fake.url()));
    assert!(!told.next.is_empty());
    told
}

/// What comes of an answer to the queries, whatever they ask.
fn told_of(kind: SignalKind, mut tell: impl FnMut(&Heard) -> String + Send + 'static) -> Fault {
    fault(&Fake::telling(move |heard| tell(heard)), kind)
}

#[test]
fn p8_odd_answers_are_faults() {
    let odd: &[(&str, &str)] = &[
        ("", "its answer is empty"),
        ("<!DOCTYPE html><p>all is well</p>", "not JSON (line 1, column 1)"),
        ("null", "not one of Prometheus"),
        ("[]", "not one of Prometheus"),
        ("{}", "not one of Prometheus"),
        (r#"{"status":"success"}"#, "holds no data"),
        (r#"{"status":"success","data":null}"#, "holds no data"),
        (
            r#"{"status":"fine","data":{"resultType":"matrix","result":[]}}"#,
            "not one of Prometheus",
        ),
        (r#"{"status":"success","data":{"result":[]}}"#, "not one of Prometheus"),
        (r#"{"status":"success","data":{"resultType":"matrix"}}"#, "not one of Prometheus"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":null}}"#, "not one of"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":[{}]}}"#, "not one of"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":[1]}}"#, "not one of"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":[]}} {}"#, "not JSON"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":[{"me"#, "not JSON"),
        (
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            "answered a vector where a matrix",
        ),
        (
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#,
            "a scalar where",
        ),
        (
            r#"{"status":"success","data":{"resultType":"string","result":[1,"1"]}}"#,
            "a string where",
        ),
        (
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            "it says timeout: query timed out",
        ),
        (
            r#"{"status":"success","warnings":["a store is away"],"data":{"resultType":"matrix","result":[]}}"#,
            "a store is away",
        ),
    ];
    for kind in KINDS {
        for (body, why) in odd {
            let told = told_of(kind(), |_| (*body).to_owned());
            assert!(told.what.contains(why), "{body}: {told}");
        }
    }
}

#[test]
fn p8_odd_numbers_and_moments_are_faults() {
    let one =
        |values: String| matrix(&[format!(r#"{{"metric":{{"le":"+Inf"}},"values":[{values}]}}"#)]);
    let told =
        |tell: fn(&[String]) -> String| told_of(rate(), move |heard| one(tell(&heard.moments())));
    for number in
        [r#""""#, r#""ten""#, r#""1,5""#, r#"" 1""#, r#""0x10""#, "1", "null", "[]", r#""1"x"#]
    {
        let told = told_of(done(), move |heard| one(format!("[{},{number}]", heard.moments()[0])));
        assert!(told.what.contains("its answer is not"), "{number}: {told}");
    }
    for odd in [
        told(|at| format!(r#"[{},"1"],[{},"1"]"#, at[0], at[0])),
        told(|at| format!(r#"[{},"1"],[{},"1"]"#, at[1], at[0])),
        told(|at| format!(r#"[{:.3},"1"]"#, at[0].parse::<f64>().unwrap() + 0.001)),
        told(|_| r#"[0,"1"]"#.into()),
        told(|_| r#"[-1,"1"]"#.into()),
        told(|_| r#"[1e300,"1"]"#.into()),
        told(|at| {
            at.iter().chain(at).map(|at| format!(r#"[{at},"1"]"#)).collect::<Vec<_>>().join(",")
        }),
    ] {
        assert!(odd.what.contains("other moments than those asked for, or of one twice"), "{odd}");
    }
    let told = told(|at| format!(r#"[{},"1",2]"#, at[0]));
    assert!(told.what.contains("its answer is not"), "{told}");
}

#[test]
fn p8_a_clock_that_tells_no_time_is_a_fault() {
    for odd in [
        scalar("NaN"),
        scalar("+Inf"),
        scalar("-1"),
        scalar("1e300"),
        scalar("noon"),
        matrix(&[]),
        String::new(),
    ] {
        let body = odd.clone();
        let fake = Fake::answering(move |_| ("200 OK".into(), body.clone()));
        fault(&fake, rate());
        assert_eq!(fake.heard().len(), 1, "nothing is asked at no time: {odd}");
    }
}

#[test]
fn what_prometheus_says_is_told_and_cut() {
    let refused = |status: &'static str, body: String| {
        fault(&Fake::answering(move |_| (status.into(), body.clone())), level())
    };
    let error = |kind: &str, text: &str| {
        format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#)
    };
    let told = refused("400 Bad Request", error("bad_data", "1:5: parse error"));
    assert!(told.what.ends_with("it says bad_data: 1:5: parse error"), "{told}");
    assert_eq!(told.next, "correct the query in ops.yaml");
    let told = refused("422 Unprocessable Entity", error("execution", &"x".repeat(10_000)));
    assert!(told.what.len() < 400, "{told}");
    let told = refused("503 Service Unavailable", error("unavailable", "a\\u001bb\\nc"));
    assert!(
        told.what.ends_with("it says unavailable: abc") && told.next.contains("runs"),
        "{told}"
    );
    for (status, body, why) in [
        ("500 Internal Server Error", "<html>hunter2</html>", "it answered 500"),
        ("401 Unauthorized", "", "it answered 401"),
        ("302 Found", "", "redirects are not followed"),
        ("204 No Content", "", "it answered 204"),
    ] {
        let told = refused(status, body.into());
        assert!(told.what.ends_with(why) && !told.what.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_remark_about_style_is_no_warning() {
    let fake = Fake::telling(|heard| {
        matrix(&[heard.steady("", "1")]).replacen('{', r#"{"warnings":["PromQL info: a name"],"#, 1)
    });
    assert!(read_at(&asked(fake.url()), THEN).is_ok());
}

#[test]
fn p13_nothing_of_an_odd_answer_is_repeated() {
    for kind in KINDS {
        for body in [
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"hunter2":1}]}}"#,
            r#"{"status":"hunter2"}"#,
            "hunter2",
        ] {
            let told = told_of(kind(), |_| body.to_owned());
            assert!(!told.to_string().contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn p8_nobody_there_and_no_http_are_faults() {
    let read = |url: String| {
        PrometheusMetrics::within(Duration::from_secs(20))
            .read(&asked(url), &now(THEN))
            .unwrap_err()
    };
    assert!(read(nobody()).what.contains("the connection was refused"));
    for answer in [
        "",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\0\u{1}\u{2}\n\n\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ] {
        let told = read(Liar::answering(answer).url());
        assert!(told.what.starts_with("signal `payments` was not read"), "{told}");
    }
}

#[test]
fn p9_silence_and_drips_end_with_the_time() {
    let limit = Duration::from_millis(300);
    for liar in [
        Liar::silent(),
        Liar::dripping("HTTP/1.1 200 OK\r\nX: "),
        Liar::dripping("HTTP/1.1 200 OK\r\n\r\n{"),
    ] {
        let begin = Instant::now();
        let told =
            PrometheusMetrics::within(limit).read(&asked(liar.url()), &now(THEN)).unwrap_err();
        assert!(told.what.contains("in time"), "{told}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

/// One that is slow to tell its clock and then falls silent: the queries have what is left of the
/// time, all of them together.
#[test]
fn p9_all_queries_together_end_with_the_time() {
    const SLOW: Duration = Duration::from_millis(200);
    let (tell, told) = mpsc::channel();
    let liar = Liar::each(move |mut stream, request| {
        tell.send(request.clone()).unwrap();
        if request.starts_with("POST /api/v1/query ") {
            thread::sleep(SLOW);
            let body = scalar("1790000000");
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        } else {
            drop(stream.read(&mut [0]));
        }
    });
    let (begin, limit) = (Instant::now(), Duration::from_secs(2));
    let fault = PrometheusMetrics::within(limit).read(&asked(liar.url()), &now(THEN)).unwrap_err();
    assert!(fault.what.contains("in time"), "{fault}");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    let timeout = |request: &str| {
        let (_, rest) = request.split_once("&timeout=").unwrap();
        rest.strip_suffix("ms").unwrap().parse::<u128>().unwrap()
    };
    let (clock, query) = (timeout(&told.recv().unwrap()), timeout(&told.recv().unwrap()));
    assert!(clock <= limit.as_millis() && query + SLOW.as_millis() <= clock, "{clock} {query}");
    const { assert!(METRICS_LIMIT_MS <= 5_000) };
}

#[test]
fn p9_an_answer_is_read_only_to_its_limit() {
    let told = told_of(rate(), |heard| {
        let long = "x".repeat(10 << 20);
        matrix(&[heard.steady(&format!(r#""long":"{long}""#), "1")])
    });
    assert!(told.what.contains("longer than 8388608 bytes"), "{told}");
    // As long as it may be, it is read.
    let fake = Fake::telling(|heard| {
        let long = "x".repeat(8 << 20 >> 1);
        matrix(&[heard.steady(&format!(r#""long":"{long}""#), "1")])
    });
    assert!(read_at(&asked(fake.url()), THEN).is_ok());
    // A hundred thousand series are counted and told of, not kept window by window.
    let told = told_of(rate(), |heard| {
        let one = heard.series("", &["1"]);
        matrix(&vec![one; 100_000])
    });
    assert!(told.what.contains("gives 100000 series where one is wanted"), "{told}");
}
