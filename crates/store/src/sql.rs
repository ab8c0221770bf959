//! SQL texts: one text for both engines, known by name, so that a test can prepare every one of them on both.
//!
//! Marks in a text: `{ids}` becomes a list of placeholders for a set of ids, `{rows:N}` the rows of a multi-row insert
//! of N columns, `{for_update}` a row lock on PostgreSQL (SQLite has one writer and needs none).

use crate::engine::Engine;

/// One statement. Where the engines truly need different texts, both stand here side by side.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// Where it stands: the constant's name.
    pub name: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

/// Declares a module's statements: `sql! { NAME = "…"; OTHER = sqlite "…" postgres "…"; }`, and lists them as
/// `STATEMENTS`, which [`statements`] gathers.
macro_rules! sql {
    ($($(#[$doc:meta])* $name:ident = $($text:literal)? $(sqlite $sqlite:literal postgres $postgres:literal)?;)*) => {
        $(
            $(#[$doc])*
            const $name: $crate::sql::Sql = $crate::sql::Sql {
                name: concat!(module_path!(), "::", stringify!($name)),
                sqlite: concat!($($text)? $($sqlite)?),
                postgres: concat!($($text)? $($postgres)?),
            };
        )*
        /// This module's statements.
        pub(crate) const STATEMENTS: &[$crate::sql::Sql] = &[$($name),*];
    };
}
pub(crate) use sql;

/// Every statement of the crate. A test holds that no module with statements is missing here.
pub fn statements() -> Vec<Sql> {
    [
        crate::backup::examine::STATEMENTS,
        crate::directory::coverage::STATEMENTS,
        crate::directory::endpoint::STATEMENTS,
        crate::directory::find::STATEMENTS,
        crate::directory::membership::STATEMENTS,
        crate::directory::organization::STATEMENTS,
        crate::directory::person::STATEMENTS,
        crate::directory::policy::STATEMENTS,
        crate::directory::team::STATEMENTS,
        crate::directory::token::STATEMENTS,
        crate::event::STATEMENTS,
        crate::idempotency::STATEMENTS,
        crate::shares::STATEMENTS,
        crate::recipients::STATEMENTS,
        crate::mis_sends::STATEMENTS,
        crate::links::STATEMENTS,
        crate::break_glass::STATEMENTS,
        crate::audit_work::STATEMENTS,
        crate::legal_holds::STATEMENTS,
        crate::endpoint_tests::STATEMENTS,
        crate::board::STATEMENTS,
        crate::inbox::STATEMENTS,
        crate::replies::STATEMENTS,
        crate::notices::STATEMENTS,
        crate::deliveries::STATEMENTS,
        crate::presence::STATEMENTS,
        crate::diagnose::STATEMENTS,
        crate::schedule::STATEMENTS,
        crate::retention::STATEMENTS,
        crate::call_tasks::STATEMENTS,
        crate::acknowledgments::STATEMENTS,
        crate::keys::ring::STATEMENTS,
        crate::ledger::STATEMENTS,
        crate::ledger::check::STATEMENTS,
        crate::ledger::disclosures::STATEMENTS,
        crate::ledger::search::STATEMENTS,
        crate::ledger::sorted::STATEMENTS,
        crate::sign_in::account_link::STATEMENTS,
        crate::sign_in::ceremony::STATEMENTS,
        crate::sign_in::credential::STATEMENTS,
        crate::sign_in::passkey::STATEMENTS,
        crate::sign_in::session::STATEMENTS,
        crate::sign_in::throttle::STATEMENTS,
        crate::measure::STATEMENTS,
        crate::tasks::push::STATEMENTS,
        crate::timeliness::STATEMENTS,
        crate::patients::STATEMENTS,
        crate::patients::circle::STATEMENTS,
        crate::notes::STATEMENTS,
        crate::notes::courses::STATEMENTS,
        crate::notes::timeline::STATEMENTS,
        crate::notes::versions::STATEMENTS,
    ]
    .concat()
}

/// The text with each `$n` counted on by `fixed`.
fn shifted(raw: &str, fixed: usize) -> String {
    let mut parts = raw.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match part[..digits].parse::<usize>() {
            Ok(number) => text.push_str(&format!("${}", number + fixed)),
            Err(_) => text.push('$'),
        }
        text.push_str(&part[digits..]);
    }
    text
}

/// How many ids one `{ids}` list may hold.
pub(crate) const MAX_IDS: usize = 128;

impl Sql {
    /// The text for an engine, with its marks filled in. `fixed` is the number of arguments before the ids or
    /// before an insert's rows.
    pub fn text(&self, engine: Engine, fixed: usize, ids: usize, rows: usize) -> std::borrow::Cow<'static, str> {
        let raw = match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        };
        if !raw.contains('{') {
            return raw.into();
        }
        let mut text = raw.replace(
            "{for_update}",
            if engine == Engine::Postgres { "for update" } else { "" },
        );
        text = text.replace(
            "{for_update_skip_locked}",
            if engine == Engine::Postgres {
                "for update skip locked"
            } else {
                ""
            },
        );
        if text.contains("{ids}") {
            let list: Vec<String> = (1..=ids.max(1)).map(|n| format!("${}", fixed + n)).collect();
            text = text.replace("{ids}", &list.join(","));
        }
        if let Some(start) = text.find("{rows:")
            && let Some(length) = text[start..].find('}')
            && let Ok(width) = text[start + 6..start + length].parse::<usize>()
        {
            let values: Vec<String> = (0..rows.max(1))
                .map(|row| {
                    let places: Vec<String> = (1..=width).map(|n| format!("${}", fixed + row * width + n)).collect();
                    format!("({})", places.join(","))
                })
                .collect();
            text.replace_range(start..=start + length, &values.join(","));
        }
        text.into()
    }

    /// The text of an insert of so many rows whose values stand after `offset` others.
    pub(crate) fn text_after(&self, engine: Engine, offset: usize, rows: usize) -> std::borrow::Cow<'static, str> {
        let raw = match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        };
        if offset == 0 || raw.contains("{rows:") {
            self.text(engine, offset, 0, rows)
        } else {
            shifted(raw, offset).into()
        }
    }

    /// How many arguments stand before the ids: the highest `$n` of the text.
    pub(crate) fn fixed(&self) -> usize {
        let numbers = self.postgres.split('$').skip(1).filter_map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
                .parse::<usize>()
                .ok()
        });
        numbers.max().unwrap_or(0)
    }

    /// The size to which a list of ids is padded, so that few distinct texts exist.
    pub(crate) fn padded(ids: usize) -> usize {
        [1, 8, 32, MAX_IDS]
            .into_iter()
            .find(|size| *size >= ids)
            .unwrap_or(MAX_IDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_on_from_those_before() {
        let named = Sql {
            name: "named",
            sqlite: "insert into a (b, c) values ($1, 'costs $', $2)",
            postgres: "insert into a (b, c) values ($1, $12)",
        };
        assert_eq!(named.text_after(Engine::Sqlite, 0, 1), named.sqlite);
        assert_eq!(
            named.text_after(Engine::Sqlite, 10, 1),
            "insert into a (b, c) values ($11, 'costs $', $12)"
        );
        assert_eq!(
            named.text_after(Engine::Postgres, 9, 1),
            "insert into a (b, c) values ($10, $21)"
        );
        let rows = Sql {
            name: "rows",
            sqlite: "insert into a (b, c) values {rows:2}",
            postgres: "insert into a (b, c) values {rows:2}",
        };
        assert_eq!(
            rows.text_after(Engine::Sqlite, 3, 2),
            "insert into a (b, c) values ($4,$5),($6,$7)"
        );
    }
}
