//! Bent forms, query strings and headers at every page: an answer in bounded time, never a broken page, and nothing of
//! what was sent comes back as markup. The corpus stands beside this file.

use std::path::PathBuf;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, header},
};
use liaison_testkit::{Hall, both_engines, fuzz};
use tokio_util::sync::CancellationToken;

use crate::doors::{Coming, Door, Pages, about, doors};

fn corpus(of: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fuzz").join(of);
    fuzz::corpus(&folder)
}

/// What would end the session that tries everything.
const NOT_THESE: [&str; 3] = ["/sign-out", "/link/leave", "/account/sessions/{id}/end"];
/// What was typed may not come back as an element.
const MARKUP: &str = "<b id=bent>";

/// The doors of a method, and three people who know the most of them.
async fn open(hall: &Hall, pages: &Pages, method: &str) -> (Vec<Door>, Vec<Coming>) {
    let mut all = doors(&pages.router);
    all.retain(|door| door.method == method && !NOT_THESE.contains(&door.path.as_str()));
    all.retain(|door| !door.path.starts_with("/assets/") && door.path != "/live");
    let mut people = Vec::new();
    for letter in "PAo".chars() {
        let visitor = hall.visitors.iter().find(|visitor| visitor.letter == letter).unwrap();
        let cookie = format!("{}={}", liaison_web::COOKIE, visitor.session);
        people.push(pages.coming(cookie).await);
    }
    people.push(pages.coming(format!("__Host-liaison-link={}", hall.guest)).await);
    (all, people)
}

both_engines! {
    async fn bent_forms_are_answered(app: App) {
        let hall = Hall::build(&app).await;
        let pages = Pages { router: liaison_web::router(app.service.clone(), CancellationToken::new()) };
        let (doors, people) = open(&hall, &pages, "POST").await;
        let mut turn = 0;
        fuzz::fuzz_bytes("forms", &corpus("forms"), 600, async |input| {
            // Each input at three doors, so that every door meets every kind of form in time.
            for _ in 0..3 {
                let (door, who) = (&doors[turn % doors.len()], &people[turn / doors.len() % people.len()]);
                turn += 1;
                let request = Request::post(about(&door.path, &hall, false))
                    .header(header::COOKIE, &who.cookie)
                    .header(header::ORIGIN, liaison_testkit::BASE_URL)
                    .header("x-csrf", &who.csrf)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Body::from(input.to_vec()))
                    .unwrap();
                let answer = pages.send(request).await;
                assert!(answer.status.as_u16() < 500, "{door:?}: {} {}", answer.status, answer.body);
                assert!(!answer.body.contains(MARKUP), "{door:?}: {}", answer.body);
                leads_home(door, answer.location());
            }
        })
        .await;
    }

    async fn bent_queries_are_answered(app: App) {
        let hall = Hall::build(&app).await;
        let pages = Pages { router: liaison_web::router(app.service.clone(), CancellationToken::new()) };
        let (doors, people) = open(&hall, &pages, "GET").await;
        let mut turn = 0;
        fuzz::fuzz_bytes("queries", &corpus("queries"), 300, async |input| {
            for _ in 0..3 {
                let (door, who) = (&doors[turn % doors.len()], &people[turn / doors.len() % people.len()]);
                turn += 1;
                let mut uri = about(&door.path, &hall, false).into_bytes();
                uri.push(b'?');
                // What a URI cannot hold never gets as far as a page.
                uri.extend(input.iter().filter(|byte| byte.is_ascii_graphic() || **byte > 127).take(60_000));
                let Ok(request) = Request::get(uri.as_slice()).header(header::COOKIE, &who.cookie).body(Body::empty()) else {
                    continue;
                };
                let answer = pages.send(request).await;
                assert!(answer.status.as_u16() < 500, "{door:?}: {} {}", answer.status, answer.body);
                assert!(!answer.body.contains(MARKUP), "{door:?}: {}", answer.body);
                leads_home(door, answer.location());
            }
        })
        .await;
    }

    async fn bent_headers_open_nothing(app: App) {
        let hall = Hall::build(&app).await;
        let pages = Pages { router: liaison_web::router(app.service.clone(), CancellationToken::new()) };
        let names = [
            header::COOKIE,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::ACCEPT_ENCODING,
            header::ORIGIN,
            header::AUTHORIZATION,
            header::USER_AGENT,
            header::IF_NONE_MATCH,
            header::RANGE,
            HeaderName::from_static("sec-fetch-site"),
            HeaderName::from_static("x-csrf"),
            HeaderName::from_static("x-liaison-script"),
        ];
        fuzz::fuzz_bytes("headers", &corpus("headers"), 400, async |input| {
            let Ok(value) = HeaderValue::from_bytes(&input[..input.len().min(60_000)]) else {
                return;
            };
            for (path, method) in [("/account", Method::GET), ("/session/touch", Method::POST), ("/sign-in", Method::POST)] {
                let mut request = Request::builder().method(method).uri(path).body(Body::from("csrf=AAAA")).unwrap();
                for name in &names {
                    request.headers_mut().insert(name, value.clone());
                }
                let answer = pages.send(request).await;
                assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.body);
                assert!(answer.status.as_u16() != 200, "{path} opens by {value:?}");
            }
        })
        .await;
        assert_eq!(hall.visitors.len(), 20);
    }
}

/// Nobody's words lead a browser to another site.
#[track_caller]
fn leads_home(door: &Door, location: &str) {
    let ours =
        location.is_empty() || location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\");
    assert!(ours, "{door:?} leads to {location}");
}
