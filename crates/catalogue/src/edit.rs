//! What people write about a title. Nobody's change is lost: who changes says which version they saw.

use db::{Tx, args};
use model::TitleId;
use model::title::Visibility;

use crate::{Catalogue, Error, Result, title};

/// Most characters of a description.
pub(crate) const DESCRIPTION_CHARS: usize = 5000;

/// Changes to a title or a draft; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edit<'a> {
    /// Its name, 1 to 200 characters.
    pub name: Option<&'a str>,
    /// What it is about: plain text of several lines, at most 5000 characters.
    pub description: Option<&'a str>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
}

/// An [`Edit`] that may be written.
pub(crate) struct Checked<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) folded: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) visibility: Option<&'static str>,
}

impl Edit<'_> {
    pub(crate) fn checked(&self) -> Result<Checked<'_>> {
        let name = self.name.map(title::checked).transpose()?;
        Ok(Checked {
            name,
            folded: name.map(title::fold),
            description: self.description.map(described).transpose()?,
            visibility: self.visibility.map(Visibility::as_str),
        })
    }
}

const EDIT: &str = "UPDATE titles SET name = COALESCE($2, name), folded = COALESCE($3, folded),
        description = COALESCE($4, description), visibility = COALESCE($5, visibility), edited = edited + 1
    WHERE id = $1 AND deleted_at IS NULL AND (CAST($6 AS BIGINT) IS NULL OR edited = $6)";

impl Catalogue {
    /// Changes what people wrote about a title. With `seen`, only if it is still at that version
    /// ([`crate::Title::edited`]).
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Description`], [`Error::NoTitle`], [`Error::Stale`].
    pub async fn edit(&self, id: TitleId, seen: Option<u64>, edit: &Edit<'_>) -> Result<()> {
        let Checked { name, folded, description, visibility } = edit.checked()?;
        let args = args![id, name, folded, description, visibility, seen];
        if self.db.execute(EDIT, args).await? == 1 {
            return Ok(());
        }
        self.title(id).await?;
        Err(Error::Stale { title: id })
    }

    /// Gives a title another name of 1 to 200 characters.
    pub async fn rename(&self, id: TitleId, name: &str) -> Result<()> {
        self.edit(id, None, &Edit { name: Some(name), ..Edit::default() }).await
    }
}

/// Changes a title in the caller's transaction, whatever its version.
pub(crate) async fn edit_in(tx: &mut Tx, id: TitleId, edit: &Checked<'_>) -> Result<()> {
    let args =
        args![id, edit.name, edit.folded.clone(), edit.description.clone(), edit.visibility, None::<u64>];
    if tx.execute(EDIT, args).await? == 1 { Ok(()) } else { Err(Error::NoTitle { title: id }) }
}

/// Takes a description as it was typed, with one kind of line break and no other control characters.
fn described(text: &str) -> Result<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim();
    let good = text.chars().count() <= DESCRIPTION_CHARS
        && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if good { Ok(text.to_owned()) } else { Err(Error::Description) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_their_lines_and_nothing_else_that_controls() {
        assert_eq!(described(" one\r\ntwo\rthree\n\tfour ").unwrap(), "one\ntwo\nthree\n\tfour");
        assert_eq!(described("<b>").unwrap(), "<b>");
        assert!(described("a\u{1b}[2J").is_err());
        assert!(described(&"é".repeat(DESCRIPTION_CHARS)).is_ok());
        assert!(described(&"é".repeat(DESCRIPTION_CHARS + 1)).is_err());
    }
}
