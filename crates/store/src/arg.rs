//! Arguments of statements: one value type for both drivers, so that each call is written once.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use liaison_domain as domain;
use sqlx::{Arguments, postgres::PgArguments, sqlite::SqliteArguments};
use uuid::Uuid;

use crate::error::{Result, StoreError};

/// One bound value, with its type even when it is null.
#[derive(Debug, Clone)]
pub enum Arg {
    /// An id.
    Uuid(Option<Uuid>),
    /// Text, value-set names and JSON.
    Text(Option<String>),
    /// A whole number.
    Int(Option<i64>),
    /// True or false.
    Bool(Option<bool>),
    /// An instant, at microseconds.
    Time(Option<DateTime<Utc>>),
    /// Bytes: hashes and ciphertext.
    Bytes(Option<Vec<u8>>),
}

/// A Rust value that can be bound.
pub trait IntoArg {
    /// Null of this value's type.
    const NULL: Arg;
    /// The value to bind.
    fn into_arg(self) -> Arg;
}

impl<T: IntoArg> IntoArg for Option<T> {
    const NULL: Arg = T::NULL;
    fn into_arg(self) -> Arg {
        self.map_or(T::NULL, T::into_arg)
    }
}

macro_rules! into_arg {
    ($($type:ty => $variant:ident, $value:ident -> $convert:expr;)*) => {$(
        impl IntoArg for $type {
            const NULL: Arg = Arg::$variant(None);
            fn into_arg(self) -> Arg {
                let $value = self;
                Arg::$variant(Some($convert))
            }
        }
    )*};
}

into_arg! {
    Uuid => Uuid, value -> value;
    String => Text, value -> without_nul(value);
    &String => Text, value -> without_nul(value.clone());
    &str => Text, value -> without_nul(value.to_owned());
    NaiveDate => Text, value -> value.to_string();
    i64 => Int, value -> value;
    i32 => Int, value -> i64::from(value);
    u32 => Int, value -> i64::from(value);
    i16 => Int, value -> i64::from(value);
    bool => Bool, value -> value;
    DateTime<Utc> => Time, value -> kept(value);
    Vec<u8> => Bytes, value -> value;
    &[u8] => Bytes, value -> value.to_vec();
    [u8; 32] => Bytes, value -> value.to_vec();
    domain::EvidenceLevel => Int, value -> i64::from(value.number());
    domain::Urgency => Int, value -> urgency_number(value);
}

/// PostgreSQL's texts know no NUL. One that comes this far is in a text that is only looked for, such as the address of a
/// sign-in: with the mark for an unreadable character in its place it is found nowhere, on both engines.
fn without_nul(value: String) -> String {
    if value.contains('\0') {
        value.replace('\0', "\u{fffd}")
    } else {
        value
    }
}

/// The first and the last moment that both engines keep and sort alike: PostgreSQL's calendar does not go as far as
/// chrono's, and SQLite's text sorts only within four digits of a year.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// At microseconds. What lies outside of the years 1 to 9999 came from outside, such as a bent cursor, and is as good as
/// their ends.
fn kept(value: DateTime<Utc>) -> DateTime<Utc> {
    let within = value.timestamp().clamp(FIRST, LAST);
    if within == value.timestamp() {
        value.trunc_subsecs(6)
    } else {
        DateTime::from_timestamp(within, 0).unwrap_or_default()
    }
}

/// Calls a macro with every typed id.
macro_rules! for_each_id {
    ($macro:ident) => {
        $macro! {
            OrganizationId TeamId UserId MembershipId EndpointId CoverageId PatientId CareTeamEntryId RestrictionId
            CourseId HoldId NoteId NoteVersionId ShareId QuestionId RecipientId DeliveryId AttemptId EvidenceId
            AcknowledgmentId EscalationStepId CallTaskId ReplyId MisSendId NoticeId PolicyId TokenId EntryId
            SessionId PasskeyId AccountLinkId GuestId LinkCodeId BreakGlassId LegalHoldId AuditReviewId
            SavedFilterId
        }
    };
}
pub(crate) use for_each_id;

