//! Every door of the schema: each query, mutation and subscription, asked by everybody over the real router, about things
//! of their own, of others and of nobody. The doors are read from the schema itself and the answers are a snapshot that
//! is reviewed: a new field without a line in it fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use async_graphql::Schema;
use futures::{StreamExt as _, future::join_all};
use liaison_domain::Actor;
use liaison_graphql::{Mutation, Query, Subscription};
use liaison_testkit::hall::{NOBODYS, Visitor};
use liaison_testkit::{Hall, both_engines};
use serde_json::{Map, Value, json};

use crate::story_desk::Desk;

/// How long a subscription that was let in stays silent at least.
const SILENCE: Duration = Duration::from_millis(400);
/// What would take something away from who asks after it: asked last.
const LAST: [&str; 14] = [
    "discardDraft",
    "redirectShare",
    "declineShare",
    "removeTeamMember",
    "withdrawNote",
    "recallShare",
    "endRestriction",
    "cancelCoverage",
    "revokeToken",
    "setPersonDisabled",
    "endMembership",
    "setRoles",
    "liftLegalHold",
    "setLegalHold",
];
/// Who is refused everything about the hall's things: asked at once, and asked after things of nobody too.
const STRANGERS: &str = "xyqaerpmzd";

/// One field of a root type.
struct Door {
    operation: &'static str,
    name: String,
    args: Vec<Value>,
    of: Value,
}

/// The schema as introspection tells it.
struct Doors {
    types: BTreeMap<String, Value>,
}

