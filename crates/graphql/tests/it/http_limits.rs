//! Limits on documents: what is just within passes, one more is refused by its own code.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;

use crate::http_harness::Toy;

/// `{ node { child { ... { name } } } }` with this many levels of fields.
fn deep(levels: usize) -> String {
    format!(
        "{{ node {} name {} }}",
        "{ child ".repeat(levels - 2) + "{",
        "}".repeat(levels - 1)
    )
}

fn many(count: usize, field: impl Fn(usize) -> String) -> String {
    (0..count).map(field).collect::<Vec<_>>().join(" ")
}

async fn assert_refused(toy: &Toy, query: &str, code: &str, allowed: &str) {
    let reply = toy.query(query).await;
    let shown: String = query.chars().take(200).collect();
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::BAD_REQUEST, code),
        "{shown}"
    );
    assert!(
        reply.message().contains(allowed),
        "{} names the allowed number {allowed}",
        reply.message()
    );
}

async fn assert_runs(toy: &Toy, query: &str) {
    let reply = toy.query(query).await;
    let shown: String = query.chars().take(200).collect();
    assert!(reply.json().get("errors").is_none(), "{shown}: {}", reply.body);
}

#[tokio::test]
async fn fields_nest_15_deep() {
    let toy = Toy::new();
    assert_runs(&toy, &deep(15)).await;
    assert_refused(&toy, &deep(16), "DEPTH_LIMIT", "15").await;
    let split = |levels: usize| {
        let inner = format!(
            "{} name {}",
            "{ child ".repeat(levels - 3) + "{",
            "}".repeat(levels - 2)
        );
        format!("{{ node {{ ...rest }} }} fragment rest on Node {{ child {inner} }}")
    };
    assert_runs(&toy, &split(15)).await;
    assert_refused(&toy, &split(16), "DEPTH_LIMIT", "15").await;
    let inline = format!(
        "{{ node {{ ... on Node {} name {} }} }}",
        "{ child ".repeat(14) + "{",
        "}".repeat(15)
    );
    assert_refused(&toy, &inline, "DEPTH_LIMIT", "15").await;
    let shallow = Toy::with(|s| s.limits.max_depth = 3);
    assert_runs(&shallow, &deep(3)).await;
    assert_refused(&shallow, &deep(4), "DEPTH_LIMIT", "3").await;
}

#[tokio::test]
async fn twenty_aliases_are_enough() {
    let toy = Toy::new();
    let names = |n: usize| format!("{{ node {{ {} }} }}", many(n, |i| format!("a{i}: name")));
    assert_runs(&toy, &names(20)).await;
    assert_refused(&toy, &names(21), "ALIAS_LIMIT", "20").await;
    let spread = "{ a: node { ...f } b: node { ...f } c: node { ...f } } fragment f on Node \
        { a: name b: name c: name d: name e: name f: name }";
    assert_refused(&toy, spread, "ALIAS_LIMIT", "20").await;
}

