//! A date of which only the year, or the year and month, may be known (diagnosis, onset of pain).
//! Not for times of the infusion: those carry an offset.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, as FHIR's `date` type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate(String);

/// A text is not a year, a year and month, or a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date: write a year (2021), a year and month (2021-06) or a date (2021-06-30)")]
pub struct PartialDateError;

impl PartialDate {
    /// The text as entered.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartialDate {
    type Err = PartialDateError;

    fn from_str(text: &str) -> Result<Self, PartialDateError> {
        let full = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            10 => text.to_owned(),
            _ => return Err(PartialDateError),
        };
        let digits = full.bytes().enumerate().all(|(i, b)| {
            if i == 4 || i == 7 {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
        if !digits || NaiveDate::parse_from_str(&full, "%Y-%m-%d").is_err() {
            return Err(PartialDateError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PartialDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A year (2021), a year and month (2021-06) or a date (2021-06-30).
#[cfg(feature = "graphql")]
#[async_graphql::Scalar(name = "PartialDate")]
impl async_graphql::ScalarType for PartialDate {
    fn parse(value: async_graphql::Value) -> async_graphql::InputValueResult<Self> {
        match value {
            async_graphql::Value::String(text) => text.parse().map_err(async_graphql::InputValueError::custom),
            other => Err(async_graphql::InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> async_graphql::Value {
        async_graphql::Value::String(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_months_and_dates_are_taken_and_nothing_else() {
        for good in ["2021", "2021-06", "2024-02-29"] {
            assert!(good.parse::<PartialDate>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "21",
            "2021-13",
            "2023-02-29",
            "2021-6",
            "June",
            "2021-06-1x",
            "２０２１",
        ] {
            assert!(bad.parse::<PartialDate>().is_err(), "{bad}");
        }
    }
}
