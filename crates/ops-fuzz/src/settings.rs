//! `ops.yaml`.

use ops_config::{Look, parse, service_hash};
use ops_core::{id::Digest, settings::Revision};

/// Whatever the text: it is read the same twice, or everything that is wrong is told with its place.
pub fn ops_yaml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(crate::cut(bytes));
    let revision = Revision { commit: None, hash: Digest::of(text.as_bytes()) };
    let read = || parse("ops.yaml", &text, revision.clone());
    let complaints = match read() {
        Ok(settings) => {
            assert_eq!(Ok(&settings), read().as_ref(), "the same text was read differently");
            let kept = serde_json::to_string(&settings).expect("settings can be written");
            let back = serde_json::from_str(&kept).expect("settings can be read back");
            assert_eq!(settings, back);
            for name in settings.services.keys() {
                assert_eq!(service_hash(&settings, name), service_hash(&back, name));
            }
            return;
        }
        Err(complaints) => complaints,
    };
    assert!(!complaints.list().is_empty(), "refused without a word");
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(&text);
    for complaint in complaints.list() {
        let end = complaint.span.offset + complaint.span.length;
        assert!(unmarked.get(complaint.span.offset..end).is_some(), "{complaint:?}");
    }
    for look in [Look::Plain, Look::Colour, Look::Narrated] {
        let shown = complaints.render(look);
        assert!(!shown.is_empty());
        let colours = look == Look::Colour;
        assert!(colours || !crate::moves_cursors(&shown, true), "{shown:?}");
    }
    assert!(complaints.to_json().is_object() || complaints.to_json().is_array());
}
