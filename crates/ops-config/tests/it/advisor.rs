//! The model that may stop a deployment.

use ops_core::settings::{Money, loosened};

use crate::{MINIMAL, good, read};

fn file(advisor: &str) -> String {
    format!("{MINIMAL}\nadvisor: {{ {advisor} }}\n")
}

#[test]
fn p12_there_is_no_model_until_one_is_configured() {
    assert_eq!(good(MINIMAL).advisor, None);
}

#[test]
fn the_key_of_openai_goes_to_openai_only() {
    let theirs = good(&file("model: gpt-5-mini")).advisor.unwrap();
    assert_eq!(theirs.url, "https://api.openai.com/v1");
    assert_eq!(theirs.key.as_deref(), Some("env:OPENAI_API_KEY"));
    assert_eq!((theirs.timeout_seconds, theirs.required, theirs.drafts), (30, false, true));
    let ours = good(&file("model: gemma, url: \"http://127.0.0.1:8080/v1\"")).advisor.unwrap();
    assert_eq!(ours.key, None);
}

#[test]
fn money_is_counted_in_millionths() {
    let said = "model: m, money: { per_day: 2.5, asked: 0.15, answered: 0.6 }";
    let money = good(&file(said)).advisor.unwrap().money;
    assert_eq!(money, Some(Money { per_day: 2_500_000, asked: 150_000, answered: 600_000 }));
}

#[test]
fn p13_a_key_that_stands_in_the_file_is_refused_and_not_shown() {
    let told = read(&file("model: m, api_key: sk-abcdefgh12345678")).unwrap_err().to_string();
    assert!(told.contains("advisor.api_key") && !told.contains("sk-abcdefgh"), "{told}");
    let told = read(&file("url: \"https://x:y@example.org\", model: m")).unwrap_err().to_string();
    assert!(told.contains("advisor.url") && !told.contains("x:y"), "{told}");
    let told = read(&file("timeout: 5m, model: m")).unwrap_err().to_string();
    assert!(told.contains("advisor.timeout"), "{told}");
    let told = read(&file("required: true")).unwrap_err().to_string();
    assert!(told.contains("advisor.model"), "{told}");
}

#[test]
fn p3_whoever_hears_the_model_less_needs_a_ticket() {
    let all = |text: &str| good(&file(text));
    let old = all("model: m, required: true, timeout: 30s");
    let looser = [
        good(MINIMAL),
        all("model: other, required: true"),
        all("model: m"),
        all("model: m, required: true, timeout: 5s"),
        all("model: m, required: true, tokens_per_day: 2000"),
        all("model: m, required: true, money: { per_day: 1, asked: 1, answered: 1 }"),
        all("model: m, required: true, url: \"http://127.0.0.1:1/v1\""),
    ];
    for new in looser {
        assert_eq!(loosened(&old, &new).len(), 1, "{:?}", new.advisor);
        assert!(loosened(&new, &old).len() <= 1);
    }
    assert_eq!(loosened(&good(MINIMAL), &old), Vec::new());
    assert_eq!(loosened(&old, &all("model: m, required: true, timeout: 60s")), Vec::new());
}
