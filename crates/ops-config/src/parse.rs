//! From text to settings, or to everything that is wrong with it.

use ops_core::settings::{Revision, Settings};

use crate::{
    build,
    check::check,
    complaint::{Collector, Complaints, Words},
    mask::{self, Masked},
    node::Value,
    rules,
    shape::{FILE, Kind},
    view::{Lost, View},
    yaml::{self, NotYaml},
};

/// Largest file in bytes.
pub const FILE_MAX: usize = 1_000_000;

/// The kind of the whole file.
const WHOLE: &Kind = &Kind::Table(FILE);

/// Reads the text of an `ops.yaml`. `name` is how complaints call the file.
///
/// # Errors
/// All complaints at once, unless the text is not YAML: then the one about that.
pub fn parse(name: &str, text: &str, revision: Revision) -> Result<Settings, Complaints> {
    // A byte order mark is no part of the text; editors do not count it as a column either.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = Collector::new(text);
    if text.len() > FILE_MAX {
        let words = Words::new(format!("the file has {} bytes", text.len()))
            .allowed(format!("at most {FILE_MAX} bytes"));
        out.add(&[], 0..0, words);
        return refuse(name, out, mask::blank());
    }
    let root = match yaml::read(text) {
        Ok(root) => root,
        Err(error) => {
            complain_about_yaml(error, &mut out);
            return refuse(name, out, mask::unread(text));
        }
    };
    if root.value == Value::Null {
        let words = Words::new("the file is empty").hint("`ops init` writes one to begin with");
        out.add(&[], 0..0, words);
        return refuse(name, out, mask::unread(text));
    }
    check(&root, WHOLE, &mut Vec::new(), &mut out);
    let lost = Lost::default();
    let settings = build::build(View::new(&root, &lost), revision);
    rules::check(&settings, &root, &mut out);
    if out.is_empty() {
        for place in lost.into_inner() {
            out.add(&[], place, Words::new("this value cannot be taken over"));
        }
    }
    if out.is_empty() { Ok(settings) } else { refuse(name, out, mask::mask(text, &root)) }
}

fn complain_about_yaml(error: NotYaml, out: &mut Collector<'_>) {
    let offset = error
        .offset
        .or_else(|| error.place.map(|(line, column)| out.offset_of(line, column)))
        .unwrap_or(0);
    out.add(&[], offset..offset + 1, Words::new(error.message).maybe_hint(error.hint));
}

fn refuse(name: &str, out: Collector<'_>, masked: Masked) -> Result<Settings, Complaints> {
    Err(out.finish(name, masked))
}
