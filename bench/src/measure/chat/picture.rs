//! Pictures: one is sent until it is stored with a small one, and both are read again; against an echo over HTTP with the same
//! bytes.

use std::io::Cursor;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use serde::Serialize;
use serde_json::Value;

use crate::http::Http;
use crate::measure::Stage;
use crate::measure::side::{Cost, Side, timed};
use crate::order::{Quantiles, latencies};
use crate::report::{Row, Target, count};
use crate::server::{Deployment, Server};

/// As phones send them, made smaller.
const WIDTH: u32 = 1_600;
const HEIGHT: u32 = 1_200;
const QUALITY: u8 = 80;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    pictures: usize,
    bytes: usize,
    small_bytes: usize,
    sent: Cost,
    read: Cost,
    read_small: Cost,
    echo: Quantiles,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment) -> Result<Finding> {
    let pictures = (0..stage.pick(10, 40)).map(picture).collect::<Result<Vec<_>>>()?;
    let echo_server = Server::limit("echo")?;
    let mut http = Http::connect(deployment.node.address, PATIENCE)?;
    let mut echo_http = Http::connect(echo_server.address, PATIENCE)?;
    let (mut sent, mut read, mut read_small) = (Side::new()?, Side::new()?, Side::new()?);
    let (mut echo, mut small_bytes) = (latencies()?, 0);
    let pids = deployment.pids();
    for picture in &pictures {
        let mut answer = None;
        sent.round(pids, 1, || {
            timed(|| {
                answer = Some(http.send_bytes("POST /chat/pictures", "image/jpeg", picture)?);
                Ok(())
            })
        })?;
        let answer = answer.context("no answer")?.with_status(201)?;
        let links: Value = serde_json::from_slice(&answer.body)?;
        let mut get = |side: &mut Side, link: &Value| -> Result<usize> {
            let (link, mut bytes) = (link.as_str().context("a picture has no link")?, 0);
            side.round(pids, 1, || {
                timed(|| {
                    bytes = http.get(link)?.with_status(200)?.body.len();
                    Ok(())
                })
            })?;
            Ok(bytes)
        };
        let bytes = get(&mut read, &links["url"])?;
        ensure!(bytes == picture.len(), "{bytes} bytes of {} came back", picture.len());
        small_bytes = get(&mut read_small, &links["thumbnail_url"])?;
        echo.saturating_record(timed(|| {
            echo_http.send_bytes("PATCH /", "image/jpeg", picture)?.with_status(200).map(drop)
        })?);
    }
    Ok(Finding {
        pictures: pictures.len(),
        bytes: pictures.iter().map(Vec::len).sum::<usize>() / pictures.len(),
        small_bytes,
        sent: sent.cost(),
        read: read.cost(),
        read_small: read_small.cost(),
        echo: Quantiles::of(&echo),
    })
}

/// A picture like no other, with something to see everywhere.
fn picture(number: u32) -> Result<Vec<u8>> {
    let image = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (across, down) = (x as f32 / 37.0 + number as f32, y as f32 / 23.0);
        let wave = |shift: f32| 128.0 + 90.0 * (across + shift).sin() * (down - shift).cos();
        // Some grain, as of a camera.
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ number) >> 13 & 15;
        Rgb([wave(0.0), wave(1.0), wave(2.0)].map(|light| (light + grain as f32) as u8))
    });
    let mut file = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode_image(&image)?;
    Ok(file.into_inner())
}

impl Finding {
    pub(super) fn rows(&self) -> [Row; 2] {
        let Self { bytes, small_bytes, sent, read, read_small, echo, .. } = self;
        let kib = |bytes: &usize| count((*bytes as f64 / 1024.0).round());
        let limit = format!("HTTP echo of it p50 {:.2}, p99 {:.2} ms", echo.p50_ms, echo.p99_ms);
        [
            Row {
                measure: format!(
                    "chat: a picture of {WIDTH} × {HEIGHT} ({} KiB) → stored with a small one",
                    kib(bytes)
                ),
                ours: format!("{}, CPU {:.0} ms", sent.shown(), sent.cpu_us() / 1e3),
                limit: limit.clone(),
                ratio: Some(sent.latency.p50_ms / echo.p50_ms),
                target: Target::at_most(sent.latency.p50_ms, 500.0, 100.0, " ms p50"),
            },
            Row {
                measure: format!("chat: reading it; the small one ({} KiB)", kib(small_bytes)),
                ours: format!("{}; {}", read.shown(), read_small.shown()),
                limit,
                ratio: Some(read.latency.p50_ms / echo.p50_ms),
                target: Target::none(),
            },
        ]
    }
}
