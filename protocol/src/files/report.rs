//! A watcher's own list, as it answers to `GET /files`.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Instance, SEQNO_MAX, check_filename};

/// What a watcher says is in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// Who answered.
    pub instance: Instance,
    /// The names that can be listed, in the order in which they came. Two may be equal: names that are no UTF-8 may
    /// look the same.
    pub files: Vec<Cow<'a, str>>,
    /// How many names were left out, because they break a rule of [`check_filename`].
    pub left_out: usize,
    /// Every operation up to this one is in the list. Later ones may be, too.
    pub seqno: u64,
}

/// An answer that is no list of a watcher.
#[derive(Debug, thiserror::Error)]
pub enum BadReport {
    /// It has not the form of one.
    #[error(
        "its answer is no list like {{\"instance\":…,\"files\":[{{\"filename\":…}}],\"seqno\":…}}: see line {} column {}",
        .0.line(),
        .0.column()
    )]
    Form(#[from] serde_json::Error),
    /// Its number is beyond all bounds.
    #[error("the seqno of its list is {0}: at most {SEQNO_MAX} is allowed")]
    Seqno(u64),
}

#[derive(Deserialize)]
struct Wire<'a> {
    instance: Instance,
    /// The original writes `null` when its folder is empty.
    #[serde(borrow, default)]
    files: Option<Vec<FileWire<'a>>>,
    seqno: u64,
}

#[derive(Deserialize)]
struct FileWire<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
}

/// Reads a watcher's answer.
///
/// # Errors
/// [`BadReport`] says what is wrong, for the operator.
pub fn read_report(body: &[u8]) -> Result<Report<'_>, BadReport> {
    let Wire { instance, files, seqno } = serde_json::from_slice(body)?;
    if seqno > SEQNO_MAX {
        return Err(BadReport::Seqno(seqno));
    }
    let all = files.unwrap_or_default();
    let count = all.len();
    let files: Vec<_> =
        all.into_iter().map(|file| file.filename).filter(|name| check_filename(name).is_ok()).collect();
    Ok(Report { instance, left_out: count - files.len(), files, seqno })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_an_empty_list_also_when_it_is_written_as_null() {
        for files in ["[]", "null"] {
            let text = format!("{{\"instance\":\"a\",\"files\":{files},\"seqno\":1}}");
            assert!(read_report(text.as_bytes()).unwrap().files.is_empty());
        }
    }

    #[test]
    fn names_that_cannot_be_listed_are_left_out_and_counted() {
        let text = br#"{"instance":"a","files":[{"filename":""},{"filename":"b"},{"filename":"c\u0000"}],"seqno":7}"#;
        let report = read_report(text).unwrap();
        assert_eq!((report.files.as_slice(), report.left_out, report.seqno), (&[Cow::from("b")][..], 2, 7));
    }
}
