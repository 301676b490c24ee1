//! Takes known secret values out of what leaves the house, and looks for them in what comes in (P13).

use ops_core::judgement::Prompt;
use serde_json::Value;

/// A prompt out of whose texts `out_of` takes the secret values that it knows: out of the JSON in
/// it string by string, where a value may stand with escapes that hide it.
pub fn scrubbed(prompt: &Prompt, out_of: &dyn Fn(&str) -> String) -> Prompt {
    Prompt {
        system: out_of(&prompt.system),
        user: text(&prompt.user, out_of),
        judgement: prompt.judgement,
        answer_tokens: prompt.answer_tokens,
    }
}

fn text(text: &str, out_of: &dyn Fn(&str) -> String) -> String {
    let begin = text.find('{').unwrap_or(text.len());
    let (words, data) = text.split_at(begin);
    let Ok(mut value) = serde_json::from_str::<Value>(data) else {
        return out_of(text);
    };
    if !strings(&mut value, out_of) {
        return out_of(text);
    }
    let data = serde_json::to_string_pretty(&value).unwrap_or_default();
    out_of(&format!("{words}{data}"))
}

/// Whether a text holds a secret value, also behind the escapes of JSON.
pub(crate) fn holds(text: &str, out_of: &dyn Fn(&str) -> String) -> bool {
    out_of(text) != text
        || serde_json::from_str::<Value>(text).is_ok_and(|mut value| strings(&mut value, out_of))
}

/// Whether anything was taken out.
fn strings(value: &mut Value, out_of: &dyn Fn(&str) -> String) -> bool {
    match value {
        Value::String(text) => {
            let clean = out_of(text);
            let changed = clean != *text;
            *text = clean;
            changed
        }
        Value::Array(all) => {
            let mut changed = false;
            for one in all {
                changed |= strings(one, out_of);
            }
            changed
        }
        Value::Object(all) => {
            let names: Vec<String> =
                all.keys().filter(|name| out_of(name) != **name).cloned().collect();
            let mut changed = !names.is_empty();
            for name in names {
                if let Some(one) = all.remove(&name) {
                    all.insert(out_of(&name), one);
                }
            }
            for one in all.values_mut() {
                changed |= strings(one, out_of);
            }
            changed
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn out_of(text: &str) -> String {
        text.replace("hun\"ter\n2", "(redacted)").replace("s3cret", "(redacted)")
    }

    fn prompt(user: &str) -> Prompt {
        Prompt { system: "s3cret".into(), user: user.into(), judgement: true, answer_tokens: 9 }
    }

    #[test]
    fn p13_a_secret_behind_escapes_is_taken_out_as_well() {
        let dossier = json!({ "a": ["it is hun\"ter\n2"], "hun\"ter\n2": { "b": "s3cret" } });
        let user = format!("s3cret?\n\nDossier:\n{dossier:#}");
        let clean = scrubbed(&prompt(&user), &out_of);
        assert_eq!(clean.system, "(redacted)");
        let (words, data) = clean.user.split_at(clean.user.find('{').unwrap());
        assert_eq!(words, "(redacted)?\n\nDossier:\n");
        let data: Value = serde_json::from_str(data).unwrap();
        let wanted = json!({ "a": ["it is (redacted)"], "(redacted)": { "b": "(redacted)" } });
        assert_eq!(data, wanted);
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        for user in ["words", "words {", "Dossier:\n{\n  \"b\": 1.50,\n  \"a\": \"x\"\n}"] {
            assert_eq!(scrubbed(&prompt(user), &out_of).user, user);
        }
    }

    #[test]
    fn p13_secrets_are_seen_in_what_comes_back() {
        assert!(holds("so s3cret", &out_of));
        assert!(holds(r#"{"x":["hun\"ter\n2"]}"#, &out_of));
        assert!(!holds(r#"{"x":["plain"]}"#, &out_of));
    }
}
