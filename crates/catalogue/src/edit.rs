//! Edits of a title's details. No change is lost: an edit names the version that its author saw.

use db::{Tx, args};
use model::TitleId;
use model::title::Visibility;

use crate::{Catalogue, Error, Result, title, withdrawal};

/// Most characters of a description.
pub(crate) const DESCRIPTION_CHARS: usize = 5000;

/// Changes to a title or a draft; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edit<'a> {
    /// Its name, 1 to 200 characters.
    pub name: Option<&'a str>,
    /// Its description: plain text of several lines, at most 5000 characters.
    pub description: Option<&'a str>,
    /// The audience that may see it.
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

/// Tells by what it changes whether that is another word.
const SHOW: &str =
    "UPDATE titles SET visibility = $2 WHERE id = $1 AND deleted_at IS NULL AND visibility <> $2";

impl Catalogue {
    /// Changes what people wrote about a title. With `seen`, only if it is still at that version
    /// ([`crate::Title::edited`]). Where others may see it then, what is watched of it is to end
    /// ([`Catalogue::withdrawals`]).
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Description`], [`Error::NoTitle`], [`Error::Stale`].
    pub async fn edit(&self, id: TitleId, seen: Option<u64>, edit: &Edit<'_>) -> Result<()> {
        let edit = edit.checked()?;
        let mut tx = self.db.begin().await?;
        match edit_in(&mut tx, id, seen, &edit).await? {
            Edited::As { .. } => Ok(tx.commit().await?),
            Edited::Not => {
                drop(tx);
                self.title(id).await?;
                Err(Error::Stale { title: id })
            }
        }
    }

    /// Gives a title another name of 1 to 200 characters.
    pub async fn rename(&self, id: TitleId, name: &str) -> Result<()> {
        self.edit(id, None, &Edit { name: Some(name), ..Edit::default() }).await
    }
}

/// Result of an edit.
pub(crate) enum Edited {
    /// The title is as it was wanted.
    As {
        /// Whether others may see it now than before.
        visibility: bool,
    },
    /// There is no such title, or not at that version.
    Not,
}

/// Changes a title in the caller's transaction, which is rolled back where it was [`Edited::Not`].
pub(crate) async fn edit_in(
    tx: &mut Tx,
    id: TitleId,
    seen: Option<u64>,
    edit: &Checked<'_>,
) -> Result<Edited> {
    let visibility = match edit.visibility {
        Some(word) => tx.execute(SHOW, args![id, word]).await? == 1,
        None => false,
    };
    let args = args![id, edit.name, edit.folded.clone(), edit.description.clone(), edit.visibility, seen];
    if tx.execute(EDIT, args).await? == 0 {
        return Ok(Edited::Not);
    }
    if visibility {
        withdrawal::write(tx, id).await?;
    }
    Ok(Edited::As { visibility })
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
