//! Every door of the pages: each route, for everybody, about one thing of each kind and about things of nobody. The routes
//! are read from the router itself and what each person is answered is a snapshot that is reviewed: a new page fails
//! until somebody has looked at who gets in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use liaison_testkit::{
    Hall, both_engines,
    hall::{NOBODYS, Visitor},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::harness::Answer;

/// What would take a thing or a session away from who comes later: asked last, in this order.
const LAST: [&str; 14] = [
    "/directory/people/{id}/places/{place}",
    "/directory/people/{id}/switch",
    "/directory/endpoints/{id}/switch",
    "/coverage/{id}/cancel",
    "/holds/{id}/lift",
    "/audit/filters/{id}/delete",
    "/patients/{id}/restrictions/{restriction}/end",
    "/patients/{id}/care-team/{entry}/end",
    "/notes/{id}/discard",
    "/break-glass/{id}/end",
    "/account/sessions/{id}/end",
    "/sign-in/link/{token}",
    "/link/leave",
    "/sign-out",
];
/// What somebody who is not signed in may see: signing in, and the doors of links, which show nothing of a patient.
const OPEN: [&str; 16] = [
    "/",
    "/assets/{hash}/{name}",
    "/l/{token}",
    "/ledger/key",
    "/link/enter",
    "/reset",
    "/reset/{token}",
    "/set-up/{token}",
    "/sign-in",
    "/sign-in/link/{token}",
    "/sign-in/passkey",
    "/sign-in/passkey/begin",
    "/sign-in/second-factor",
    "/sign-out",
    "/welcome/{token}",
    "/link/leave",
];
/// Pages of the directory: whom a clinic can reach is known to everybody who signs in.
const DIRECTORY: [&str; 4] = ["/directory/", "/policies/", "/endpoints/", "/audit/people/"];
/// What a reading leaves behind, or a session's use; tasks nudge the sequencer.
const READING: [&str; 9] = [
    "guest",
    "ledger_entry",
    "ledger_pending",
    "session",
    "Jobs",
    "apalis.jobs",
    "sqlite_sequence",
    "sqlite_stat1",
    "sign_in_ceremony",
];

/// A route and a method that it takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Door {
    pub(crate) path: String,
    pub(crate) method: &'static str,
}

/// The routes as the router itself tells them.
pub(crate) fn doors(router: &Router) -> Vec<Door> {
    let told = format!("{router:?}");
    // `routes: {RouteId(7): MethodRouter(MethodRouter { get: ..., head: ..., ... }), ...}` and
    // `paths: {RouteId(7): "/account", ...}`.
    let (routes, paths) = told.split_once("paths: {").expect("the router tells its paths");
    let (paths, _) = paths.split_once("} }").unwrap();
    let mut named = BTreeMap::new();
    for one in paths.split("RouteId(").skip(1) {
        let (number, rest) = one.split_once("): \"").unwrap();
        let (path, _) = rest.split_once('"').unwrap();
        named.insert(number.parse::<usize>().unwrap(), path.to_owned());
    }
    let takes: BTreeMap<usize, BTreeSet<&'static str>> = routes
        .split("RouteId(")
        .skip(1)
        .map(|one| {
            let (number, one) = one.split_once("): MethodRouter(MethodRouter { get: ").unwrap();
            let (get, rest) = one.split_once(", head: ").unwrap();
            let mut takes = BTreeSet::new();
            if !get.starts_with("None") {
                takes.insert("GET");
            }
            for (method, next) in [("delete: ", ", options"), ("patch: ", ", post"), ("put: ", ", trace")] {
                let (_, given) = rest.split_once(method).unwrap();
                let (given, _) = given.split_once(next).unwrap();
                assert!(given.starts_with("None"), "a page takes {method}");
            }
            let (_, post) = rest.split_once("post: ").unwrap();
            if !post.starts_with("None") {
                takes.insert("POST");
            }
            (number.parse::<usize>().unwrap(), takes)
        })
        .collect();
    assert_eq!(takes.len(), named.len(), "{told}");
    let mut all: Vec<Door> = named
        .into_iter()
        .flat_map(|(number, path)| {
            takes[&number].iter().map(move |method| Door {
                path: path.clone(),
                method,
            })
        })
        .collect();
    all.sort_by_key(|door| (LAST.iter().position(|last| *last == door.path), door.clone()));
    all
}

