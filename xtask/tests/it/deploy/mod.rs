//! What the files of `deploy/` must keep to: read as data here, and by the tools they are for in `tools.rs`.

mod compose;
mod kubernetes;
mod tools;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

use crate::workspace::read;

/// The documents of a YAML file, with aliases and merge keys (`<<`) put in.
fn documents(path: &str) -> Vec<Value> {
    let text = read(path);
    let read = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    read.iter().map(plain).collect()
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => (*value).into(),
            Scalar::Integer(value) => (*value).into(),
            Scalar::FloatingPoint(value) => value.into_inner().into(),
            Scalar::String(value) => value.as_ref().into(),
        },
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(pairs) => {
            let mut merged = Map::new();
            for (key, value) in pairs {
                let key = key.as_str().expect("a key is text");
                match (key, plain(value)) {
                    ("<<", Value::Object(below)) => {
                        for (key, value) in below {
                            merged.entry(key).or_insert(value);
                        }
                    }
                    (key, value) => drop(merged.insert(key.to_owned(), value)),
                }
            }
            Value::Object(merged)
        }
        other => panic!("nothing that these files need: {other:?}"),
    }
}

/// The elements of a list; none where there is no list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn no_image_floats() {
    for path in [
        "deploy/kubernetes/liaison.yaml",
        "deploy/container/compose.yaml",
        "deploy/container/Containerfile",
    ] {
        let text = read(path);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for line in lines.filter(|line| line.contains("image: ") || line.starts_with("FROM ")) {
            assert!(!line.contains("latest"), "{path}: {line}");
            let named = line.contains("*image")
                || line
                    .split(['/', ' '])
                    .any(|word| word.contains(':') && !word.ends_with(':'));
            assert!(named, "{path}: no version in {line}");
        }
    }
}
