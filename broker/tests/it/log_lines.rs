//! What the broker writes to the log.

use std::sync::Once;

use log::kv::VisitSource;
use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use tokio::sync::Notify;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WRITTEN: Notify = Notify::const_new();

struct Lines;

/// Begins to keep the log of this process. Each line is `LEVEL message key=value …`.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Lines).expect("there is no other logger");
        log::set_max_level(LevelFilter::Info);
    });
}

/// The lines so far that hold `text`, which is best the address of this test's Redis.
pub(crate) fn with(text: &str) -> Vec<String> {
    LINES.lock().iter().filter(|line| line.contains(text)).cloned().collect()
}

/// Waits for the first line that holds both.
pub(crate) async fn first_with(text: &str, and: &str) -> String {
    loop {
        let written = WRITTEN.notified();
        tokio::pin!(written);
        written.as_mut().enable();
        if let Some(line) = with(text).into_iter().find(|line| line.contains(and)) {
            return line;
        }
        written.await;
    }
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct KeyValues(String);
        impl<'kvs> VisitSource<'kvs> for KeyValues {
            fn visit_pair(
                &mut self,
                key: log::kv::Key<'kvs>,
                value: log::kv::Value<'kvs>,
            ) -> Result<(), log::kv::Error> {
                self.0 += &format!(" {key}={value}");
                Ok(())
            }
        }
        let mut line = KeyValues(format!("{} {}", record.level(), record.args()));
        let _ = record.key_values().visit(&mut line);
        LINES.lock().push(line.0);
        WRITTEN.notify_waiters();
    }

    fn flush(&self) {}
}
