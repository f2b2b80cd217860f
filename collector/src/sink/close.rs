//! From a spool to a closed file: ids gone, flow lines sorted, sums added up.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use collector_common::schema::Line;

use super::{
    SinkError,
    disk::Disk,
    frame,
    name::{FileId, Kind, Node},
    queue::push_line,
    recover::{self, Content, path},
    spool::sync_folder,
    whole::WholeFile,
};

/// Closes a spool; `finished` as in [`recover::content`]. Killed at any point, it does the rest when called again: the closed file
/// appears whole by its rename, and only then the spool goes.
pub(super) fn close(
    folder: &Path,
    node: &Node,
    (id, finished): (FileId, bool),
    disk: &mut dyn Disk,
) -> Result<(), SinkError> {
    let spool = path(folder, node, id, Kind::Spool);
    let closed = path(folder, node, id, Kind::Closed);
    if !closed.exists() {
        let content = recover::content(&spool, finished)?;
        let text = text(content).map_err(|error| SinkError::new("close", &spool, error))?;
        if let Some(text) = text {
            write(&closed, &text, disk)?;
        }
    }
    match fs::remove_file(&spool) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SinkError::new("remove", &spool, error))
        }
        _ => sync_folder(folder),
    }
}

/// The closed file's text; `None` where the spool holds no record.
///
/// Sorting lines as text groups them by hour (the first field) and, within the hour, hides the
/// order in which flows ended; equal lines beside each other compress well.
fn text(mut content: Content) -> io::Result<Option<String>> {
    if content.flows.is_empty() && content.ledger.is_empty() {
        return Ok(None);
    }
    let Some(header) = content.header else {
        let error = "its first frame holds no header";
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    };
    content.flows.sort_unstable();
    let mut text = String::new();
    push_line(&mut text, &Line::Header(header));
    text.extend(content.flows);
    for line in content.ledger.lines() {
        push_line(&mut text, &line);
    }
    Ok(Some(text))
}

fn write(closed: &Path, text: &str, disk: &mut dyn Disk) -> Result<(), SinkError> {
    let mut file = WholeFile::create(closed, disk)?;
    frame::encode(text.as_bytes(), frame::SMALL)
        .and_then(|bytes| file.write_all(&bytes))
        .map_err(|error| file.wrong(error))?;
    file.finish()
}