#[tokio::test]
async fn ten_fields_stand_at_the_root() {
    let toy = Toy::new();
    let roots = |n: usize| many(n, |i| format!("r{i}: actor"));
    assert_runs(&toy, &format!("{{ {} }}", roots(10))).await;
    assert_refused(&toy, &format!("{{ {} }}", roots(11)), "ROOT_FIELD_LIMIT", "10").await;
    let spread = format!(
        "{{ ...f ... {{ {} }} }} fragment f on Query {{ {} }}",
        roots(5),
        many(6, |i| format!("s{i}: actor"))
    );
    assert_refused(&toy, &spread, "ROOT_FIELD_LIMIT", "10").await;
    let mutations = format!("mutation {{ {} }}", many(11, |i| format!("m{i}: touch")));
    assert_refused(&toy, &mutations, "ROOT_FIELD_LIMIT", "10").await;
    assert_eq!(toy.touched.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn five_directives_stand_at_one_place() {
    let toy = Toy::with(|s| s.introspection = true);
    let skips = |n: usize| "@skip(if: false) ".repeat(n);
    let five = toy.query(&format!("{{ actor {} }}", skips(5))).await;
    assert_eq!(
        five.code(),
        "GRAPHQL_VALIDATION_FAILED",
        "within the limit, but a directive may not be repeated"
    );
    for query in [
        format!("{{ actor {} }}", skips(6)),
        format!("query {} {{ actor }}", skips(6)),
        format!("query ($v: Int {}) {{ actor }}", skips(6)),
        format!("{{ ... {} {{ actor }} }}", skips(6)),
        format!("{{ ...f {} }} fragment f on Query {{ actor }}", skips(6)),
        format!("{{ ...f }} fragment f on Query {} {{ actor }}", skips(6)),
    ] {
        assert_refused(&toy, &query, "DIRECTIVE_LIMIT", "5").await;
    }
    assert_runs(&toy, "{ actor @skip(if: false) @include(if: true) }").await;
}

#[tokio::test]
async fn fragments_do_not_go_in_circles() {
    let toy = Toy::new();
    for query in [
        "{ ...a } fragment a on Query { ...a }",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { actor ...a }",
        "{ node { ...a } } fragment a on Node { child { ...b } } fragment b on Node { ... { ...a } }",
        "{ actor } fragment unused on Query { ...unused }",
    ] {
        assert_refused(&toy, query, "FRAGMENT_CYCLE", "itself").await;
    }
    assert_eq!(toy.query("{ ...nowhere }").await.code(), "GRAPHQL_VALIDATION_FAILED");
    let hundred = format!(
        "{{ actor }} {}",
        many(101, |i| format!("fragment f{i} on Query {{ actor }}"))
    );
    assert_refused(&toy, &hundred, "FRAGMENT_LIMIT", "100").await;
}

#[tokio::test]
async fn fragments_that_double_each_other_are_counted_and_not_walked() {
    let mut query = "{ node { ...f0 } }".to_owned();
    for i in 0..60 {
        let _ = write!(query, " fragment f{i} on Node {{ ...f{} ...f{} }}", i + 1, i + 1);
    }
    query.push_str(" fragment f60 on Node { name }");
    let start = Instant::now();
    assert_refused(&Toy::new(), &query, "FIELD_LIMIT", "2000").await;
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn text_tokens_and_nesting_are_bounded_before_the_parser_runs() {
    let toy = Toy::new();
    let padded = |n: usize| format!("{{ actor }}{}", " ".repeat(n - 9));
    assert_runs(&toy, &padded(20_000)).await;
    assert_refused(&toy, &padded(20_001), "QUERY_SIZE_LIMIT", "20000").await;
    assert_refused(&toy, &format!("{{ {} }}", "a ".repeat(5_000)), "TOKEN_LIMIT", "5000").await;
    for open in ["{a", "[", "(", "{a(b:[", "...{", "query($v:["] {
        let query = format!("{{ a(b: {}", open.repeat(19_000 / open.len()));
        assert_refused(&toy, &query, "NESTING_LIMIT", "40").await;
    }
    let lists = |n: usize| format!("{{ sum(of: {}{}) }}", "[".repeat(n), "]".repeat(n));
    assert_eq!(
        toy.query(&lists(38)).await.code(),
        "BAD_USER_INPUT",
        "38 and the two around them"
    );
    assert_refused(&toy, &lists(39), "NESTING_LIMIT", "40").await;
    let widest = Toy::with(|s| s.limits.max_nesting = 64);
    assert_eq!(
        widest.query(&lists(62)).await.code(),
        "BAD_USER_INPUT",
        "the stack holds the widest setting"
    );
}

#[tokio::test]
async fn braces_in_strings_and_comments_do_not_count() {
    let toy = Toy::new();
    let many = "{[(".repeat(50);
    for query in [
        format!("{{ echo(text: \"{many}\") }}"),
        format!("{{ echo(text: \"\\\"{many}\") }}"),
        format!("{{ echo(text: \"\"\"{many} \\\"\"\" {many} \"quoted\" \"\"\") }}"),
        format!("# {many}\n{{ actor # {many}\r\n }}"),
        "\u{feff}{ actor }".to_owned(),
    ] {
        assert_runs(&toy, &query).await;
    }
    // A quote in a comment or an escaped quote must not hide what follows.
    for query in [
        format!("# \"\n{{ actor {} ", "{a".repeat(50)),
        format!("{{ echo(text: \"\\\\\") {} ", "{a".repeat(50)),
        format!("{{ echo(text: \"\") {} ", "{a".repeat(50)),
        format!("{{ echo(text: \"\"\"\"\"\") {} ", "{a".repeat(50)),
        format!("{{ echo(text: \"open\n) {} ", "{a".repeat(50)),
    ] {
        assert_refused(&toy, &query, "NESTING_LIMIT", "40").await;
    }
}

#[tokio::test]
async fn what_is_not_graphql_is_refused_with_its_place() {
    let toy = Toy::new();
    for query in [
        "{",
        "}",
        "actor",
        "{ actor ",
        "query {",
        "{ a(b:) }",
        "\"",
        "\"\"\"",
        "\\",
        "\u{0}",
        "{ a } { b }",
        "type A { b: Int }",
    ] {
        assert_eq!(toy.query(query).await.code(), "GRAPHQL_PARSE_FAILED", "{query:?}");
    }
    let reply = toy.query("{ actor\n  ! }").await;
    assert_eq!(
        reply.json()["errors"][0]["locations"],
        json!([{ "line": 2, "column": 3 }])
    );
    // The library's parser panics on an escape that is no character.
    assert_eq!(
        toy.query(r#"{ echo(text: "\uD800") }"#).await.code(),
        "GRAPHQL_PARSE_FAILED"
    );
}

#[tokio::test]
async fn operations_of_one_name_and_variables_without_end_are_refused() {
    let toy = Toy::new();
    let twice = json!({ "query": "query A { actor } query A { actor }", "operationName": "A" });
    let reply = toy.post(twice.to_string()).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    let declared = format!("query({}) {{ actor }}", many(2_000, |i| format!("$v{i}: Int")));
    let reply = toy.query(&declared).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    assert!(
        ["TOKEN_LIMIT", "QUERY_SIZE_LIMIT"].contains(&reply.code().as_str()),
        "{}",
        reply.body
    );
    // Values that nobody declared are many, and change nothing.
    let values: serde_json::Map<_, _> = (0..10_000).map(|i| (format!("v{i}"), json!(i))).collect();
    let start = Instant::now();
    let reply = toy
        .post(json!({ "query": "{ actor }", "variables": values }).to_string())
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let toy = Toy::new();
    // `{"query":"{ actor }"}`, stored in one block of a gzip file.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 21, 0, 0xea, 0xff];
    packed.extend(br#"{"query":"{ actor }"}"#);
    packed.extend([0_u8; 8]);
    for encoding in ["gzip", "deflate", "br", "identity, gzip"] {
        let mut request = crate::http_harness::post(packed.clone());
        request
            .headers_mut()
            .insert("content-encoding", encoding.parse().unwrap());
        let reply = toy.send(request).await;
        assert!(reply.status.is_client_error(), "{encoding}: {}", reply.body);
    }
}

#[tokio::test]
async fn introspection_answers_only_where_it_is_switched_on() {
    let closed = Toy::new();
    for query in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"Query\") { name } }",
        "{ ...f } fragment f on Query { ... { s: __schema { types { name } } } }",
        "query A { actor } fragment f on Query { __typename ...g } fragment g on Query { __schema { types { name } } } \
         query B { ...f }",
    ] {
        let reply = closed
            .post(json!({ "query": query, "operationName": query.starts_with("query A").then_some("A") }).to_string())
            .await;
        assert_eq!(reply.code(), "INTROSPECTION_DISABLED", "{query}");
    }
    assert_runs(&closed, "{ __typename node { __typename } }").await;
    let vague = closed.query("{ nod }").await;
    assert_eq!(vague.message(), "the query does not fit the schema at this place");

    let open = Toy::with(|s| s.introspection = true);
    assert_runs(&open, STANDARD_INTROSPECTION).await;
    let helpful = open.query("{ nod }").await;
    assert!(
        helpful.message().contains("Did you mean \"node\""),
        "{}",
        helpful.message()
    );
    let circle = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_refused(&open, circle, "INTROSPECTION_DEPTH_LIMIT", "2").await;
    let by_fragment = "{ __schema { types { ...t } } } fragment t on __Type { fields { type { possibleTypes { \
        interfaces { name } } } } }";
    assert_refused(&open, by_fragment, "INTROSPECTION_DEPTH_LIMIT", "2").await;
}

#[tokio::test]
async fn the_schemas_own_limits_get_codes_too() {
    let toy = Toy::new();
    assert_eq!(toy.query("{ costly }").await.code(), "COMPLEXITY_LIMIT");
    let mut query = "{ ...f0 }".to_owned();
    for i in 0..40 {
        let _ = write!(query, " fragment f{i} on Query {{ ...f{} }}", i + 1);
    }
    query.push_str(" fragment f40 on Query { actor }");
    assert_eq!(toy.query(&query).await.code(), "DEPTH_LIMIT");
}

#[test]
fn settings_out_of_bounds_are_named() {
    use liaison_graphql::http::GraphQlSettings;
    let mut settings: GraphQlSettings = serde_json::from_str(r#"{ "limits": { "max_depth": 12 } }"#).unwrap();
    assert_eq!(
        (
            settings.limits.max_depth,
            settings.limits.max_aliases,
            settings.deadline_ms
        ),
        (12, 20, 5_000)
    );
    assert!(settings.validate().is_ok());
    settings.limits.max_nesting = 1_000;
    assert_eq!(
        settings.validate().unwrap_err().to_string(),
        "graphql.limits.max_nesting is 1000: choose a value from 4 to 64"
    );
    assert!(serde_json::from_str::<GraphQlSettings>(r#"{ "max_dept": 1 }"#).is_err());
}

/// As graphql-js writes it (`getIntrospectionQuery`), with nine `ofType`.
const STANDARD_INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name kind } mutationType { name kind } \
    subscriptionType { name kind } types { ...FullType } directives { name description locations args { ...InputValue } } } } \
    fragment FullType on __Type { kind name description fields(includeDeprecated: true) { name description \
    args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields { ...InputValue } \
    interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } \
    possibleTypes { ...TypeRef } } fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue } \
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";
