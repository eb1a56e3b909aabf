//! Chat: messages a second through the three layers, beside what Redis takes of the same writes, pipelined by one client; from
//! sending to delivery at two rates, beside an echo; the home screen of a user with a thousand conversations of which three
//! changed, beside all of it; pictures, beside an echo of their bytes. In the end messages once more, with Redis writing to the
//! disk before it answers, as it does where nobody chose otherwise.

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::report::{Row, Section};
use crate::server::Deployment;
use crate::talk::TEXT_BYTES;

mod deliver;
mod home;
mod picture;
mod send;
mod write;

/// Clients, in pairs: at first, and then for the rest.
const CLIENTS: [usize; 2] = [100, 1_000];
/// A modest rate, messages a second.
const MODEST: f64 = 100.0;
/// The other one, of the highest.
const SHARE: f64 = 0.8;

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let sends = send::find(stage, &deployment, &CLIENTS)?;
    let highest_per_s = sends.last().map_or(0.0, send::Finding::per_s);
    let delivered = deliver::find(stage, &deployment, &[MODEST, (SHARE * highest_per_s).round()])?;
    let home = home::find(stage, &deployment)?;
    let pictures = picture::find(stage, &deployment)?;
    deployment.sync_each_answer()?;
    let synced_sends = send::find(stage, &deployment, &CLIENTS[..1])?;
    let synced_delivered = deliver::find(stage, &deployment, &[MODEST])?;
    let mut rows: Vec<_> = sends.iter().flat_map(send::Finding::rows).collect();
    rows.extend(delivered.iter().map(deliver::Finding::row));
    rows.extend(synced_sends.iter().map(|found| synced(found.row())));
    rows.extend(synced_delivered.iter().map(|found| synced(found.row())));
    rows.extend(home.rows());
    rows.extend(pictures.rows());
    Ok(Section {
        rows,
        charts: vec![send::chart(&sends), deliver::chart(&delivered), home.chart()],
        raw: json!({
            "nodes": 1, "workers": 1, "text_bytes": TEXT_BYTES,
            "sends": sends, "delivered": delivered, "home": home, "pictures": pictures,
            "synced": { "sends": synced_sends, "delivered": synced_delivered }
        }),
    })
}

/// Of Redis that writes to the disk before it answers.
fn synced(row: Row) -> Row {
    Row { measure: format!("{}, synced each", row.measure), ..row }
}
