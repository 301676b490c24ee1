//! Deployment notes in the text of a ticket.

use ops_core::{
    id::Identity,
    notes::{
        MAX_BLOCK_BYTES, MAX_COMPLAINTS, MAX_ITEMS, MAX_VALUE_BYTES, MAX_VERSION_CHARS, Notes,
        NotesFound, find_notes, has_block, missing_notes_question,
    },
    ticket::{Comment, Ticket},
};

/// Longest comment that a board takes.
const COMMENT_MAX: usize = 100 * 1024;

/// Whatever the text: complete notes within their bounds, or short and harmless words about what is
/// missing; and nobody but DEV says what is deployed.
pub fn deployment_notes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(crate::cut(bytes)).into_owned();
    let found = find(&text, &[]);
    assert_eq!(found, find(&text, &[]));
    match &found {
        NotesFound::Found(found) => {
            assert!(has_block(&text));
            bounded(&found.notes);
            let kept = serde_json::to_string(&found.notes).expect("notes can be written");
            assert_eq!(serde_json::from_str::<Notes>(&kept).ok().as_ref(), Some(&found.notes));
        }
        NotesFound::Missing => assert!(!has_block(&text)),
        NotesFound::Invalid { complaints, .. } => {
            assert!(has_block(&text) && !complaints.is_empty());
            assert!(complaints.len() <= MAX_COMPLAINTS);
            for complaint in complaints {
                let words = complaint.to_string();
                assert!(words.len() < 2_000 && !crate::moves_cursors(&words, false), "{words:?}");
                assert!(!words.contains("```") && !words.contains("<!--"), "{words:?}");
            }
        }
    }
    question(&found);
    by_others(&text, &found);
}

fn ticket(description: &str, comments: &[(&str, &str)]) -> Ticket {
    let comment = |(author, text): &(&str, &str)| Comment {
        id: String::new(),
        author: Identity::new(*author),
        text: (*text).to_owned(),
        at: String::new(),
        candidate: None,
    };
    Ticket {
        id: "MNS-7".into(),
        title: "Basket".into(),
        description: description.into(),
        status: "rfp".into(),
        priority: 3,
        kind: "story".into(),
        comments: comments.iter().map(comment).collect(),
        history: Vec::new(),
    }
}

fn find(description: &str, comments: &[(&str, &str)]) -> NotesFound {
    find_notes(&ticket(description, comments), |who| who.as_str() == "dan")
}

fn bounded(notes: &Notes) {
    assert!(notes.version.chars().count() <= MAX_VERSION_CHARS, "{notes:?}");
    let reference = notes.artifact.reference();
    assert!(reference.len() <= MAX_VALUE_BYTES && !reference.is_empty());
    let lists =
        [&notes.migrations, &notes.variables, &notes.secrets, &notes.fixes, &notes.includes];
    for list in lists {
        assert!(list.len() <= MAX_ITEMS && list.iter().all(|item| item.len() <= MAX_VALUE_BYTES));
        assert!(!list.iter().any(|item| crate::moves_cursors(item, true)), "{list:?}");
    }
    for line in [notes.version.as_str(), &reference] {
        assert!(!crate::moves_cursors(line, false), "{line:?}");
    }
}

/// What is asked fits into a comment, and none of what is asked about breaks out of it.
fn question(found: &NotesFound) {
    let Some(asked) = missing_notes_question(&"MNS-7".into(), found, &["shop".into()]) else {
        return assert!(matches!(found, NotesFound::Found(_)));
    };
    assert!(asked.len() <= COMMENT_MAX);
    assert!(!crate::moves_cursors(&asked, true) && !asked.contains("<!--"), "{asked:?}");
    // The one block in it is the one to be filled in: nothing closes it before its end.
    let fences = asked.lines().filter(|line| line.trim_start().starts_with("```")).count();
    assert_eq!(fences, 2, "{asked}");
    assert!(asked.len() < MAX_BLOCK_BYTES || has_block(&asked));
}

fn by_others(text: &str, found: &NotesFound) {
    assert_eq!(&find(text, &[("quinn", text), ("eve", text)]), found, "others were listened to");
    assert_eq!(find("", &[("eve", text)]), NotesFound::Missing);
    let quoted = crate::quoted(text);
    assert_eq!(find(&quoted, &[]), NotesFound::Missing, "a quote is nobody's own word");
    if let (NotesFound::Found(one), NotesFound::Found(other)) = (found, find("", &[("dan", text)]))
    {
        assert_eq!((&one.notes, &one.hash), (&other.notes, &other.hash));
    }
}
