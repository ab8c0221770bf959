//! What one ledger entry says: who did what, to what, why, with which outcome.
//!
//! Ids are opaque here and mean something only to the database beside the ledger; there is no
//! field for a name, a date of birth or any other PHI, and the rules below keep free text out
//! of the fields that exist. Turning an entry into bytes is the work of [`crate::Leaf`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the entry's form; stands in every leaf as `v`.
pub const ENTRY_VERSION: u64 = 1;

const MAX_ID: usize = 200;
const MAX_CODE: usize = 64;
const MAX_PEER: usize = 200;
const MAX_DETAILS: usize = 32;
const MAX_DETAIL_VALUE: usize = 512;

/// One recorded act. Fields which do not apply are `None` and are left out of the leaf.
///
/// *Ids* are 1 to 200 visible ASCII characters, *codes* 1 to 64. Neither may hold spaces, so
/// that a person's name put there by mistake is refused and not recorded for ever.
///
/// `Entry::default()` is there for struct update syntax alone: its required fields are empty
/// and [`crate::Leaf::encode`] refuses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The entry's own id, given by the writer. An id.
    pub id: String,
    /// When it was recorded: RFC 3339, UTC, with exactly six decimals, such as
    /// `2026-01-31T09:30:00.000000Z`.
    pub recorded_at: String,
    /// Who acted.
    pub actor: Actor,
    /// What was done, such as `share.create`. A code.
    pub action: String,
    /// How it ended, such as `success` or `denied`. A code.
    pub outcome: String,
    /// Why it was done, such as `TREAT` (HL7 PurposeOfUse). A code.
    pub purpose_of_use: String,
    /// The patient concerned. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<String>,
    /// The note concerned. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_id: Option<String>,
    /// The version of that note, from 1; only together with `note_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_version: Option<u32>,
    /// The share concerned. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_id: Option<String>,
    /// The recipient (the loop) concerned. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
    /// The kind of any other object concerned, such as `endpoint`. A code; with `object_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_type: Option<String>,
    /// That object. An id; only together with `object_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The organisation in whose records the act falls. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The rule by which access was granted or denied. A code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The session it happened in. An id (never the session's secret).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The request it happened in. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Where it came from or went to: an address or host name. 1 to 200 visible ASCII characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Further facts, none of them PHI. At most 32; keys are 1 to 64 of `a-z`, `0-9`, `_`, `.`;
    /// values are up to 512 bytes without control characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

/// Who acted, in which role, for which organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// What kind of actor, such as `user`, `system` or `link`. A code.
    pub kind: String,
    /// The person, where there is one. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The role in which they acted, such as `PHYSICIAN`. A code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The organisation for which they acted. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The person or team for whom they stood in. An id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
}

/// Why an entry cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// An id, a code or the peer is empty, too long, or holds spaces or other than visible ASCII.
    #[error("{field} must be 1 to {max} visible ASCII characters without spaces")]
    Text {
        /// The field's name in the leaf.
        field: &'static str,
        /// The most characters it may have.
        max: usize,
    },
    /// The time is not an existing moment in the one spelling allowed.
    #[error("recorded_at must be a time in UTC with six decimals, such as 2026-01-31T09:30:00.000000Z")]
    Time,
    /// A note's versions count from 1, and a version belongs to a note.
    #[error("note_version must be 1 or more and stand together with note_id")]
    NoteVersion,
    /// Half an object was named.
    #[error("object_type and object_id must stand together")]
    Object,
    /// There are too many details.
    #[error("detail may hold at most {MAX_DETAILS} facts")]
    TooManyDetails,
    /// A detail's key is not in the allowed form.
    #[error("the detail key {key:?} must be 1 to {MAX_CODE} of a-z, 0-9, '_' and '.'")]
    DetailKey {
        /// The key as given.
        key: String,
    },
    /// A detail's value is too long or holds control characters.
    #[error("the detail {key:?} must be at most {MAX_DETAIL_VALUE} bytes without control characters")]
    DetailValue {
        /// Its key.
        key: String,
    },
}

