//! Bodies on their way in: whole objects and parts.

use blob::{Algorithm, Blob, By, Checksum, Means, New, Staged};
use http::HeaderMap;
use s3s::dto::{PutObjectInput, PutObjectOutput, StreamingBlob, UploadPartInput, UploadPartOutput};
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};

use crate::convert::{bucket, condition, etag, key, number, refuse, size, upload_id};
use crate::error::from_blob;
use crate::given::{attributes, refuse_on_write};
use crate::{checksum, encryption, multipart};

/// The length of a body without what frames its pieces (`aws-chunked`).
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

pub(crate) async fn object(
    blob: &Blob,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let input = &mut request.input;
    refuse_on_write!(blob, input);
    refuse!(input, write_offset_bytes: "appending");
    let new = New {
        bucket: bucket(&input.bucket)?,
        key: key(&input.key)?,
        attributes: attributes!(input)?,
        condition: condition(input.if_match.take(), input.if_none_match.take())?,
        by: By::Client(Means::Put),
    };
    blob.bucket(&new.bucket).await.map_err(from_blob)?;
    let incoming = Incoming {
        body: input.body.take(),
        length: input.content_length,
        md5: checksum::md5(&request.headers)?,
        given: checksum::given!(input)?,
        asked: asked(input.checksum_algorithm.as_ref().map(|a| a.as_str()))?,
        headers: &request.headers,
        trailers: request.trailing_headers.as_ref(),
    };
    let object = blob.commit(incoming.stage(blob).await?, new).await.map_err(from_blob)?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&object.etag)),
        size: Some(size(object.size)),
        checksum_type: object.checksum.as_ref().map(checksum::kind),
        server_side_encryption: encryption::told(blob),
        ..PutObjectOutput::default()
    };
    checksum::fill!(output, &object.checksum);
    Ok(S3Response::new(output))
}

pub(crate) async fn part(
    blob: &Blob,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let input = &mut request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    let part = number(input.part_number)?;
    let upload = blob
        .upload(&bucket(&input.bucket)?, &key(&input.key)?, upload_id(&input.upload_id)?)
        .await
        .map_err(from_blob)?;
    let incoming = Incoming {
        body: input.body.take(),
        length: input.content_length,
        md5: checksum::md5(&request.headers)?,
        given: checksum::given!(input)?,
        asked: upload.checksum.or(asked(input.checksum_algorithm.as_ref().map(|a| a.as_str()))?),
        headers: &request.headers,
        trailers: request.trailing_headers.as_ref(),
    };
    let staged = incoming.stage(blob).await?;
    multipart::fits(&upload, staged.checksum())?;
    let part = blob.commit_part(upload.id, part, staged).await.map_err(from_blob)?;
    let mut output = UploadPartOutput {
        e_tag: Some(etag(&part.etag())),
        server_side_encryption: encryption::told(blob),
        ..UploadPartOutput::default()
    };
    checksum::fill!(output, &part.checksum);
    Ok(S3Response::new(output))
}

/// The checksum to compute although none is sent.
fn asked(name: Option<&str>) -> S3Result<Option<Algorithm>> {
    name.map(checksum::algorithm).transpose()
}

/// A body, and what its sender says about it.
struct Incoming<'a> {
    body: Option<StreamingBlob>,
    length: Option<i64>,
    md5: Option<[u8; 16]>,
    given: Option<Checksum>,
    asked: Option<Algorithm>,
    headers: &'a HeaderMap,
    trailers: Option<&'a TrailingHeaders>,
}

impl Incoming<'_> {
    /// Brings the bytes to the disk and checks them.
    async fn stage(self, blob: &Blob) -> S3Result<Staged> {
        let body = self.body.unwrap_or_else(|| s3s::Body::empty().into());
        // Without it nobody could tell an empty object from a lost header. Clients that send in pieces over TLS say it in
        // a header of their own and leave the length of the transfer open.
        let length = self.length.and_then(|length| u64::try_from(length).ok());
        let length = length.or_else(|| self.headers.get(DECODED_LENGTH)?.to_str().ok()?.parse().ok());
        let length = length
            .ok_or_else(|| s3_error!(MissingContentLength, "The Content-Length header is required."))?;
        let announced = checksum::announced(self.headers)?;
        if self.given.is_some() && announced.is_some() {
            return Err(s3_error!(
                InvalidRequest,
                "Send a checksum in a header or in a trailer, not in both."
            ));
        }
        let algorithm = self.given.as_ref().map(|c| c.algorithm).or(announced).or(self.asked);
        let staged = blob.stage(body, Some(length), algorithm).await.map_err(from_blob)?;
        let sent = match announced {
            Some(algorithm) => Some(checksum::trailing(algorithm, self.trailers)?),
            None => {
                checksum::none_trailing(self.trailers)?;
                self.given
            }
        };
        staged.expect(self.md5, sent.as_ref()).map_err(from_blob)?;
        Ok(staged)
    }
}
