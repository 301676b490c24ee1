//! The JSON Schema of `ops.yaml`, made from the same tables as the check.

use serde_json::{Map, Value, json};

use crate::shape::{FILE, Format, Key, Kind, Presence, REFERENCE, Table};

/// A duration as [`crate::scalar::duration`] reads it: at least one part, in falling order.
const DURATION: &str = "^(?=[0-9])(?:[0-9]+h)?(?:[0-9]+m(?!s))?(?:[0-9]+s)?(?:[0-9]+ms)?$";

/// JSON Schema (draft 2020-12) for editors. It takes every file that ops takes; limits of values
/// with units, and rules between values, are checked by `ops check` only.
pub fn schema() -> Value {
    let mut root = table(FILE);
    if let Value::Object(root) = &mut root {
        let head = [
            ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
            ("title", json!("ops.yaml")),
            ("description", json!("What ops deploys, where, how, and who decides.")),
        ];
        root.extend(head.map(|(key, value)| (key.to_owned(), value)));
    }
    root
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| matches!(key.presence, Presence::Required(_)))
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    if let Value::Object(map) = &mut schema {
        let words = match key.presence {
            Presence::Required(_) => key.doc.to_owned(),
            Presence::Default(default) => format!("{} Default: {default}.", key.doc),
        };
        map.insert("description".to_owned(), Value::from(words));
    }
    schema
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text(format) => text(format),
        Kind::Reference => text(&REFERENCE),
        Kind::Plain(max) => json!({ "type": ["string", "number", "boolean"], "maxLength": max }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Decimal(max) => {
            json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max })
        }
        Kind::Duration(..) | Kind::Seconds(..) => pattern(DURATION),
        Kind::Size(..) => pattern("^[0-9]+ *[MGT]B$"),
        Kind::Share(..) => pattern("^[0-9]+(?:\\.[0-9]+)? *%$"),
        Kind::Percent(..) => pattern("^[0-9]+%$"),
        Kind::Ports => pattern("^[0-9]{1,5} *- *[0-9]{1,5}$"),
        Kind::List(of, min, max) => {
            json!({ "type": "array", "items": self::kind(of), "minItems": min, "maxItems": max })
        }
        Kind::Entries { key, of, min, max } => json!({
            "type": "object",
            "propertyNames": text(key),
            "additionalProperties": self::kind(of),
            "minProperties": min,
            "maxProperties": max,
        }),
        Kind::Table(table) => self::table(table),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(self::kind).collect::<Vec<_>>() }),
    }
}

fn text(format: &Format) -> Value {
    pattern(format.pattern)
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}
