//! Sets: operations a second through the three layers, beside as many HSETs pipelined by one client to the same Redis; from
//! a change to the receipt at a thousand viewers, beside a bare loop; memory of an element, beside a plain hash.

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::element::set_id;
use crate::report::Section;
use crate::server::Deployment;

mod apply;
mod hset;
mod size;
mod spread;

/// Sets that clients change at the same time.
const SETS: usize = 10;

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let size = size::find(&deployment)?;
    for set in 0..SETS {
        deployment.create_set(&set_id(set))?;
    }
    let applied = apply::find(stage, &deployment)?;
    let spread = spread::find(stage, &deployment)?;
    let mut rows: Vec<_> = applied.iter().flat_map(apply::Finding::rows).collect();
    rows.push(spread.row());
    rows.push(size.row());
    Ok(Section {
        rows,
        charts: vec![apply::chart(&applied), spread.chart(), size.chart()],
        raw: json!({
            "nodes": 1, "workers": 1, "sets": SETS, "applied": applied, "spread": spread, "size": size
        }),
    })
}
