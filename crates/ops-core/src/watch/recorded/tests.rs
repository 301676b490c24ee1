use proptest::prelude::*;

use super::*;

const ERR: &str = include_str!("../../../../ops/tests/data/watch-err10.csv");
const LAT: &str = include_str!("../../../../ops/tests/data/watch-lat2.csv");

fn wrong(text: &str) -> String {
    let wrong = read(text).unwrap_err();
    format!("{}: {} ({})\n", wrong.place, wrong.why, wrong.next)
}

/// A file with one good line before what is tried.
fn after(line: &str) -> String {
    wrong(&format!("t,nc,xc,nb,xb\n1,5,0,45,1\n{line}"))
}

#[test]
fn wrong_csv_is_told_with_its_line() {
    let lines = [
        "2,5,0,45\n",
        "2,5,0,45,1",
        "2,5,NaN,45,1\n",
        "2,-5,0,45,1\n",
        "2,5.5,0,45,1\n",
        "2,5,0,45,99999999999999\n",
        "2,5,6,45,1\n",
        "1,6,0,45,1\n",
        "0,5,0,45,1\n",
        "3,5,0,45,1\n2,5,0,45,1\n",
    ];
    let files = [
        "",
        "# {\"pre_n\": 5\nt,nc,xc,nb,xb\n",
        "# {\"pre_n\": -5}\n",
        "# {}\nt,nc,xc,nb\n",
        "t,nc,xc,nb,xb\n",
        "t,t,nc,xc,nb,xb\n",
        "t,nc,xc,nb,xb,lc_0\n",
        "# {\"edges_ms\":[2,1]}\nt,nc,xc,nb,xb\n",
        "# {\"edges_ms\":[1,2]}\nt,nc,xc,nb,xb,lc_3\n",
        "# {\"edges_ms\":[1,2],\"pre_hist\":[[1,2]]}\nt,nc,xc,nb,xb\n1,5,0,45,1\n",
        "# {\"pre_ticks\":{\"n\":[1],\"x\":[2]}}\nt,nc,xc,nb,xb\n1,5,0,45,1\n",
    ];
    let said: String = lines.map(after).into_iter().chain(files.map(wrong)).collect();
    insta::assert_snapshot!("wrong_csv", said);
}

#[test]
fn a_line_that_comes_twice_counts_once() {
    let twice = read("t,nc,xc,nb,xb\n1,5,0,45,1\n1,5,0,45,1\n2,5,0,45,1\n").unwrap();
    assert_eq!(twice.seconds.len(), 2);
    assert!(twice.notes[0].starts_with("1 lines repeat"), "{:?}", twice.notes);
}

#[test]
fn latency_cells_come_into_the_buckets_of_the_door() {
    let read = read(LAT).unwrap();
    assert_eq!((read.before.len(), read.seconds.len()), (100, 120));
    assert_eq!(read.share, Some(0.25));
    let first = read.seconds[0].arm(&read.old).unwrap();
    let sum: u64 = first.latency.iter().map(|(_, count)| count).sum();
    assert_eq!(sum, first.requests, "no request without a bucket");
    let pooled = read.before.iter().filter_map(|second| second.arm(&read.old));
    let (mut all, mut slow) = (0, 0);
    for (bucket, count) in pooled.flat_map(|arm| &arm.latency) {
        all += count;
        slow += if *bucket >= crate::signal::latency_bucket(100_000) { *count } else { 0 };
    }
    let share = f64::from(slow as u32) / f64::from(all as u32);
    assert!((share - 0.5).abs() < 0.1, "the generator's median is 100 ms: {share}");
}

const SECOND: &str = r#"{"second":N,"refused":0,"weights":[["b",50],["a",50]],"arms":[
["b",{"requests":5,"s2xx":4,"s3xx":0,"s4xx":0,"s5xx":1,"connect":0,"timeout":0,"held":0,"latency":[[90,5]]}]]}"#;

