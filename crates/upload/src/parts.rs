//! Parts: which are there, and addresses for those that are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use sign::sigv4::{Presign, presign};

use crate::record::Upload;
use crate::{Error, Result, Uploads};

/// Most addresses that are given at once.
pub const BATCH: usize = 16;

/// A part that a browser is about to send.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its number.
    pub number: u32,
    /// CRC-32 of its bytes, four bytes in Base64.
    pub crc32: String,
}

/// A request that a browser can send once it has the bytes. `content-length` is signed too; browsers set it
/// themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presigned {
    /// The part's number.
    pub number: u32,
    /// Where to PUT it.
    pub url: String,
    /// The value that `x-amz-checksum-crc32` must have.
    pub crc32: String,
}

impl Uploads {
    /// The numbers of the parts that are there and of the right length, ascending.
    pub async fn have(&self, upload: &Upload) -> Result<Vec<u32>> {
        Ok(self.stored(upload).await?.into_iter().map(|part| part.number).collect())
    }

    /// Addresses for parts of an open upload: each for this part, this length and this checksum, for some minutes.
    ///
    /// # Errors
    /// [`Error::NoUpload`] when it is complete, [`Error::Batch`], [`Error::NoPart`], [`Error::Checksum`].
    pub fn addresses(&self, upload: &Upload, wanted: &[Wanted], now: Timestamp) -> Result<Vec<Presigned>> {
        if upload.completed_at.is_some() {
            return Err(Error::NoUpload(upload.id));
        }
        if wanted.is_empty() || wanted.len() > BATCH {
            return Err(Error::Batch { most: BATCH });
        }
        let moment = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let at = moment.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (id, secret, endpoint) = (upload.id.to_string(), self.secret(upload), self.endpoint());
        let address = |wanted: &Wanted| {
            let length = upload.cut().size_of(wanted.number).ok_or(Error::NoPart(wanted.number))?;
            let four = STANDARD.decode(&wanted.crc32).is_ok_and(|bytes| bytes.len() == 4);
            if !four {
                return Err(Error::Checksum(wanted.number));
            }
            let url = presign(&Presign {
                method: "PUT",
                endpoint: &endpoint,
                path: &format!("/{}/{}", upload.bucket, upload.key.as_str()),
                query: &[("partNumber", &wanted.number.to_string()), ("uploadId", &id)],
                headers: &[("content-length", &length.to_string()), ("x-amz-checksum-crc32", &wanted.crc32)],
                key: &Self::key_id(upload),
                secret: &secret,
                region: blob::REGION,
                at: &at,
                seconds: self.inner.config.address_seconds,
            });
            Ok(Presigned { number: wanted.number, url, crc32: wanted.crc32.clone() })
        };
        wanted.iter().map(address).collect()
    }

    /// The parts that are there and of the right length, ascending.
    pub(crate) async fn stored(&self, upload: &Upload) -> Result<Vec<blob::Part>> {
        let cut = upload.cut();
        let mut all = self.inner.blob.parts(upload.id, 0, cut.count() as usize + 1).await?.parts;
        all.retain(|part| cut.size_of(part.number) == Some(part.size));
        Ok(all)
    }

    fn endpoint(&self) -> String {
        self.inner.s3_url.origin().ascii_serialization()
    }
}
