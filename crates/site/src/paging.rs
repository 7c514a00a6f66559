//! Pages of long lists.

/// Cuts a list, of which one row more than fits a page was asked for, to the page; answers whether there is more.
pub(crate) fn cut<T>(rows: &mut Vec<T>, page: u32) -> bool {
    let most = page as usize;
    let more = rows.len() > most;
    rows.truncate(most);
    more
}