fn json(change: impl Fn(&str) -> String) -> String {
    let seconds: Vec<_> = (1..=3).map(|n| SECOND.replace('N', &n.to_string())).collect();
    change(&format!(r#"{{"new":"b","old":"a","seconds":[{}]}}"#, seconds.join(",\n")))
}

#[test]
fn json_is_read_as_the_door_wrote_it_and_wrong_json_is_told_with_its_place() {
    let well = read(&json(str::to_owned)).unwrap();
    assert_eq!((well.began, well.seconds.len(), well.share), (0, 3, None));
    let changes: [(&str, &str); 9] = [
        ("\"requests\":5", "\"requests\":3"),
        ("\"requests\":5", "\"requests\":-5"),
        ("\"requests\":5", "\"requests\":NaN"),
        ("\"requests\":5", "\"requests\":0"),
        ("\"s4xx\":0", "\"s4xx\":18446744073709551615"),
        ("[90,5]", "[90,5],[90,5]"),
        ("[90,5]", "[300,5]"),
        ("\"second\":3", "\"second\":1"),
        ("\"old\":\"a\"", "\"old\":\"b\""),
    ];
    let mut said: String =
        changes.iter().map(|(from, to)| wrong(&json(|text| text.replace(from, to)))).collect();
    said.push_str(&wrong(&json(|text| text[..text.len() / 2].to_owned())));
    said.push_str(&wrong("{}"));
    insta::assert_snapshot!("wrong_json", said);
    let twice = read(&json(|text| text.replace("\"second\":2", "\"second\":1"))).unwrap();
    assert_eq!(twice.seconds.len(), 2, "the same second twice counts once");
}

/// An answer whose steps of 15 s begin with two before the new version.
fn answer(change: impl Fn(&str) -> String) -> String {
    let series = |role: &str, from: u64, value: &str| {
        let values: Vec<_> =
            (from..6).map(|n| format!("[{},\"{value}\"]", 1_790_000_000 + 15 * n)).collect();
        format!(r#"{{"metric":{{"ops_role":"{role}"}},"values":[{}]}}"#, values.join(","))
    };
    change(&format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{},{},{},{}]}}}}"#,
        series("new_total", 2, "75.2"),
        series("new_errors", 0, "0"),
        series("old_total", 0, "675"),
        series("old_errors", 0, "3.3")
    ))
}

#[test]
fn prometheus_ranges_are_read_and_what_is_missing_is_never_zero() {
    let well = read(&answer(str::to_owned)).unwrap();
    assert_eq!((well.before.len(), well.seconds.len()), (2, 4));
    assert_eq!(well.seconds[0].second - well.began, 15, "the first step is one of 15 s");
    assert_eq!(well.seconds[0].arm(&well.new).map(|arm| arm.requests), Some(75));
    let gap = read(&answer(|text| text.replacen("[1790000060,\"675\"],", "", 1))).unwrap();
    assert_eq!(gap.seconds.len(), 3);
    assert!(gap.notes[0].starts_with("1 steps lack"), "{:?}", gap.notes);
    let changes: [(&str, &str); 7] = [
        ("\"75.2\"", "\"NaN\""),
        ("\"75.2\"", "\"-1\""),
        ("\"75.2\"", "75.2"),
        ("old_errors", "errors"),
        ("\"3.3\"", "\"700\""),
        ("matrix", "vector"),
        ("\"success\"", "\"error\",\"error\":\"parse error\""),
    ];
    let mut said: String =
        changes.iter().map(|(from, to)| wrong(&answer(|text| text.replace(from, to)))).collect();
    said.push_str(&wrong(&answer(|text| text.replace("1790000075", "1790000000"))));
    said.push_str(&wrong(&answer(|text| text.replace("old_total", "old_errors"))));
    insta::assert_snapshot!("wrong_prometheus", said);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,400}") {
        let _ = read(&text);
        let _ = read(&format!("t,nc,xc,nb,xb\n{text}"));
        let _ = read(&format!("{{\"status\":\"success\",\"data\":{text}}}"));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    /// What is left of good files after one cut and one change is an error or counts, and what is
    /// counted can be replayed.
    #[test]
    fn damaged_files_never_panic(
        which in 0_usize..4, from in any::<prop::sample::Index>(), cut in 0_usize..40,
        with in "[-0-9a-zN\",{}\\[\\]\n]{0,6}",
    ) {
        let good = match which {
            0 => ERR.to_owned(),
            1 => json(str::to_owned),
            2 => answer(str::to_owned),
            _ => "# {\"edges_ms\":[1,2,4],\"pre_hist\":[[1,2,3,4]]}\nt,nc,xc,nb,xb,lc_1,lb_3\n\
                  1,5,0,45,1,5,45\n2,5,0,45,1,5,45\n".to_owned(),
        };
        let from = from.index(good.len());
        let to = (from + cut).min(good.len());
        prop_assume!(good.is_ascii());
        let text = format!("{}{with}{}", &good[..from], &good[to..]);
        if let Ok(recorded) = read(&text) {
            let said = recorded.replayed(0.01, Some(0.1));
            prop_assert!(said.log_e.is_finite());
        }
    }
}
