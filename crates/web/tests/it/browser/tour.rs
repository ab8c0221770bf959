//! Every page, as each person sees it: a picture at both widths, in light and dark, and nothing serious for axe-core.

use serde_json::json;

use super::{
    screen::{Screen, WIDTHS},
    site::Site,
};

/// Looks at pages and gathers what is wrong with them.
async fn look(screen: &Screen, pages: &[(&str, String)]) -> Vec<String> {
    let mut flaws = Vec::new();
    for (name, path) in pages {
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
                screen.devtools("Emulation.setEmulatedMedia", features).await;
                screen.width(width).await;
                screen.go(path).await;
                let status = "return performance.getEntriesByType('navigation')[0].responseStatus;";
                let status = screen.client.execute(status, vec![]).await.unwrap();
                if status != json!(200) {
                    flaws.push(format!("{name} ({path}): status {status}"));
                }
                let tag = if scheme == "dark" {
                    format!("{name}-dark")
                } else {
                    (*name).to_owned()
                };
                screen.picture(&tag, width).await;
                for flaw in screen.flaws().await {
                    flaws.push(format!("{name} ({path}) at {width}, {scheme}: {flaw}"));
                }
            }
        }
    }
    flaws
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_any_page() {
    let site = Site::serve().await;
    let open = Screen::open(&site).await;
    let page = |name, path: &str| (name, path.to_owned());
    let flaws = look(&open, &[page("sign-in", "/sign-in"), page("forgotten", "/reset")]).await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    open.client.close().await.unwrap();
}
