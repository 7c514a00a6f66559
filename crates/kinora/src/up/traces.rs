//! Credentials that `kinora up` leaves in a database and prints on its terminal: an operator and an S3 key. Production
//! looks for them.

use identity::Identity;

/// The first operator of a development installation.
pub(super) const OPERATOR: &str = "operator@localhost";
/// Name of the S3 key that is made and printed.
pub(super) const S3_KEY: &str = "development";

/// Whether the S3 key that was printed works.
pub(crate) async fn has_s3_key(identity: &Identity) -> anyhow::Result<bool> {
    let keys = identity.live_access_keys().await?;
    Ok(keys.iter().any(|key| key.name == S3_KEY))
}

/// Ends the sign-in links that were printed.
pub(crate) async fn end_links(identity: &Identity) -> anyhow::Result<()> {
    if let Some(operator) = identity.account_of(OPERATOR).await? {
        let links = identity.end_links(operator.id).await?;
        tracing::info!(links, "sign-in links of the development profile revoked");
    }
    Ok(())
}

/// Whether nobody can operate this installation yet. The operator of `kinora up` does not count: anybody who read its
/// terminal could sign in as that.
pub(crate) async fn lacks_operator(identity: &Identity) -> anyhow::Result<bool> {
    Ok(!identity.has_operator_beside(OPERATOR).await?)
}