/// Whose id stands in a part of a path.
fn kind(path: &str, part: &str) -> &'static str {
    let starts = |start: &str| path.starts_with(start);
    match part {
        "organization" => "org",
        "urgency" => "URGENCY",
        "recipient" => "recipient",
        "entry" => "care",
        "restriction" => "restriction",
        "place" => "membership",
        "token" if starts("/l/") => "link",
        "token" if starts("/welcome/") => "welcome",
        // The password is set by the same kind of token; nobody here asked for a reset.
        "token" if starts("/reset/") => "welcome",
        // Nor did an admin take anybody's factor away.
        "token" if starts("/set-up/") => "welcome",
        "token" if starts("/sign-in/link/") => "sign-in",
        "id" if starts("/deliveries/") => "delivery",
        "id" if starts("/audit/entries/") => "entry",
        "id" if starts("/audit/filters/") => "filter",
        "id" if starts("/audit/patients/") || starts("/patients/") => "patient",
        "id" if starts("/audit/people/") || starts("/directory/people/") => "user",
        "id" if starts("/endpoints/") || starts("/directory/endpoints/") => "endpoint",
        "id" if starts("/directory/organizations/") => "org",
        "id" if starts("/directory/teams/") => "team",
        "id" if starts("/break-glass/") => "breakglass",
        "id" if starts("/mis-sends/") => "missend",
        "id" if starts("/notes/") => match path.rsplit('/').next() {
            Some("edit" | "preview" | "sign" | "discard") => "draft",
            _ => "note",
        },
        "id" if starts("/versions/") => "notever",
        "id" if starts("/account/sessions/") => "session",
        "id" if starts("/account/passkeys/") => "passkey",
        "id" if starts("/calls/") => "call",
        "id" if starts("/shares/") => "share",
        "id" if starts("/holds/") => "hold",
        "id" if starts("/legal-holds/") => "legalhold",
        "id" if starts("/inbox/") => "recipient",
        "id" if starts("/coverage/") => "coverage",
        _ => panic!("{path} asks for {part}: say whose id it is"),
    }
}

/// The parts of a path that stand for something.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0))
}

/// The path about something of the hall, or about the same kinds of nobody.
pub(crate) fn about(path: &str, hall: &Hall, nobodys: bool) -> String {
    if path == "/assets/{hash}/{name}" {
        return "/assets/0/app.css".to_owned();
    }
    let unknown = liaison_domain::UserId::from_uuid(NOBODYS.parse().unwrap()).to_string();
    let (_, bits) = unknown.split_once('_').unwrap();
    let mut filled = path.to_owned();
    for part in parts(path) {
        let kind = kind(path, part);
        let value = match (kind, hall.ids.get(kind)) {
            ("URGENCY", _) => "ROUTINE".to_owned(),
            ("passkey", _) => format!("passkey_{bits}"),
            (_, Some(id)) if !nobodys => id.clone(),
            (_, Some(id)) => match id.split_once('_').filter(|_| part != "token") {
                Some((prefix, _)) => format!("{prefix}_{bits}"),
                None => "A".repeat(43),
            },
            (kind, None) => panic!("the hall has no {kind}"),
        };
        filled = filled.replace(&format!("{{{part}}}"), &value);
    }
    filled
}

/// How somebody comes to a door.
#[derive(Clone, Default)]
pub(crate) struct Coming {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    bearer: Option<String>,
}

/// The pages.
pub(crate) struct Pages {
    pub(crate) router: Router,
}

impl Pages {
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream of changes has no end.
        let stream = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "text/event-stream");
        let bytes = match stream {
            true => axum::body::Bytes::new(),
            false => axum::body::to_bytes(body, 10 << 20).await.unwrap(),
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    fn request(door: &Door, path: &str, who: &Coming, csrf: bool, origin: &str) -> Request<Body> {
        let mut request = Request::builder()
            .method(door.method.parse::<Method>().unwrap())
            .uri(path)
            .header(header::COOKIE, &who.cookie);
        if let Some(token) = &who.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if door.method == "GET" {
            return request.body(Body::empty()).unwrap();
        }
        let body = if csrf {
            format!("csrf={}", who.csrf)
        } else {
            String::new()
        };
        request
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap()
    }

    async fn ask(&self, door: &Door, path: &str, who: &Coming) -> Answer {
        let request = Self::request(door, path, who, true, liaison_testkit::BASE_URL);
        let answer = self.send(request).await;
        assert!(
            answer.status.as_u16() < 500,
            "{door:?}: {} {}",
            answer.status,
            answer.body
        );
        has_the_headers(door, &answer);
        answer
    }

    /// A person with a session, and the token their forms bring.
    pub(crate) async fn coming(&self, cookie: String) -> Coming {
        let mut who = Coming {
            cookie,
            ..Coming::default()
        };
        for path in ["/account", "/link"] {
            let door = Door {
                path: path.to_owned(),
                method: "GET",
            };
            let page = self.ask(&door, path, &who).await;
            if page.status.as_u16() == 200 {
                who.csrf = page.value("csrf");
                break;
            }
        }
        who
    }
}

