//! Chat: messages a second through the three layers, beside what Redis takes of the same writes, pipelined by one client; from
//! sending to delivery at two rates, beside an echo; the home screen of a user with a thousand conversations of which three
//! changed, beside all of it; pictures, beside an echo of their bytes.

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::report::Section;
use crate::server::Deployment;
use crate::talk::TEXT_BYTES;

mod deliver;
mod home;
mod picture;
mod send;
mod write;

/// Clients, in pairs: at first, and then for the rest.
const CLIENTS: [usize; 2] = [100, 1_000];

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let sends = send::find(stage, &deployment)?;
    let highest_per_s = sends.last().map_or(0.0, send::Finding::per_s);
    let delivered = deliver::find(stage, &deployment, highest_per_s)?;
    let home = home::find(stage, &deployment)?;
    let pictures = picture::find(stage, &deployment)?;
    let mut rows: Vec<_> = sends.iter().flat_map(send::Finding::rows).collect();
    rows.extend(delivered.iter().map(deliver::Finding::row));
    rows.extend(home.rows());
    rows.extend(pictures.rows());
    Ok(Section {
        rows,
        charts: vec![send::chart(&sends), deliver::chart(&delivered), home.chart()],
        raw: json!({
            "nodes": 1, "workers": 1, "text_bytes": TEXT_BYTES,
            "sends": sends, "delivered": delivered, "home": home, "pictures": pictures
        }),
    })
}
