//! What was logged, by whichever test of this process.

use std::sync::LazyLock;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::within;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ADDED: Notify = Notify::const_new();
static INSTALLED: LazyLock<()> = LazyLock::new(|| {
    log::set_logger(&LogLines).expect("the only logger");
    log::set_max_level(log::LevelFilter::Info);
});

/// A logger that keeps all lines.
pub(crate) struct LogLines;

impl LogLines {
    /// Keeps lines from now on.
    pub(crate) fn keep() {
        LazyLock::force(&INSTALLED);
    }

    /// Waits for a line that holds `words`.
    pub(crate) async fn find(words: &str) -> String {
        within(words, async {
            loop {
                let added = ADDED.notified();
                tokio::pin!(added);
                added.as_mut().enable();
                if let Some(line) = LINES.lock().iter().find(|line| line.contains(words)) {
                    return line.clone();
                }
                added.await;
            }
        })
        .await
    }
}

impl log::Log for LogLines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        struct Pairs<'a>(&'a mut String);
        impl<'kvs> log::kv::VisitSource<'kvs> for Pairs<'_> {
            fn visit_pair(
                &mut self,
                key: log::kv::Key<'kvs>,
                value: log::kv::Value<'kvs>,
            ) -> Result<(), log::kv::Error> {
                self.0.push_str(&format!(" {key}={value}"));
                Ok(())
            }
        }
        let mut line = format!("{} {}", record.level(), record.args());
        let _ = record.key_values().visit(&mut Pairs(&mut line));
        LINES.lock().push(line);
        ADDED.notify_waiters();
    }

    fn flush(&self) {}
}
