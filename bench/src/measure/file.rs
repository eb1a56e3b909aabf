//! Files: a change on a disk until a client has it, through a real watcher, beside what inotify tells by itself. Then a listing
//! of a million files of a hundred watchers, beside one of ten thousand in the same run: a change and a page must cost the same
//! in both. And all of it at once: time, and memory.

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::listing::Watched;
use crate::report::Section;

mod change;
mod disk;
mod growth;
mod listed;
mod page;
mod size;
mod whole;

use listed::Listed;

/// The two listings.
const SMALL: Watched = Watched { watchers: 100, files: 10_000 };
const LARGE: Watched = Watched { watchers: 100, files: 1_000_000 };

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let disk = disk::find(stage)?;
    let mut small = Listed::load(stage, "small", SMALL)?;
    let mut large = Listed::load(stage, "large", LARGE)?;
    let changes = change::find(stage, &mut small, &mut large)?;
    let pages = page::find(stage, &mut small, &mut large)?;
    let size = size::find(&small, &large)?;
    let whole = whole::find(stage, &mut large)?;
    let mut rows = vec![disk.row()];
    rows.extend(changes.rows());
    rows.extend(pages.rows());
    rows.extend(whole.rows());
    rows.extend(size.rows(&large, &whole));
    Ok(Section {
        rows,
        charts: vec![disk.chart(), changes.chart()],
        raw: json!({
            "nodes": 1, "workers": 1, "small": SMALL, "large": LARGE,
            "disk": disk, "changes": changes, "pages": pages, "whole": whole, "size": size,
            "load_s": { "small": small.load_s, "large": large.load_s },
        }),
    })
}