impl Doors {
    async fn read() -> Self {
        let schema = Schema::build(Query::default(), Mutation::default(), Subscription).finish();
        let of = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
        let query = format!(
            "{{ __schema {{ types {{ kind name isOneOf fields {{ name args {{ name type {{ {of} }} }} type {{ {of} }} }}
                inputFields {{ name type {{ {of} }} }} enumValues {{ name }} }} }} }}"
        );
        let answer = schema.execute(query).await;
        assert_eq!(answer.errors, []);
        let answer = serde_json::to_value(&answer.data).unwrap();
        let types = answer["__schema"]["types"].as_array().unwrap().iter();
        Self {
            types: types.map(|one| (text(&one["name"]), one.clone())).collect(),
        }
    }

    fn of(&self, root: &str, operation: &'static str) -> Vec<Door> {
        let fields = self.types[root]["fields"].as_array().unwrap().iter();
        fields
            .map(|field| Door {
                operation,
                name: text(&field["name"]),
                args: field["args"].as_array().unwrap().clone(),
                of: bare(&field["type"]),
            })
            .collect()
    }

    /// The shortest operation that goes through a door, with its ids from `known`.
    fn operation(&self, door: &Door, known: &Known) -> String {
        let given = door.args.iter().filter_map(|arg| {
            let name = text(&arg["name"]);
            let value = self.value(&arg["type"], &name, &door.name, known)?;
            Some(format!("{name}: {}", literal(&value)))
        });
        let given = given.collect::<Vec<_>>().join(", ");
        let given = if given.is_empty() { given } else { format!("({given})") };
        let fields = self.types[&text(&door.of["name"])]["fields"].as_array();
        let problems = fields.is_some_and(|all| all.iter().any(|field| field["name"] == "problems"));
        let picked = match (problems, text(&door.of["kind"]).as_str()) {
            (true, _) => "{ problems { path code } }",
            (false, "OBJECT" | "INTERFACE" | "UNION") => "{ __typename }",
            _ => "",
        };
        format!("{} {{ {}{given} {picked} }}", door.operation, door.name)
    }

    /// A value that the schema allows; none where it may be left out and means nothing to a door.
    fn value(&self, of: &Value, name: &str, door: &str, known: &Known) -> Option<Value> {
        let needed = of["kind"] == "NON_NULL";
        let of = if needed { &of["ofType"] } else { of };
        let wanted = ["recipientId", "noteVersionId", "teamId", "toTeamId", "patientId"].contains(&name);
        let kind = text(&of["name"]);
        let timed = known.time.is_some() && kind == "DateTime";
        if !needed && !wanted && !timed {
            return None;
        }
        Some(match of["kind"].as_str()? {
            "LIST" => json!([self.value(&of["ofType"], name, door, known)?]),
            "ENUM" => json!({ "$enum": self.types[&kind]["enumValues"][0]["name"] }),
            "INPUT_OBJECT" => {
                let fields = self.types[&kind]["inputFields"].as_array()?;
                let mut made = Map::new();
                for field in fields {
                    let one_of = self.types[&kind]["isOneOf"] == true;
                    let mut of = field["type"].clone();
                    if one_of {
                        of = json!({ "kind": "NON_NULL", "ofType": of });
                    }
                    let inner = text(&field["name"]);
                    if let Some(value) = self.value(&of, &inner, door, known) {
                        made.insert(inner, value);
                    }
                    if one_of {
                        break;
                    }
                }
                Value::Object(made)
            }
            _ => match (kind.as_str(), name) {
                ("ID", _) => json!(known.id(name, door)),
                ("Int", "year") => json!(1_960),
                ("Int" | "Float", _) => json!(1),
                ("Boolean", _) => json!(true),
                ("DateTime", _) if known.time.is_some() => json!(known.time),
                ("DateTime", "until") => json!("2026-02-14T15:00:00Z"),
                ("DateTime", _) => json!("2026-01-14T15:00:00Z"),
                ("NaiveDate" | "PartialDate", _) => json!("2026-01-14"),
                ("NaiveTime", _) => json!("10:00:00"),
                ("Decimal", _) => json!("1"),
                (_, "timeZone") => json!("America/Chicago"),
                (_, "email") => json!("somebody.new@clinic.example.test"),
                (_, "scopes") => json!("read"),
                _ => json!("As it was said."),
            },
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn bare(of: &Value) -> Value {
    if of["ofType"].is_null() {
        of.clone()
    } else {
        bare(&of["ofType"])
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => match fields.get("$enum") {
            Some(name) => text(name),
            None => {
                let fields = fields.iter().map(|(name, value)| format!("{name}: {}", literal(value)));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
        },
        Value::Array(all) => format!("[{}]", all.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// What doors are asked with: ids by the kind of their thing.
#[derive(Clone)]
struct Known {
    ids: BTreeMap<&'static str, String>,
    /// Said wherever a time may be said.
    time: Option<&'static str>,
}

impl Known {
    /// Things of the hall.
    fn of(hall: &Hall) -> Self {
        Self {
            ids: hall.ids.clone(),
            time: None,
        }
    }

    /// The same kinds, of nobody.
    fn of_nobody(&self) -> Self {
        let unknown = liaison_domain::UserId::from_uuid(NOBODYS.parse().unwrap()).to_string();
        let (_, bits) = unknown.split_once('_').unwrap();
        let other = |id: &String| id.split_once('_').map(|(kind, _)| format!("{kind}_{bits}"));
        let ids = self.ids.iter().map(|(kind, id)| (*kind, other(id).unwrap_or_default()));
        Self {
            ids: ids.collect(),
            time: self.time,
        }
    }

    fn id(&self, name: &str, door: &str) -> String {
        let kind = match (name, door) {
            ("id", "node") => "patient",
            ("id", "organization" | "updateOrganization") | ("organizationId" | "managedBy", _) => "org",
            ("id", "team") | ("teamId" | "toTeamId" | "teams", _) => "team",
            ("id", "person") => "user",
            ("id", "patient") | ("patientId", _) => "patient",
            ("noteId", "updateDraft" | "discardDraft" | "signNote") => "draft",
            ("id", "note") | ("noteId", _) => "note",
            ("id", "noteVersion") | ("noteVersionId", _) => "notever",
            ("id", "share" | "shareChanged") | ("shareId", _) => "share",
            ("id", "recipient") | ("recipientId", _) => "recipient",
            ("endpointId", _) => "endpoint",
            ("coverageId", _) => "coverage",
            ("restrictionId", _) => "restriction",
            ("callTaskId", _) => "call",
            ("deliveryId", _) => "delivery",
            ("careTeamEntryId", _) => "care",
            ("membershipId", _) => "membership",
            ("holdId", _) => "hold",
            ("legalHoldId", _) => "legalhold",
            ("misSendId", _) => "missend",
            ("entryId", _) => "entry",
            ("questionId", _) => "question",
            ("noticeIds", _) => "notice",
            (name, _) if name.to_lowercase().ends_with("userid") || name == "ownerId" => "user",
            // A thing that this world has none of.
            (name, _) => {
                let prefix = match name {
                    "tokenId" => "token",
                    "courseId" => "course",
                    other => panic!("{door} asks for {other}: say whose id it is"),
                };
                let bits = self.ids["user"].split_once('_').unwrap().1.to_owned();
                return format!("{prefix}_{bits}");
            }
        };
        self.ids[kind].clone()
    }
}

/// What somebody was answered, without ids.
fn answer(door: &Door, reply: &Value) -> String {
    if let Some(error) = reply["errors"].get(0) {
        return text(&error["extensions"]["code"]);
    }
    let data = &reply["data"][&door.name];
    if data.is_null() {
        return "null".to_owned();
    }
    let problems = data["problems"].as_array().into_iter().flatten();
    let mut problems: Vec<String> = problems
        .map(|problem| format!("{} {}", text(&problem["path"]), text(&problem["code"])))
        .collect();
    problems.sort();
    if problems.is_empty() {
        "in".to_owned()
    } else {
        format!("in, told {}", problems.join(" and "))
    }
}

async fn ask(desk: &Desk, doors: &Doors, door: &Door, who: Option<&Actor>, known: &Known) -> String {
    let query = doors.operation(door, known);
    if door.operation == "subscription" {
        let request = match who {
            Some(actor) => desk.request_if_known(actor, &query).await,
            None => Some(async_graphql::Request::new(query)),
        };
        let Some(request) = request else {
            return "UNAUTHENTICATED".to_owned();
        };
        let mut stream = desk.schema.execute_stream(request).boxed();
        return match tokio::time::timeout(SILENCE, stream.next()).await {
            Err(_) => "in".to_owned(),
            Ok(Some(told)) => answer(door, &serde_json::to_value(&told).unwrap()),
            Ok(None) => "ended".to_owned(),
        };
    }
    let reply = match who {
        Some(actor) => desk.ask(actor, &query, json!({})).await,
        None => {
            let (_, text) = desk.send(None, json!({ "query": query }).to_string()).await;
            serde_json::from_str(&text).unwrap()
        }
    };
    let told = answer(door, &reply);
    if ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "INTERNAL"].contains(&told.as_str()) {
        return format!("NO RULE: {query}: {reply}");
    }
    told
}

/// Each door for everybody: a line for each answer that anybody got.
async fn table(desk: &Desk, hall: &Hall) -> String {
    let doors = Doors::read().await;
    let theirs = Known::of(hall);
    let nobodys = theirs.of_nobody();
    let (strangers, others): (Vec<&Visitor>, Vec<&Visitor>) = hall
        .visitors
        .iter()
        .partition(|visitor| STRANGERS.contains(visitor.letter));
    let mut all = doors.of("Query", "query");
    all.extend(doors.of("Subscription", "subscription"));
    let mut mutations = doors.of("Mutation", "mutation");
    mutations.sort_by_key(|door| LAST.iter().position(|last| *last == door.name));
    all.extend(mutations);
    let read_only = desk.new_token(&hall.fixture.physician, &["read"]).await;
    let mut table = String::new();
    for visitor in &hall.visitors {
        writeln!(table, "{} {}", visitor.letter, visitor.name).unwrap();
    }
    for door in &all {
        let mut answers: BTreeMap<String, String> = BTreeMap::new();
        assert_eq!(
            ask(desk, &doors, door, None, &theirs).await,
            "UNAUTHENTICATED",
            "{} is open to nobody",
            door.name
        );
        // Strangers first: what they are refused changes nothing for the others.
        let asked = strangers
            .iter()
            .map(|visitor| ask(desk, &doors, door, Some(&visitor.actor), &theirs));
        let asked = join_all(asked).await;
        let unknown = strangers
            .iter()
            .map(|visitor| ask(desk, &doors, door, Some(&visitor.actor), &nobodys));
        let unknown = join_all(unknown).await;
        for ((visitor, real), none) in strangers.iter().zip(asked).zip(unknown) {
            if visitor.letter == 'z' {
                assert_eq!(real, "UNAUTHENTICATED", "{} for somebody who left", door.name);
            }
            let line = if real == none {
                real
            } else {
                format!("{real} (of nobody: {none})")
            };
            answers.entry(line).or_default().push(visitor.letter);
        }
        if door.operation == "mutation" {
            let body = json!({ "query": doors.operation(door, &theirs) }).to_string();
            let (_, text) = desk.send(Some(&read_only), body).await;
            let told = answer(door, &serde_json::from_str(&text).unwrap());
            assert!(
                ["FORBIDDEN", "NOT_FOUND"].contains(&told.as_str()),
                "{} by a token that may only read: {told}",
                door.name
            );
        }
        for visitor in &others {
            let told = ask(desk, &doors, door, Some(&visitor.actor), &theirs).await;
            answers.entry(told).or_default().push(visitor.letter);
        }
        writeln!(table, "{} {}", door.operation, door.name).unwrap();
        for (told, who) in answers {
            writeln!(table, "    {who}: {told}").unwrap();
        }
    }
    table
}

both_engines! {
    async fn every_door_of_the_schema_lets_in_whom_the_table_says(app: App) {
        let hall = Hall::build(&app).await;
        let desk = Desk::in_hall(app, &hall).await;
        let table = table(&desk, &hall).await;
        let without: Vec<&str> = table.lines().filter(|line| line.contains("NO RULE")).collect();
        assert!(
            without.is_empty(),
            "say what these doors are asked with, or mend them:\n{}",
            without.join("\n")
        );
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("doors_of_the_schema", table);
        });
    }

    async fn times_at_the_ends_of_the_calendar_break_no_door(app: App) {
        let hall = Hall::build(&app).await;
        let desk = Desk::in_hall(app, &hall).await;
        let doors = Doors::read().await;
        let mut known = Known::of(&hall);
        let f = &hall.fixture;
        let mut all = doors.of("Query", "query");
        all.extend(doors.of("Mutation", "mutation"));
        let mut broken = Vec::new();
        for time in ["-262143-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "+262142-12-31T23:59:59.999999999Z"] {
            known.time = Some(time);
            for door in all.iter().filter(|door| doors.operation(door, &known).contains(time)) {
                for who in [&f.physician, &f.admin, &f.auditor, &f.oncologist] {
                    let reply = desk.ask(who, &doors.operation(door, &known), json!({})).await;
                    if answer(door, &reply) == "INTERNAL" {
                        broken.push(format!("{} at {time}", door.name));
                    }
                }
            }
        }
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
