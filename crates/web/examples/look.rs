//! Serves the pages over a synthetic world at a set clock, to look at them and to try them in a browser.
//!
//! `cargo run -p liaison-web --example look` prints one sign-in link for each person. Nothing leaves the machine and

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people, which stops when it cannot work"
)]

use std::net::SocketAddr;

use liaison_testkit::{App, Engine, fixture};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let address = std::env::var("LIAISON_LOOK").unwrap_or_else(|_| "127.0.0.1:8090".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let base = format!("http://localhost:{port}");
    let app = App::start_at(Engine::Sqlite, base.parse().unwrap()).await;
    let world = app.fixture().await;
    app.scene(&world).await;
    for (name, actor) in world.people() {
        let secret = app.session(actor).await;
        println!("{name}\t{}\t{secret}", fixture::user(actor));
    }
    println!("serving {base}; the cookie `liaison` carries the secret above");
    let router = liaison_web::router(app.service.clone(), CancellationToken::new());
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .await
        .unwrap();
}
