//! Hard and soft input limits (content specification 1.4), read from `data/limits.json`. They catch
//! typing errors; they are not treatment thresholds, and a value inside them is not "normal".

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{data, decimal::Decimal};

/// One limit: both ends belong to the accepted range.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Name, such as `sbp`.
    pub name: String,
    /// UCUM unit.
    pub unit: String,
    /// Outside of it a value is refused.
    pub hard: Option<(Decimal, Decimal)>,
    /// Outside of it the author must confirm.
    pub soft: Option<(Decimal, Decimal)>,
}

/// Where a value stands against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Inside both ranges.
    Usual,
    /// Inside the hard range, outside the soft one.
    Unusual,
    /// Outside the hard range.
    Impossible,
}

#[derive(Deserialize)]
struct Row {
    unit: String,
    hard: Option<(Decimal, Decimal)>,
    soft: Option<(Decimal, Decimal)>,
}

static LIMITS: LazyLock<Vec<Limit>> = LazyLock::new(|| {
    let file: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(data::LIMITS).expect("the embedded limits are a JSON object");
    file.into_iter()
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, row)| {
            let row: Row = serde_json::from_value(row).expect("every embedded limit has unit, hard and soft");
            Limit {
                name,
                unit: row.unit,
                hard: row.hard,
                soft: row.soft,
            }
        })
        .collect()
});

/// Every limit.
pub fn limits() -> &'static [Limit] {
    &LIMITS
}

/// The limit of that name.
pub fn limit(name: &str) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.name == name)
}

impl Limit {
    /// Where `value` stands.
    pub fn judge(&self, value: Decimal) -> Verdict {
        let inside = |range: Option<(Decimal, Decimal)>| range.is_none_or(|(low, high)| low <= value && value <= high);
        match (inside(self.hard), inside(self.soft)) {
            (false, _) => Verdict::Impossible,
            (true, false) => Verdict::Unusual,
            (true, true) => Verdict::Usual,
        }
    }

    /// The hard range in words, such as `40 to 300 mm[Hg]`.
    pub fn allowed(&self) -> String {
        self.hard.map_or_else(|| "any".to_owned(), |range| self.words(range))
    }

    /// The soft range in words.
    pub fn usual(&self) -> String {
        self.soft.map_or_else(|| self.allowed(), |range| self.words(range))
    }

    fn words(&self, (low, high): (Decimal, Decimal)) -> String {
        let unit = if self.unit == "1" || self.unit == "{score}" {
            ""
        } else {
            self.unit.as_str()
        };
        format!("{low} to {high} {unit}").trim_end().to_owned()
    }
}
