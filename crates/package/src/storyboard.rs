//! The WebVTT file that says which tile of a storyboard shows which time, as players of the web read it.

use std::fmt::Write as _;

use model::media::Storyboard;

use crate::webvtt::Clock;
use crate::{Error, Request, Result};

/// Tiles that are listed at most.
const MAX_TILES: u32 = 100_000;

/// Renders the file of a title that lasts so many ms.
pub(crate) fn vtt(board: &Storyboard, duration_ms: u64) -> Result<String> {
    let sheet = board.columns.saturating_mul(board.rows);
    if sheet == 0 || board.interval_ms == 0 || board.count > MAX_TILES {
        return Err(Error::Malformed { what: "storyboard", why: "it has no tiles or too many" });
    }
    let mut out = String::from("WEBVTT\n\n");
    for n in 0..board.count {
        let start = u64::from(n) * u64::from(board.interval_ms);
        let end = duration_ms.min(start + u64::from(board.interval_ms));
        if end <= start {
            break;
        }
        let place = n % sheet;
        let x = (place % board.columns).saturating_mul(board.tile_width);
        let y = (place / board.columns).saturating_mul(board.tile_height);
        let file = Request::Storyboard(n / sheet);
        let _ = write!(
            out,
            "{} --> {}\n{file}#xywh={x},{y},{},{}\n\n",
            Clock(start),
            Clock(end),
            board.tile_width,
            board.tile_height
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_listed_sheet_by_sheet() {
        let board =
            Storyboard { tile_width: 160, tile_height: 90, columns: 2, rows: 1, interval_ms: 2000, count: 3 };
        let expected = "WEBVTT\n\n\
            00:00:00.000 --> 00:00:02.000\nstoryboard/0.jpg#xywh=0,0,160,90\n\n\
            00:00:02.000 --> 00:00:04.000\nstoryboard/0.jpg#xywh=160,0,160,90\n\n\
            00:00:04.000 --> 00:00:05.100\nstoryboard/1.jpg#xywh=0,0,160,90\n\n";
        assert_eq!(vtt(&board, 5100).unwrap(), expected);
        assert!(vtt(&Storyboard { columns: 0, ..board }, 1).is_err());
        let foreign = Storyboard { tile_width: u32::MAX, columns: 3, ..board };
        assert!(vtt(&foreign, 5100).unwrap().contains("#xywh=4294967295,0,"));
    }
}
