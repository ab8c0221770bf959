//! One content, one text of bytes: what is hashed and signed. Keys sorted, no white space (RFC 8785),
//! decimals as normalized strings, absent values and empty lists left out.

use serde_json::Value;

use crate::content::NoteContent;

/// The canonical bytes of a content. The same content always gives the same bytes, and reading them
/// back gives the same content.
pub fn canonical_json(content: &NoteContent) -> Vec<u8> {
    let mut out = String::new();
    write(&canonical_value(content), &mut out);
    out.into_bytes()
}

/// The canonical form as a JSON value.
pub(crate) fn canonical_value(content: &NoteContent) -> Value {
    let value = serde_json::to_value(content).expect("content holds only texts, integers, booleans and lists");
    prune(value).unwrap_or(Value::Null)
}

/// Leaves out nulls and empty lists. An empty record stays: it says that a block was begun.
fn prune(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) => Some(Value::Array(
            list.into_iter()
                .map(|inner| prune(inner).unwrap_or_else(|| Value::Object(serde_json::Map::new())))
                .collect(),
        )),
        Value::Object(object) => Some(Value::Object(
            object
                .into_iter()
                .filter_map(|(key, inner)| Some((key, prune(inner)?)))
                .collect(),
        )),
        other => Some(other),
    }
}

/// RFC 8785: keys in the order of their UTF-16 units, no white space. Field names here are ASCII, and
/// every number is an integer within the range of `i32`, so serde_json's scalars are already canonical.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(&object[key], out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, inner) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(inner, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
