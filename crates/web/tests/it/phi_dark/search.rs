//! What is looked for: canaries in every way they may be written, in texts, files, rows and this process's log.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, OnceLock},
};

use liaison_testkit::{App, Engine};

/// Stands in every text that may be PHI. Letters alone, so that names may hold it too.
pub(super) const CANARY: &str = "Zqcanary";
pub(super) const BORN: &str = "1931-03-07";
pub(super) const PHONE: &str = "+1 999 010 7731";

/// Each text that betrays a canary, in lower case.
fn needles() -> Vec<String> {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut all = vec![
        CANARY.to_lowercase(),
        BORN.to_owned(),
        BORN.replace('-', ""),
        "999 010 7731".to_owned(),
        "9990107731".to_owned(),
        hex(BORN),
    ];
    for text in [CANARY.to_owned(), CANARY.to_lowercase(), CANARY.to_uppercase()] {
        all.push(hex(&text));
        // Base64 at each of its three places; the ends depend on what stands beside.
        for before in 0..3 {
            use base64::Engine as _;
            let coded =
                base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("{}{text}", " ".repeat(before)));
            all.push(coded[if before == 0 { 0 } else { before + 1 }..coded.len() - 1].to_lowercase());
        }
    }
    all
}

#[track_caller]
pub(super) fn dark(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for needle in needles() {
        if let Some(at) = text.find(&needle) {
            let from = (0..=at.saturating_sub(200))
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or_default();
            let shown: String = text[from..].chars().take(400).collect();
            panic!("{needle} in {place}: ...{shown}");
        }
    }
}

/// What the log of this process holds: every crate's events and spans at TRACE, each with its fields.
pub(super) fn log() -> Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::set_global_default(Lines(lines.clone())).expect("the first log of this process");
        lines
    })
    .clone()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

struct Line(String);

impl tracing::field::Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Lines {
    fn keep(&self, what: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line(what.to_owned());
        record(&mut line);
        line.0.push('\n');
        self.0.lock().unwrap().extend_from_slice(line.0.as_bytes());
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.keep(span.metadata().target(), |line| span.record(line));
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        self.keep("", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.keep(event.metadata().target(), |line| event.record(line));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// The database, its write-ahead log and a backup of it.
pub(super) async fn files(app: &App) {
    if app.database.engine == Engine::Postgres {
        return;
    }
    let folder = app.database.folder.path();
    app.database.backup(&folder.join("backup.sqlite")).await;
    let mut looked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            dark(&path.display().to_string(), &std::fs::read(&path).unwrap());
            looked += 1;
        }
    }
    assert!(looked >= 3, "{looked} files");
}
