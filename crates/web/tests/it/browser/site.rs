//! The pages, served to a browser on a free port over the synthetic scene.

use std::net::SocketAddr;

use liaison_testkit::{App, Engine, Fixture, Scene};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// A served app with its scene.
pub(crate) struct Site {
    pub(crate) app: App,
    pub(crate) world: Fixture,
    pub(crate) scene: Scene,
    /// `http://localhost:<port>`.
    pub(crate) base: String,
    _server: AbortOnDropHandle<()>,
}

impl Site {
    /// Serves the scene from SQLite. What differs between the engines is tested without a browser.
    pub(crate) async fn serve() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let app = App::start_at(Engine::Sqlite, base.parse().unwrap()).await;
        let world = app.fixture().await;
        let scene = app.scene(&world).await;
        let router = liaison_web::router(app.service.clone(), CancellationToken::new());
        let serve = async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
                .await
                .unwrap();
        };
        Self {
            app,
            world,
            scene,
            base,
            _server: AbortOnDropHandle::new(tokio::spawn(serve)),
        }
    }
}
