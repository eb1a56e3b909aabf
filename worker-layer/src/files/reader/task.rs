//! The task that reads: it keeps the listing in memory while somebody asks for it.

use std::sync::Arc;
use std::time::Duration;

use protocol::limit as spine;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Rendered, Request, Text};
use crate::files::claims::Claims;
use crate::files::limit::{FOLLOW_MS, READERS_MAX, UNASKED_MS};
use crate::files::mirror::Mirror;
use crate::files::records::Records;
use crate::files::render::{Form, render};
use crate::files::trouble::Trouble;

const FOLLOW: Duration = Duration::from_millis(FOLLOW_MS);
const UNASKED: Duration = Duration::from_millis(UNASKED_MS);
/// How long an answer that is kept for a minute is handed out.
const HANDED_OUT: Duration = Duration::from_secs(spine::CLAIM_KEPT_S / 2);
/// How long a node waits for an answer.
const AWAITED: Duration = Duration::from_millis(spine::REQUEST_TIMEOUT_MS);
/// How often everything is read anew for one request, when the log went on faster than it could be followed.
const LOADS_MAX: usize = 3;

pub(super) struct Task {
    records: Arc<Records>,
    requests: mpsc::Receiver<Request>,
    claims: Claims,
    mirror: Option<Mirror>,
    /// Answers that may be asked for again.
    made: Vec<Made>,
}

/// An answer that was made.
struct Made {
    form: Form,
    /// What it is true of: for files their revision, for snapshots the place in the log.
    of: u64,
    at: Instant,
    rendered: Rendered,
}

impl Task {
    pub(super) fn new(
        records: Arc<Records>,
        claimed_bytes_max: usize,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        let claims = Claims::new(Arc::clone(&records), claimed_bytes_max);
        Self { claims, records, requests, mirror: None, made: Vec::new() }
    }

    /// Until nobody can ask any more.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.requests.recv().await {
            self.answer_all(first).await;
            let mut asked = Instant::now();
            // While somebody asks, the log must not run away.
            while self.mirror.is_some() && asked.elapsed() < UNASKED {
                match timeout(FOLLOW, self.requests.recv()).await {
                    Ok(Some(request)) => {
                        self.answer_all(request).await;
                        asked = Instant::now();
                    }
                    Ok(None) => return,
                    Err(_) => _ = self.follow().await,
                }
            }
            self.mirror = None;
            self.made.clear();
        }
    }

    /// Answers all who ask, until nobody waits. What is asked alike is made once; forms that are kept come first, so whoever
    /// wants one waits for one other form at most.
    async fn answer_all(&mut self, first: Request) {
        let mut waiting = vec![first];
        while !waiting.is_empty() {
            self.take_in(&mut waiting);
            // Whoever comes after this may not share this reading, and waits for the next.
            let brought = self.bring_up().await.map_err(Arc::new);
            while let Some(form) = next(&mut waiting) {
                let is_kept = form.is_kept();
                let (alike, others) = waiting.into_iter().partition(|request| request.form == form);
                waiting = others;
                let rendered = match &brought {
                    Ok(()) => self.rendered(form).await.map_err(Arc::new),
                    Err(trouble) => Err(Arc::clone(trouble)),
                };
                answer(alike, &rendered);
                if brought.is_ok() && !is_kept && !self.requests.is_empty() {
                    break;
                }
            }
        }
    }

    /// Takes in who asked meanwhile. Forms that are kept never are too many: each reading answers them all.
    fn take_in(&mut self, waiting: &mut Vec<Request>) {
        for _ in 0..READERS_MAX {
            let Ok(request) = self.requests.try_recv() else { break };
            if request.form.is_kept() || waiting.len() < READERS_MAX {
                waiting.push(request);
            } else {
                answer(vec![request], &Err(Arc::new(Trouble::Busy)));
            }
        }
    }

    /// Makes the listing in memory what it is now.
    async fn bring_up(&mut self) -> Result<(), Trouble> {
        let mut outcome = Ok(());
        for _ in 0..LOADS_MAX {
            outcome = match self.follow().await {
                Ok(()) if self.mirror.is_some() => return Ok(()),
                Ok(()) => self.load().await,
                Err(trouble) => Err(trouble),
            };
            match &outcome {
                Ok(()) => return Ok(()),
                Err(Trouble::Behind) => {}
                Err(_) => return outcome,
            }
        }
        outcome
    }

    async fn load(&mut self) -> Result<(), Trouble> {
        let mirror = Mirror::load(&self.records).await?;
        self.forget_made().await;
        self.mirror = Some(mirror);
        Ok(())
    }

    /// Follows the log, if there is a listing. One that cannot be followed any more is dropped.
    async fn follow(&mut self) -> Result<(), Trouble> {
        if let Some(mirror) = &mut self.mirror
            && !mirror.follow(&self.records).await?
        {
            self.mirror = None;
        }
        Ok(())
    }

    /// An answer, made or made before.
    async fn rendered(&mut self, form: Form) -> Result<Rendered, Trouble> {
        let Some(mirror) = &self.mirror else { return Err(Trouble::Behind) };
        let of = match form {
            Form::Files { .. } => mirror.listing.revision(),
            _ => mirror.cursor.position(),
        };
        if let Some(made) = self.made.iter().find(|made| made.form == form && made.of == of)
            && made.at.elapsed() < HANDED_OUT
        {
            return Ok(Rendered { cursor: mirror.cursor.clone(), text: made.rendered.text.clone() });
        }
        let text = render(&form, &mirror.listing, &mirror.cursor, mirror.server_ms).await?;
        let is_kept = form.is_kept();
        let cursor = mirror.cursor.clone();
        let text = if text.len() <= spine::CLAIM_OVER_BYTES {
            Text::Inline(text.into())
        } else if is_kept {
            Text::Claim(self.claims.put(text.as_bytes()).await?)
        } else {
            Text::Claim(self.claims.put_once(text.as_bytes()).await?)
        };
        let rendered = Rendered { cursor, text };
        if is_kept {
            self.keep(Made { form, of, at: Instant::now(), rendered: rendered.clone() }).await;
        }
        Ok(rendered)
    }

    async fn keep(&mut self, made: Made) {
        if let Some(place) = self.made.iter().position(|before| before.form == made.form) {
            let before = self.made.swap_remove(place);
            if let Text::Claim(claim) = before.rendered.text {
                self.claims.supersede(&claim).await;
            }
        }
        self.made.push(made);
    }

    async fn forget_made(&mut self) {
        for made in std::mem::take(&mut self.made) {
            if let Text::Claim(claim) = made.rendered.text {
                self.claims.supersede(&claim).await;
            }
        }
    }
}

/// The form that is made next. Who does not wait any more is left out.
fn next(waiting: &mut Vec<Request>) -> Option<Form> {
    waiting.retain(|request| !request.answer.is_closed() && request.since.elapsed() < AWAITED);
    let kept = waiting.iter().find(|request| request.form.is_kept());
    kept.or(waiting.first()).map(|request| request.form.clone())
}

fn answer(requests: Vec<Request>, rendered: &Result<Rendered, Arc<Trouble>>) {
    for request in requests {
        let _ = request.answer.send(rendered.clone());
    }
}