impl Entry {
    /// Checks every rule the fields state.
    ///
    /// # Errors
    ///
    /// The first rule broken, by the field's name.
    pub fn check(&self) -> Result<(), EntryError> {
        text("id", &self.id, MAX_ID)?;
        if !is_utc_micros(&self.recorded_at) {
            return Err(EntryError::Time);
        }
        text("actor.kind", &self.actor.kind, MAX_CODE)?;
        optional("actor.user_id", &self.actor.user_id, MAX_ID)?;
        optional("actor.role", &self.actor.role, MAX_CODE)?;
        optional("actor.organization_id", &self.actor.organization_id, MAX_ID)?;
        optional("actor.on_behalf_of", &self.actor.on_behalf_of, MAX_ID)?;
        text("action", &self.action, MAX_CODE)?;
        text("outcome", &self.outcome, MAX_CODE)?;
        text("purpose_of_use", &self.purpose_of_use, MAX_CODE)?;
        optional("patient_id", &self.patient_id, MAX_ID)?;
        optional("note_id", &self.note_id, MAX_ID)?;
        optional("share_id", &self.share_id, MAX_ID)?;
        optional("recipient_id", &self.recipient_id, MAX_ID)?;
        optional("object_type", &self.object_type, MAX_CODE)?;
        optional("object_id", &self.object_id, MAX_ID)?;
        optional("organization_id", &self.organization_id, MAX_ID)?;
        optional("rule", &self.rule, MAX_CODE)?;
        optional("session_id", &self.session_id, MAX_ID)?;
        optional("request_id", &self.request_id, MAX_ID)?;
        optional("peer", &self.peer, MAX_PEER)?;
        if self.note_version == Some(0) || (self.note_version.is_some() && self.note_id.is_none()) {
            return Err(EntryError::NoteVersion);
        }
        if self.object_type.is_some() != self.object_id.is_some() {
            return Err(EntryError::Object);
        }
        self.check_detail()
    }

    fn check_detail(&self) -> Result<(), EntryError> {
        if self.detail.len() > MAX_DETAILS {
            return Err(EntryError::TooManyDetails);
        }
        for (key, value) in &self.detail {
            let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
            if key.is_empty() || key.len() > MAX_CODE || !key.bytes().all(plain) {
                return Err(EntryError::DetailKey { key: key.clone() });
            }
            if value.len() > MAX_DETAIL_VALUE || value.chars().any(char::is_control) {
                return Err(EntryError::DetailValue { key: key.clone() });
            }
        }
        Ok(())
    }
}

fn text(field: &'static str, value: &str, max: usize) -> Result<(), EntryError> {
    let visible = value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.is_empty() || value.len() > max || !visible {
        return Err(EntryError::Text { field, max });
    }
    Ok(())
}

fn optional(field: &'static str, value: &Option<String>, max: usize) -> Result<(), EntryError> {
    value.as_deref().map_or(Ok(()), |value| text(field, value, max))
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, and the day exists. Leap seconds are refused: neither engine
/// of the store can hold one.
fn is_utc_micros(value: &str) -> bool {
    let shape = b"dddd-dd-ddTdd:dd:dd.ddddddZ";
    let bytes = value.as_bytes();
    let fits = bytes.len() == shape.len()
        && bytes.iter().zip(shape).all(|(byte, mark)| match mark {
            b'd' => byte.is_ascii_digit(),
            mark => byte == mark,
        });
    if !fits {
        return false;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let year = number(0, 4);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match number(5, 7) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&number(8, 10)) && number(11, 13) < 24 && number(14, 16) < 60 && number(17, 19) < 60
}

#[cfg(test)]
mod tests {
    use super::is_utc_micros;

    #[test]
    fn times_have_one_spelling_and_must_exist() {
        for good in [
            "2026-01-31T09:30:00.000000Z",
            "2024-02-29T23:59:59.999999Z",
            "2000-02-29T00:00:00.000000Z",
        ] {
            assert!(is_utc_micros(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-31T09:30:00Z",
            "2026-01-31T09:30:00.000Z",
            "2026-01-31T09:30:00.0000000Z",
            "2026-01-31t09:30:00.000000z",
            "2026-01-31 09:30:00.000000Z",
            "2026-01-31T09:30:00.000000+00:00",
            "2026-02-29T09:30:00.000000Z",
            "1900-02-29T09:30:00.000000Z",
            "2026-13-01T09:30:00.000000Z",
            "2026-00-01T09:30:00.000000Z",
            "2026-04-31T09:30:00.000000Z",
            "2026-01-00T09:30:00.000000Z",
            "2026-01-31T24:00:00.000000Z",
            "2026-01-31T09:60:00.000000Z",
            "2016-12-31T23:59:60.000000Z",
            "２026-01-31T09:30:00.0000Z",
        ] {
            assert!(!is_utc_micros(bad), "{bad}");
        }
    }
}
