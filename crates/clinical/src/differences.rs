//! What changed between two contents, field by field, for the readers of an amendment. It compares
//! the canonical JSON forms, so that `5` and `5.0` are the same. Not a merge.

use serde::Serialize;
use serde_json::Value;

use crate::{canonical::canonical_value, content::NoteContent};

/// One changed field. Values are JSON texts without quotes; a list or record is compact JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[cfg_attr(feature = "graphql", graphql(name = "ContentDifference"))]
pub struct Difference {
    /// Where, such as `monitoring[3].sbp`.
    pub path: String,
    /// Value in the old version; absent if the field is new.
    pub before: Option<String>,
    /// Value in the new version; absent if the field was removed.
    pub after: Option<String>,
}

/// Every field in which `new` differs from `old`, in the order of their paths.
pub fn differences(old: &NoteContent, new: &NoteContent) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(&canonical_value(old)), Some(&canonical_value(new)), &mut found);
    found
}

fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    match (old, new) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                compare(&inner, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                compare(&format!("{path}[{index}]"), a.get(index), b.get(index), found);
            }
        }
        (old, new) if old != new => {
            found.push(Difference {
                path: path.to_owned(),
                before: old.map(text),
                after: new.map(text),
            });
        }
        _ => {}
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
