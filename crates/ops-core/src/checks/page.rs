//! Where people read on.

/// Where the page about a check lies, relative to the root of the project's documents.
pub fn page(id: &str) -> String {
    format!("docs/checks/{id}.md")
}
