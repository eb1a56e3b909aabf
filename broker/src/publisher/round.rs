//! What goes to Redis in one round trip.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use protocol::limit;
use redis::{Cmd, Pipeline, Value};

use super::queue::Line;
use super::{PublishError, Receipt};

/// Bytes of one round: a round that Redis works on for a few milliseconds, so that its answer is never late.
const ROUND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// PUBLISH commands, and for each line which of them carries it.
pub(super) struct Round<R> {
    publishes: Vec<Publish>,
    /// The PUBLISH of a channel that still has room.
    open: HashMap<Arc<str>, usize, RandomState>,
    tags: Vec<(usize, R)>,
    bytes: usize,
}

struct Publish {
    channel: Arc<str>,
    payload: Vec<u8>,
}

impl<R> Round<R> {
    pub(super) fn new() -> Self {
        Self { publishes: Vec::new(), open: HashMap::default(), tags: Vec::new(), bytes: 0 }
    }

    /// Takes lines until the round is full. Lines for one channel stay in order: they share its newest PUBLISH, and
    /// Redis handles the PUBLISHes in order.
    pub(super) fn fill(&mut self, lines: &mut impl Iterator<Item = Line<R>>) {
        while self.bytes < ROUND_BYTES_MAX {
            let Some(line) = lines.next() else { break };
            self.bytes += line.line.len();
            let index = self.place(line.channel, line.line);
            self.tags.push((index, line.tag));
        }
    }

    fn place(&mut self, channel: Arc<str>, line: Vec<u8>) -> usize {
        if let Some(&index) = self.open.get(&channel) {
            let payload = &mut self.publishes[index].payload;
            if payload.len() + line.len() <= limit::PUBLISH_BYTES_MAX {
                payload.extend_from_slice(&line);
                return index;
            }
        }
        let index = self.publishes.len();
        self.open.insert(Arc::clone(&channel), index);
        self.publishes.push(Publish { channel, payload: line });
        index
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// How many commands it is.
    pub(super) fn len(&self) -> usize {
        self.publishes.len()
    }

    /// The commands.
    pub(super) fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.publishes.len());
        for Publish { channel, payload } in &self.publishes {
            let mut publish = Cmd::with_capacity(3, "PUBLISH".len() + channel.len() + payload.len());
            publish.arg("PUBLISH").arg(&**channel).arg(payload.as_slice());
            pipeline.add_command(publish);
        }
        pipeline
    }

    /// Tells each line what Redis answered to its PUBLISH, and empties the round.
    pub(super) fn answered(&mut self, answers: &[Value], receipt: &Receipt<R>) {
        for (index, tag) in self.tags.drain(..) {
            receipt(tag, outcome(answers.get(index)));
        }
        self.clear();
    }

    /// Tells each line the same, and empties the round.
    pub(super) fn failed(&mut self, error: PublishError, receipt: &Receipt<R>) {
        for (_, tag) in self.tags.drain(..) {
            receipt(tag, Err(error));
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.publishes.clear();
        self.open.clear();
        self.bytes = 0;
    }
}

/// An error reply means that Redis did not take the message; anything but a count would break the protocol.
fn outcome(answer: Option<&Value>) -> Result<u64, PublishError> {
    match answer {
        Some(Value::Int(receivers)) => Ok(u64::try_from(*receivers).unwrap_or(0)),
        Some(Value::ServerError(_)) => Err(PublishError::NotSent),
        _ => Err(PublishError::Unknown),
    }
}