/// What every answer carries, whoever asked.
fn has_the_headers(door: &Door, answer: &Answer) {
    let said = |name: &str| {
        let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if door.path.starts_with("/assets/") {
        return;
    }
    assert_eq!(said("x-content-type-options"), "nosniff", "{door:?}");
    assert_eq!(said("cache-control"), "no-store", "{door:?}");
    assert_eq!(said("referrer-policy"), "no-referrer", "{door:?}");
    assert_eq!(said("x-frame-options"), "DENY", "{door:?}");
    assert_eq!(said("cross-origin-opener-policy"), "same-origin", "{door:?}");
    assert!(said("strict-transport-security").starts_with("max-age="), "{door:?}");
    let policy = said("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
        "{door:?}: {policy}"
    );
}

/// What somebody was answered, as one sign of the snapshot.
fn sign(answer: &Answer) -> char {
    match (answer.status.as_u16(), answer.location()) {
        (200, _) => 'I',
        (303, to) if to.starts_with("/sign-in/again") => 'u',
        (303, to) if to == "/sign-in" || to.starts_with("/sign-in?") => 's',
        (303, _) => 'g',
        (400, _) => 'b',
        (401, _) => 's',
        (403, _) if answer.body.contains("CROSS_SITE") => '#',
        (403, _) => 'f',
        (404, _) => '-',
        (409, _) => 'c',
        (415, _) => 'k',
        (422, _) => 'w',
        (429, _) => 't',
        (status, _) => panic!("{status} has no sign: {}", answer.body),
    }
}

/// Tables that are not the reading's own.
fn business(mut tables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tables.retain(|name, _| !READING.contains(&name.as_str()));
    tables
}

#[track_caller]
fn unchanged(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, what: &str) {
    let changed: Vec<_> = after
        .iter()
        .filter(|(table, digest)| before.get(*table) != Some(*digest))
        .map(|(table, digest)| format!("{table}: {:?}, then {digest}", before.get(table)))
        .collect();
    assert!(changed.is_empty(), "{what}: {changed:#?}");
}

/// Somebody at the doors; a visitor of the hall, or nobody with an account.
struct Comer<'a> {
    letter: char,
    name: &'static str,
    coming: Coming,
    visitor: Option<&'a Visitor>,
}

both_engines! {
    async fn every_page_lets_in_whom_the_table_says(app: App) {
        let hall = Hall::build(&app).await;
        let pages = Pages { router: liaison_web::router(app.service.clone(), CancellationToken::new()) };
        let doors = doors(&pages.router);
        assert!(doors.len() > 150, "{} doors", doors.len());
        let token = hall.visitors.iter().find(|visitor| visitor.letter == 'P').unwrap().token.clone();
        let mut comers = vec![
            Comer { letter: '.', name: "nobody", coming: Coming::default(), visitor: None },
            Comer {
                letter: 't',
                name: "a physician's API token",
                coming: Coming { bearer: Some(token), ..Coming::default() },
                visitor: None,
            },
            Comer {
                letter: 'g',
                name: "guest of the loop's link",
                coming: pages.coming(format!("__Host-liaison-link={}", hall.guest)).await,
                visitor: None,
            },
        ];
        for visitor in &hall.visitors {
            let coming = pages.coming(format!("{}={}", liaison_web::COOKIE, visitor.session)).await;
            comers.push(Comer { letter: visitor.letter, name: visitor.name, coming, visitor: Some(visitor) });
        }
        let mut table = String::new();
        for comer in &comers {
            writeln!(table, "{} {}", comer.letter, comer.name).unwrap();
        }
        let before = business(app.database.digests().await);
        let (gets, posts): (Vec<&Door>, Vec<&Door>) = doors.iter().partition(|door| door.method == "GET");
        let mut broken = String::new();
        refused(&pages, &hall, &comers, &posts).await;
        unchanged(&before, &business(app.database.digests().await), "a form that was refused changed");
        for door in gets {
            line(&pages, &hall, door, &comers, &mut table, &mut broken).await;
        }
        unchanged(&before, &business(app.database.digests().await), "a GET changed");
        for door in posts {
            line(&pages, &hall, door, &comers, &mut table, &mut broken).await;
        }
        assert!(broken.is_empty(), "{table}\n{broken}");
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("doors_of_the_pages", table);
        });
    }
}

