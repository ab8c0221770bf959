//! Exact decimal numbers, as doses and limits need them (content specification 1.2).
//! A JSON number is read through its shortest decimal text, never through binary arithmetic; it is
//! written as a normalized string, so that `5.0` and `5` give the same bytes.

use std::{fmt, str::FromStr};

use rust_decimal::RoundingStrategy;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact decimal number: up to 28 significant digits, no exponent. Its `Display` has a leading
/// zero and no trailing ones (`0.5`, `5`), as anything a person reads must (1.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// A text is not a decimal number this product can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number: write digits with an optional point, such as 0.5 (at most 28 digits, no exponent)")]
pub struct DecimalError;

impl Decimal {
    /// Rounds half away from zero ("half up", 1.2) to `places` decimals.
    pub fn round(self, places: u32) -> Self {
        Self(
            self.0
                .round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero),
        )
    }

    /// The absolute value.
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Zero.
    pub const ZERO: Self = Self(rust_decimal::Decimal::ZERO);

    /// `mantissa` divided by ten to the power of `scale`: `new(45, 1)` is 4.5.
    pub fn new(mantissa: i64, scale: u32) -> Self {
        Self(rust_decimal::Decimal::new(mantissa, scale))
    }

    /// Sum, or `None` beyond the range of the type.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or `None` beyond the range of the type.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Product, or `None` beyond the range of the type.
    pub fn times(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// Quotient, or `None` for a division by zero or beyond the range of the type.
    pub fn over(self, other: Self) -> Option<Self> {
        self.0.checked_div(other.0).map(Self)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Self(value.into())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            f.write_str("0")
        } else {
            write!(f, "{}", self.0.normalize())
        }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !plain || !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.ends_with('.') {
            return Err(DecimalError);
        }
        rust_decimal::Decimal::from_str_exact(text)
            .map(Self)
            .map_err(|_| DecimalError)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct DecimalVisitor;

impl de::Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number, as a JSON number or a string such as \"0.5\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
        Ok(Decimal(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
        // `{}` prints the shortest text which reads back as the same number, without an exponent.
        format!("{value}").parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Decimal, E> {
        value.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

/// An exact decimal number. Written as a string such as "0.5"; read from a string or a number.
#[cfg(feature = "graphql")]
#[async_graphql::Scalar(name = "Decimal")]
impl async_graphql::ScalarType for Decimal {
    fn parse(value: async_graphql::Value) -> async_graphql::InputValueResult<Self> {
        let text = match &value {
            async_graphql::Value::String(text) => text.clone(),
            async_graphql::Value::Number(number) => match number.as_f64() {
                Some(float) if number.is_f64() => format!("{float}"),
                _ => number.to_string(),
            },
            _ => return Err(async_graphql::InputValueError::expected_type(value)),
        };
        text.parse().map_err(async_graphql::InputValueError::custom)
    }

    fn to_value(&self) -> async_graphql::Value {
        async_graphql::Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_give_the_same_exact_value() {
        for (json, text) in [
            ("0.1", "0.1"),
            ("5.0", "5"),
            ("\"5.00\"", "5"),
            ("-0.0", "0"),
            ("0.1542", "0.1542"),
            ("1000", "1000"),
        ] {
            let value: Decimal = serde_json::from_str(json).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(serde_json::to_string(&value).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for json in [
            "\"\"",
            "\".5\"",
            "\"5.\"",
            "\"1e3\"",
            "\"+1\"",
            "\"1_000\"",
            "\"NaN\"",
            "\"1,5\"",
            "1e300",
            "true",
            "\"--1\"",
            "\"1.2.3\"",
        ] {
            assert!(serde_json::from_str::<Decimal>(json).is_err(), "{json} was taken");
        }
    }

    #[test]
    fn a_half_is_rounded_up() {
        for (text, places, expected) in [
            ("2.5", 0, "3"),
            ("6.25", 1, "6.3"),
            ("0.125", 2, "0.13"),
            ("-2.5", 0, "-3"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().round(places).to_string(), expected);
        }
    }
}
