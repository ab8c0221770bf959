//! `schema.graphql` is what this crate generates, and everything in it is described.

use async_graphql::Schema;
use liaison_graphql::{Mutation, Query, Subscription, sdl};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema.graphql");

#[test]
fn the_schema_file_is_up_to_date() {
    let now = sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(FILE, &now).unwrap();
    }
    let kept = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        kept == now,
        "schema.graphql is not what the code generates; run `cargo run -- schema > schema.graphql` and look at the \
         difference"
    );
}

/// Introspection's own types, and built-in scalars and directives, are described by the GraphQL specification.
fn is_the_library_s(name: &str) -> bool {
    name.starts_with("__") || ["ID", "Int", "Float", "String", "Boolean"].contains(&name)
}

fn silent(value: &serde_json::Value) -> bool {
    value["description"].as_str().is_none_or(|text| text.trim().is_empty())
}

#[tokio::test]
async fn every_type_field_argument_and_value_has_a_description() {
    let schema = Schema::build(Query::default(), Mutation::default(), Subscription).finish();
    let query = "{ __schema { types { name description
        fields { name description args { name description } }
        inputFields { name description } enumValues { name description } } } }";
    let answer = schema.execute(query).await;
    assert_eq!(answer.errors, []);
    let answer = serde_json::to_value(&answer.data).unwrap();
    let types = answer["__schema"]["types"].as_array().unwrap();
    assert!(types.len() > 250, "only {} types", types.len());
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
            for inner in kind[list].as_array().into_iter().flatten() {
                let inner_name = inner["name"].as_str().unwrap();
                if silent(inner) {
                    undescribed.push(format!("{name}.{inner_name}"));
                }
                for argument in inner["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|argument| silent(argument))
                {
                    undescribed.push(format!("{name}.{inner_name}({})", argument["name"].as_str().unwrap()));
                }
            }
        }
    }
    assert_eq!(undescribed, Vec::<String>::new());
}
