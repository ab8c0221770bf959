//! Terminology codes with their verification grade (content specification 0.2), from `data/codes.csv`.
//! Only V2 codes are emitted; a code from another place is never copied in.

use std::sync::LazyLock;

use serde::Serialize;

use crate::{content::shared::CodedConcept, data};

/// URI of LOINC.
pub const LOINC: &str = "http://loinc.org";
/// URI of SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// URI of RxNorm.
pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
/// URI of ICD-10-CM.
pub const ICD10CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

/// How well a code was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Found in an official source or in two independent ones: may be emitted.
    V2,
    /// Found in one third-party source: not emitted.
    V1,
    /// From memory: never emitted.
    Unverified,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// URI of the code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// The words.
    pub display: String,
    /// What it is for.
    pub usage: String,
    /// How well verified.
    pub grade: Grade,
    /// Where it was seen.
    pub evidence: String,
}

/// A code that may leave the product, with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coding {
    /// URI of the code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// The words.
    pub display: String,
}

static CODES: LazyLock<Vec<Code>> = LazyLock::new(|| {
    data::CODES
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let fields: [String; 6] = fields(line).try_into().expect("every embedded code row has six fields");
            let [system, code, display, usage, grade, evidence] = fields;
            let grade = match grade.as_str() {
                "V2" => Grade::V2,
                "V1" => Grade::V1,
                _ => Grade::Unverified,
            };
            Code {
                system,
                code,
                display,
                usage,
                grade,
                evidence,
            }
        })
        .collect()
});

/// The fields of one line of CSV (RFC 4180, without line breaks inside a field).
fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                all.last_mut().expect("there is always a field").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            letter => all.last_mut().expect("there is always a field").push(letter),
        }
    }
    all
}

/// Every row of the table.
pub fn codes() -> &'static [Code] {
    &CODES
}

/// The row of a code, whatever its grade.
pub fn code(system: &str, code: &str) -> Option<&'static Code> {
    CODES.iter().find(|row| row.system == system && row.code == code)
}

/// The coding to send: only for V2 codes, and never for rows kept as a warning ("do NOT use").
pub fn emit(system: &str, code: &str) -> Option<Coding> {
    let row = self::code(system, code)?;
    let usable = row.grade == Grade::V2 && !row.usage.starts_with("do NOT use");
    usable.then(|| Coding {
        system: row.system.clone(),
        code: row.code.clone(),
        display: row.display.clone(),
    })
}

/// What is wrong with an ICD-10-CM code, if anything can be told without the full table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icd10Fault {
    /// Not of the shape letter, digit, character, then up to four more after a point.
    Shape,
    /// A category or subcategory: a longer code must be used.
    NotBillable,
}

/// Codes known to be no billable leaf though no child of theirs is in the table (3.2).
const NOT_BILLABLE: [&str; 3] = ["C50.9", "C78.0", "C77"];

/// Checks the shape of an ICD-10-CM code, and that it is not a mere category as far as the table tells.
pub fn check_icd10cm(code: &str) -> Option<Icd10Fault> {
    let (category, rest) = code
        .split_once('.')
        .map_or((code, None), |(category, rest)| (category, Some(rest)));
    let bytes = category.as_bytes();
    let category_ok = bytes.len() == 3
        && bytes[0].is_ascii_uppercase()
        && bytes[1].is_ascii_digit()
        && (bytes[2].is_ascii_digit() || bytes[2].is_ascii_uppercase());
    let rest_ok = rest.is_none_or(|rest| {
        (1..=4).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
    });
    if !category_ok || !rest_ok {
        return Some(Icd10Fault::Shape);
    }
    let has_child = CODES.iter().any(|row| {
        row.system == ICD10CM
            && row.code.len() > code.len()
            && row.code.starts_with(code)
            && (code.contains('.') || row.code[code.len()..].starts_with('.'))
    });
    (has_child || NOT_BILLABLE.contains(&code)).then_some(Icd10Fault::NotBillable)
}

/// Is this a code for a primary cancer site: C00 to C96, or a D code given by the referrer (3.2)?
pub fn is_primary_site(code: &str) -> bool {
    let chapter = code.get(..3).unwrap_or_default();
    chapter.starts_with('D') || ("C00"..="C96").contains(&chapter)
}

impl CodedConcept {
    /// The coding to send, if this code is in the table with grade V2.
    pub fn emit(&self) -> Option<Coding> {
        emit(self.system.as_deref()?, self.code.as_deref()?)
    }
}