/// Another site's form and a form without the session's token open nothing, for anybody, at any door.
async fn refused(pages: &Pages, hall: &Hall, comers: &[Comer<'_>], posts: &[&Door]) {
    for door in posts {
        let path = about(&door.path, hall, false);
        for comer in comers {
            if !".gPAo".contains(comer.letter) {
                continue;
            }
            for origin in ["https://evil.example", "null"] {
                let request = Pages::request(door, &path, &comer.coming, true, origin);
                let answer = pages.send(request).await;
                assert_eq!(sign(&answer), '#', "{door:?} from {origin} by {}", comer.name);
            }
            if comer.coming.csrf.is_empty()
                || OPEN.contains(&door.path.as_str()) && door.path != "/sign-out" && door.path != "/link/leave"
            {
                continue;
            }
            let request = Pages::request(door, &path, &comer.coming, false, liaison_testkit::BASE_URL);
            let answer = pages.send(request).await;
            assert!(
                "#s".contains(sign(&answer)),
                "{door:?} without a token by {}: {}",
                comer.name,
                answer.status
            );
        }
    }
}

/// What an answer says, but for the ids that were asked about and what is new in every page.
fn said(answer: &Answer, path: &str) -> String {
    let mut body = answer.body.clone();
    for mark in ["name=\"csrf\" value=\"", "name=\"key\" value=\"", "data-csrf=\""] {
        let mut parts = body.split(mark);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(part.split_once('"').map_or(part, |(_, rest)| rest));
        }
        body = kept;
    }
    let mut location = answer.location().to_owned();
    let ids: Vec<&str> = path.split('/').filter(|part| part.contains('_')).collect();
    for id in ids {
        body = body.replace(id, "ID");
        // As pages shorten it.
        body = body.replace(&format!("…{}", &id[id.len() - 6..]), "…ID");
        location = location.replace(id, "ID");
    }
    format!("{} {location} {body}", answer.status)
}

/// One door for everybody: a line of the table, and what breaks a rule.
async fn line(pages: &Pages, hall: &Hall, door: &Door, comers: &[Comer<'_>], table: &mut String, broken: &mut String) {
    let real = about(&door.path, hall, false);
    let nobodys = about(&door.path, hall, true);
    let mut signs = String::new();
    for comer in comers {
        let answer = pages.ask(door, &real, &comer.coming).await;
        let sign = sign(&answer);
        signs.push(sign);
        let open = OPEN.contains(&door.path.as_str());
        let at = |rule: &str| format!("{} {} for {}: {sign}: {rule}\n", door.method, door.path, comer.name);
        if ".t".contains(comer.letter) && sign != 's' && !open {
            broken.push_str(&at("nobody gets in without signing in"));
        }
        if comer.letter == 'z' && sign != 's' && !open {
            broken.push_str(&at("who left is as nobody"));
        }
        // Who holds a link's token holds what it leads to.
        if real == nobodys || open || door.path.contains("{token}") {
            continue;
        }
        // Not yours answers like not there. Another organization is not told either that the role was wrong, and a
        // stranger is told the same of everything, the directory's cards aside.
        let oncology = hall.fixture.oncology;
        let their_own = comer.visitor.is_none_or(|visitor| {
            visitor.of_the_clinic
                || visitor.actor.organization_id == Some(oncology)
                    && (door.path.starts_with("/directory/") || door.path.starts_with("/coverage/"))
        });
        let stranger = "xyqaerp".contains(comer.letter) && !DIRECTORY.iter().any(|start| door.path.starts_with(start));
        if sign == '-' || sign == 'f' && !their_own || stranger {
            let none = pages.ask(door, &nobodys, &comer.coming).await;
            let (told, unknown) = (said(&answer, &real), said(&none, &nobodys));
            if told != unknown {
                broken.push_str(&at(&format!("but of nobody {}\n{told}\n{unknown}", none.status)));
            }
        }
    }
    writeln!(table, "{:4} {:<60} {signs}", door.method, door.path).unwrap();
}
