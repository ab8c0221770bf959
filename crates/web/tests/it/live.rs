//! The pages' stream of changes: one person holds so many, whoever leaves gives theirs back, and a session that ended hears
//! no more.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, header},
};
use futures::StreamExt as _;
use liaison_service::sign_in::Touch;
use liaison_testkit::both_engines;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

async fn open(router: &Router, secret: &str) -> Response<Body> {
    let cookie = format!("{}={secret}", liaison_web::COOKIE);
    let request = Request::get("/live").header(header::COOKIE, cookie);
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

both_engines! {
    async fn one_person_holds_twenty_streams_and_an_ended_session_none(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        let router = liaison_web::router(app.service.clone(), CancellationToken::new());
        let secret = app.session(&f.physician).await;
        let mut streams = Vec::new();
        for _ in 0..20 {
            let answer = open(&router, &secret).await;
            assert_eq!(answer.status(), 200);
            streams.push(answer.into_body().into_data_stream());
        }
        // Another session of theirs too.
        let again = app.session(&f.physician).await;
        assert_eq!(open(&router, &again).await.status(), 429);
        assert_eq!(open(&router, &app.session(&f.oncologist).await).await.status(), 200, "it is one person's own");
        streams.truncate(1);
        assert_eq!(app.service.seats().taken(), 1, "whoever leaves gives back");

        // On PostgreSQL a process hears of changes through the database, its own too.
        let service = app.service.clone();
        let listening = tokio::spawn(async move { service.store().listen().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.share(&f, &signed, &[f.oncology_team]).await;
        let mut stream = streams.remove(0);
        let told = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
        assert!(String::from_utf8_lossy(&told).contains("event: changed"));
        let signed_in = app.service.session(&secret, None, None, Touch::Nothing).await.unwrap();
        app.service.sign_out(&signed_in.actor).await.unwrap();
        app.share(&f, &signed, &[f.palliative_team]).await;
        let end = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap();
        assert!(end.is_none(), "{end:?}");
        drop(stream);
        listening.abort();
        assert_eq!(app.service.seats().taken(), 0);
    }
}
