//! Requests about sets as a whole, by nobody in particular, that must succeed.

use std::time::Duration;

use hyper::Method;
use tokio::time::{Instant, sleep_until};

use crate::link::{Failure, Http, Response};
use crate::world::World;

/// How long a request that failed waits before it is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Makes a request until it has an answer.
///
/// # Errors
/// The last failure, when the time is over or it was refused.
pub(crate) async fn insist(
    world: &World,
    method: Method,
    path: &str,
    body: Option<String>,
    patience: Duration,
) -> Result<Response, Failure> {
    let deadline = Instant::now() + patience;
    for tries in 0.. {
        let failure = match once(world, tries, method.clone(), path, body.clone()).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        if matches!(failure, Failure::Refused(_)) || Instant::now() >= deadline {
            return Err(failure);
        }
        sleep_until(deadline.min(Instant::now() + RETRY_PAUSE)).await;
    }
    Err(Failure::Lost("never tried".to_owned()))
}

/// Makes a request on a connection of its own.
async fn once(
    world: &World,
    tries: usize,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<Response, Failure> {
    let (target, mut http) = (world.target(tries), Http::default());
    http.open(target, &world.source(0), &world.tracker).await?;
    http.request(target, method, path, body).await
}