/// Calls a macro with every value set that is kept by its name.
macro_rules! for_each_term {
    ($macro:ident) => {
        $macro! {
            domain::OrganizationKind, domain::CareRole, domain::Duty, domain::ChannelKind, domain::EndpointStatus,
            domain::NoteKind, domain::NoteStatus, domain::DeliveryPurpose, domain::PurposeOfUse, domain::CallReason,
            domain::CallTaskStatus, domain::NoticeKind, domain::QuestionStatus, domain::Outcome, domain::DeliveryState,
            domain::AttemptOutcome, domain::DeadReason, domain::Disposition, domain::Decline, domain::Role,
            domain::escalation::StepKind, domain::people::ActorKind, domain::BreakGlassVerdict,
            domain::SignInMethod, domain::AccountLinkPurpose, domain::SessionEnd
        }
    };
}
pub(crate) use for_each_term;

macro_rules! id_args {
    ($($id:ident)*) => {$(
        impl IntoArg for domain::$id {
            const NULL: Arg = Arg::Uuid(None);
            fn into_arg(self) -> Arg {
                Arg::Uuid(Some(self.uuid()))
            }
        }
    )*};
}
for_each_id!(id_args);

macro_rules! term_args {
    ($($term:ty),*) => {$(
        impl IntoArg for $term {
            const NULL: Arg = Arg::Text(None);
            fn into_arg(self) -> Arg {
                Arg::Text(Some(self.as_str().to_owned()))
            }
        }
    )*};
}
for_each_term!(term_args);

/// A value kept as JSON text.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> IntoArg for Json<&T> {
    const NULL: Arg = Arg::Text(None);
    fn into_arg(self) -> Arg {
        // Our own types serialize to JSON without fail; a null would be caught by the column's `not null`.
        Arg::Text(serde_json::to_string(self.0).ok())
    }
}

/// The number under which the database keeps an urgency.
pub fn urgency_number(urgency: domain::Urgency) -> i64 {
    match urgency {
        domain::Urgency::Routine => 0,
        domain::Urgency::Urgent => 1,
        domain::Urgency::Emergent => 2,
    }
}

/// The arguments of a statement: `args![id, now, Option::<UserId>::None]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::arg::IntoArg::into_arg($value)),*] };
}

macro_rules! bind_all {
    ($arguments:ident, $args:ident) => {
        for arg in $args {
            let added = match arg {
                Arg::Uuid(value) => $arguments.add(value),
                Arg::Text(value) => $arguments.add(value),
                Arg::Int(value) => $arguments.add(value),
                Arg::Bool(value) => $arguments.add(value),
                Arg::Time(value) => $arguments.add(value),
                Arg::Bytes(value) => $arguments.add(value),
            };
            added.map_err(|error| StoreError::Encode(error.to_string()))?;
        }
    };
}

pub(crate) fn sqlite_arguments(args: Vec<Arg>) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    bind_all!(arguments, args);
    Ok(arguments)
}

pub(crate) fn postgres_arguments(args: Vec<Arg>) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    bind_all!(arguments, args);
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_engine_keeps_are_bound_as_the_ends_of_those_it_keeps() {
        let bound = |value: DateTime<Utc>| match value.into_arg() {
            Arg::Time(Some(kept)) => kept.to_rfc3339(),
            other => panic!("{other:?}"),
        };
        assert_eq!(bound(DateTime::<Utc>::MIN_UTC), "0001-01-01T00:00:00+00:00");
        assert_eq!(bound(DateTime::<Utc>::MAX_UTC), "9999-12-31T23:59:59+00:00");
        let now = DateTime::from_timestamp_nanos(1_768_402_800_123_456_789);
        assert_eq!(bound(now), "2026-01-14T15:00:00.123456+00:00");
    }
}
