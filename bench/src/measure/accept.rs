//! Connections accepted a second, handshake and all, with many under way; against a bare loop that answers with a canned
//! response, and against warp's own websockets.

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::audience::{Audience, IN_FLIGHT};
use crate::order::Closed;
use crate::report::{Bar, Chart, Row, Section, Target, count, median};
use crate::server::{Deployment, Server};

/// A server and its rounds.
#[derive(Serialize)]
struct Contestant {
    name: &'static str,
    #[serde(skip)]
    clients: Audience,
    accepted_per_s: Vec<f64>,
    closed: Vec<Closed>,
}

impl Contestant {
    fn new(name: &'static str, server: &Server) -> Result<Self> {
        Ok(Self { name, clients: Audience::of(server)?, accepted_per_s: Vec::new(), closed: Vec::new() })
    }

    fn median(&self) -> f64 {
        median(self.accepted_per_s.iter().copied())
    }
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let (bare, echo) = (Server::limit("bare")?, Server::limit("echo")?);
    let mut contestants = [
        Contestant::new("tercet", &deployment.node)?,
        Contestant::new("bare loop", &bare)?,
        Contestant::new("warp::ws()", &echo)?,
    ];
    let (rounds, sockets) = stage.pick((3, 2_000), (7, 4_000));
    for round in 0..=rounds {
        for contestant in &mut contestants {
            let connected = contestant.clients.connect(sockets)?;
            let closed = contestant.clients.close()?;
            // The first round warms up.
            if round > 0 {
                contestant.accepted_per_s.push(connected.opened as f64 / connected.seconds);
                contestant.closed.push(closed);
            }
        }
    }
    let ours = &contestants[0];
    let unclean: usize = ours.closed.iter().map(|closed| closed.unclean).sum();
    let row = |limit: &Contestant, target: Target| Row {
        measure: format!("connections accepted, {} sockets", count(sockets as f64)),
        ours: format!("{}/s", count(ours.median())),
        limit: format!("{} {}/s", limit.name, count(limit.median())),
        ratio: Some(median(
            ours.accepted_per_s.iter().zip(&limit.accepted_per_s).map(|(ours, limit)| ours / limit),
        )),
        target,
    };
    let target = Target::at_least(ours.median(), 12_000.0, 14_000.0, "/s")
        .unless(unclean > 0, format!("{unclean} closes were unclean"));
    let bars = contestants.iter().map(|one| Bar::new(one.name, one.median())).collect();
    Ok(Section {
        rows: vec![row(&contestants[1], target), row(&contestants[2], Target::none())],
        charts: vec![Chart {
            name: "accept",
            title: "connections accepted a second".to_owned(),
            is_logarithmic: false,
            groups: vec![(format!("{sockets} sockets"), bars)],
        }],
        raw: json!({ "sockets": sockets, "in_flight": IN_FLIGHT, "contestants": contestants }),
    })
}
