//! The GraphQL types of the content: names are unique, everything is described, decimals are exact.

use async_graphql::{EmptySubscription, Object, Schema};
use liaison_clinical::{
    BottomLine, BottomLineContext, Difference, MmeTotal, NoteContent, NoteContentInput, Section, SoftConfirmation,
    Trend, TrendInput, UrgencyAssessment, Validation, bottom_line,
    compute::{haemodynamics::HaemodynamicSummary, mme},
    interactions::InteractionMatch,
};

struct Query;

/// Everything this crate offers to a schema.
#[Object]
impl Query {
    /// Content.
    async fn content(&self) -> Option<NoteContent> {
        None
    }
    /// First screen.
    async fn bottom_line(&self) -> BottomLine {
        bottom_line(
            &NoteContent::InfusionSummary(Box::default()),
            &BottomLineContext::default(),
        )
    }
    /// Narrative.
    async fn narrative(&self) -> Vec<Section> {
        Vec::new()
    }
    /// Differences.
    async fn differences(&self) -> Vec<Difference> {
        Vec::new()
    }
    /// Opioids.
    async fn mme(&self) -> MmeTotal {
        mme::total(&[])
    }
    /// Trend.
    async fn trend(&self) -> Trend {
        liaison_clinical::trend(TrendInput::default())
    }
    /// Urgency.
    async fn urgency(&self) -> UrgencyAssessment {
        liaison_clinical::assess(&NoteContent::InfusionSummary(Box::default()))
    }
    /// Haemodynamics.
    async fn haemodynamics(&self) -> HaemodynamicSummary {
        HaemodynamicSummary::default()
    }
    /// Validation.
    async fn validation(&self) -> Validation {
        Validation::default()
    }
    /// Confirmations.
    async fn confirmations(&self) -> Vec<SoftConfirmation> {
        Vec::new()
    }
    /// Interactions.
    async fn interactions(&self) -> Vec<InteractionMatch> {
        Vec::new()
    }
}

struct Mutation;

/// Takes content.
#[Object]
impl Mutation {
    /// Gives back the canonical text of a content.
    async fn echo(&self, #[graphql(desc = "The content.")] content: NoteContentInput) -> String {
        String::from_utf8(liaison_clinical::canonical_json(&content.into())).unwrap()
    }
}

/// Introspection types and the built-in scalar without a description are not ours.
fn is_the_library_s(name: &str) -> bool {
    name.starts_with("__") || name == "ID"
}

#[test]
fn every_type_field_and_value_has_a_description() {
    let schema = Schema::build(Query, Mutation, EmptySubscription).finish();
    let query = "{ __schema { types { name description fields { name description } inputFields { name description } enumValues { name description } } } }";
    let answer = futures_block(schema.execute(query));
    assert_eq!(answer.errors, []);
    let answer = serde_json::to_value(&answer.data).unwrap();
    let types = answer["__schema"]["types"].as_array().unwrap();
    assert!(types.len() > 80);
    let silent = |value: &serde_json::Value| value["description"].as_str().is_none_or(|text| text.trim().is_empty());
    let mut undescribed = Vec::new();
    for kind in types
        .iter()
        .filter(|kind| !is_the_library_s(kind["name"].as_str().unwrap()))
    {
        let name = kind["name"].as_str().unwrap();
        if silent(kind) {
            undescribed.push(name.to_owned());
        }
        for list in ["fields", "inputFields", "enumValues"] {
            for inner in kind[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|inner| silent(inner))
            {
                undescribed.push(format!("{name}.{}", inner["name"].as_str().unwrap()));
            }
        }
    }
    assert_eq!(undescribed, Vec::<String>::new());
}

#[test]
fn decimals_come_as_numbers_or_strings_and_stay_exact() {
    let schema = Schema::build(Query, Mutation, EmptySubscription).finish();
    let query = r#"mutation { echo(content: { infusionSummary: { infusion: { weightKg: "68.10", totalMg: 35.7, doseMgPerKg: 0.525, rateSegments: [{ startMin: 0, endMin: 90, rateMgPerKgH: 1 }] } } }) }"#;
    let answer = futures_block(schema.execute(query));
    assert_eq!(answer.errors, []);
    let text = answer.data.to_string();
    for part in [
        r#"\"weight_kg\":\"68.1\""#,
        r#"\"total_mg\":\"35.7\""#,
        r#"\"dose_mg_per_kg\":\"0.525\""#,
        r#"\"rate_mg_per_kg_h\":\"1\""#,
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    let wrong = futures_block(
        schema.execute(r#"mutation { echo(content: { infusionSummary: { infusion: { weightKg: "68,1" } } }) }"#),
    );
    assert!(!wrong.errors.is_empty());
}

/// Runs a future that never waits for anything outside.
fn futures_block<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
