//! How commands show their answers: a table for people, JSON for scripts.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::cli::Output;

/// In place of the standard one in this crate, which panics once nobody reads on: `kinora job ls | head -n 1`.
macro_rules! println {
    ($($text:tt)*) => { $crate::print::line(format_args!($($text)*)) };
}

/// Writes a line to standard output. A reader that closes it early misses nothing, and the command runs to its end.
///
/// # Panics
/// If it cannot be written for another reason, such as a full disk.
pub(crate) fn line(text: Arguments<'_>) {
    part(format_args!("{text}\n"));
}

/// The same without the line's end.
fn part(text: Arguments<'_>) {
    match write!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("cannot write the answer: {error}"),
        _ => {}
    }
}

/// Prints rows under headings, columns as wide as their widest cell.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    part(format_args!("{}", Table::under(headings).text(rows)));
}

/// A table that is printed part by part: a column is as wide as its widest cell so far.
struct Table {
    widths: Vec<usize>,
    /// Until they are printed.
    headings: Option<Vec<String>>,
}

impl Table {
    fn under(headings: &[&str]) -> Self {
        Self {
            widths: vec![0; headings.len()],
            headings: Some(headings.iter().map(ToString::to_string).collect()),
        }
    }

    fn text(&mut self, rows: &[Vec<String>]) -> String {
        let headings = self.headings.take();
        for row in headings.iter().chain(rows) {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&self.widths);
            let padded: Vec<String> = cells.map(|(cell, &width)| format!("{cell:<width$}")).collect();
            padded.join("  ").trim_end().to_owned() + "\n"
        };
        headings.iter().chain(rows).map(line).collect()
    }
}

/// Prints a listing of any length page by page: JSON for scripts, for people a table with a row for each.
pub(crate) struct Listing<R> {
    json: bool,
    table: Table,
    row: R,
    /// Rows so far.
    rows: usize,
}

impl<R> Listing<R> {
    pub(crate) fn of<T: Serialize>(output: Output, headings: &[&str], row: R) -> Self
    where
        R: Fn(&T) -> Vec<String>,
    {
        Self { json: output.json, table: Table::under(headings), row, rows: 0 }
    }

    /// Prints a page.
    pub(crate) fn print<T: Serialize>(&mut self, page: &[T]) -> anyhow::Result<()>
    where
        R: Fn(&T) -> Vec<String>,
    {
        part(format_args!("{}", self.text(page)?));
        Ok(())
    }

    /// Prints what follows the last page: for people, `nothing` where there was no row at all.
    pub(crate) fn end(self, nothing: &str) {
        part(format_args!("{}", self.rest(nothing)));
    }

    fn text<T: Serialize>(&mut self, page: &[T]) -> anyhow::Result<String>
    where
        R: Fn(&T) -> Vec<String>,
    {
        let mut text = String::new();
        if self.json {
            for (n, item) in page.iter().enumerate() {
                text += if self.rows + n == 0 { "[\n  " } else { ",\n  " };
                text += &serde_json::to_string_pretty(item)?.replace('\n', "\n  ");
            }
        } else if !page.is_empty() {
            text = self.table.text(&page.iter().map(&self.row).collect::<Vec<_>>());
        }
        self.rows += page.len();
        Ok(text)
    }

    fn rest(self, nothing: &str) -> String {
        match (self.json, self.rows) {
            (true, 0) => "[]\n".into(),
            (true, _) => "\n]\n".into(),
            (false, 0) => format!("{nothing}\n"),
            (false, _) => String::new(),
        }
    }
}

/// Prints a list that is there whole: JSON for scripts, for people a table with a row for each.
pub(crate) fn list<T: Serialize>(
    output: Output,
    headings: &[&str],
    all: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if output.json {
        return json(&all);
    }
    table(headings, &all.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Text that a terminal may show: control characters (a name is foreign text) become `\u{…}`.
pub(crate) fn safe(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(json: bool, pages: &[&[&str]]) -> String {
        let row = |word: &&str| vec![word.len().to_string(), (*word).to_owned()];
        let mut listing = Listing::of(Output { json }, &["N", "WORD"], row);
        let mut text = String::new();
        for page in pages {
            text += &listing.text(page).unwrap();
        }
        text + &listing.rest("Nothing.")
    }

    #[test]
    fn pages_of_a_listing_make_one_list() {
        let pages: [&[&str]; 3] = [&["a", "b\nc"], &[], &["d"]];
        let whole = serde_json::to_string_pretty(&["a", "b\nc", "d"]).unwrap() + "\n";
        assert_eq!(listed(true, &pages), whole);
        assert_eq!(listed(true, &[&[]]), "[]\n");
        assert_eq!(listed(false, &[&["a", "bc"], &["d"]]), "N  WORD\n1  a\n2  bc\n1  d\n");
        assert_eq!(listed(false, &[&[]]), "Nothing.\n");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
