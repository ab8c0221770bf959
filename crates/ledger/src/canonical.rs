//! Canonical JSON (RFC 8785) for the values a leaf may hold: strings, booleans, null, objects,
//! arrays and integers of magnitude up to 2^53 - 1. No floating-point numbers, and no object
//! that names a key twice: other readers would disagree about what such text says.
//!
//! Not a general JCS library: number formatting of RFC 8785 is avoided by refusing the numbers
//! that need it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The largest integer every JSON reader holds exactly (RFC 8785 section 3.2.2.3, RFC 7493).
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A JSON value in which no object names a key twice and every number is a safe integer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StrictValue(pub(crate) Value);

/// The canonical bytes of `value`; `None` if it holds a number which is not a safe integer.
pub(crate) fn canonical_bytes(value: &Value) -> Option<Vec<u8>> {
    let mut out = String::new();
    write_value(value, &mut out).then(|| out.into_bytes())
}

/// Reads JSON text strictly.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<StrictValue>(bytes).map(|strict| strict.0)
}

fn write_value(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(n), _) if n <= MAX_SAFE_INTEGER => out.push_str(&n.to_string()),
            (None, Some(n)) if n.unsigned_abs() <= MAX_SAFE_INTEGER => {
                out.push_str(&n.to_string());
            }
            _ => return false,
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                if !write_value(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Object(map) => {
            // RFC 8785 section 3.2.3 sorts by UTF-16 code units, which differs from byte order
            // beyond the basic plane. Nor is the map's own order relied on: a feature of
            // serde_json switched on elsewhere would change it.
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (position, (key, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                if !write_value(member, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    true
}

/// RFC 8785 section 3.2.2.2: the short escapes, lower-case `\u00xx` for other controls, and
/// everything else as it is.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{08}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{0c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

impl Serialize for StrictValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a boolean, null, a whole number, an object or an array")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_SAFE_INTEGER {
            return Err(E::custom(format_args!("{value} is larger than 2^53 - 1")));
        }
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(E::custom(format_args!("{value} is beyond 2^53 - 1")));
        }
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(StrictValue(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, StrictValue(member))) = members.next_entry::<String, _>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            map.insert(key, member);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_keys_by_utf16_code_units() {
        // The example of RFC 8785 section 3.2.3, without its floating-point members.
        let value = parse(
            "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\",\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}"
                .as_bytes(),
        )
        .unwrap();
        let text = String::from_utf8(canonical_bytes(&value).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
    }

    #[test]
    fn escapes_as_rfc_8785_does() {
        let value = Value::String("\u{20ac}$\u{f}\u{a}A'\u{42}\u{22}\u{5c}\\\"/\u{8}\u{c}\t\r\u{7f}".into());
        let text = String::from_utf8(canonical_bytes(&value).unwrap()).unwrap();
        assert_eq!(text, "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\f\\t\\r\u{7f}\"");
    }

    #[test]
    fn refuses_what_readers_could_read_differently() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"a":1,"a":1}}"#,
            "1.5",
            "1e3",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            r#""\ud800""#,
            "[1,]",
            "{} {}",
            "",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text} was accepted");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert_eq!(
            canonical_bytes(&parse(b"[9007199254740991, -9007199254740991, null, true, false, {}]").unwrap()),
            Some(b"[9007199254740991,-9007199254740991,null,true,false,{}]".to_vec())
        );
        assert_eq!(canonical_bytes(&serde_json::json!([0.5])), None);
        assert_eq!(canonical_bytes(&serde_json::json!(u64::MAX)), None);
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
