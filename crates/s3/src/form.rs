//! Uploads by forms of browsers (`POST` of `multipart/form-data`): the owner of a key signs a policy, and everybody
//! with the form may send one file within it.

mod body;
mod policy;

use std::collections::BTreeMap;
use std::time::Duration;

use blob::{Blob, By, Checksum, Condition, Means, New, Object, Staged, StorageClass};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use s3s::dto::{PostResponse, Timestamp, TimestampFormat};
use s3s::xml::{Serialize as _, Serializer};
use s3s::{Body, S3Error, S3Result, s3_error};
use sign::sigv4::Scope;
use tokio::time::timeout;

use crate::access::Guard;
use crate::convert::{Encoding, acl, key, storage_class};
use crate::error::{from_blob, not_offered};
use crate::given::Given;
use crate::host::{Domains, Place, origin};
use crate::permission::{self, Buckets};
use crate::{checksum, convert, gate, tags};
use body::{Fields, Form};
use policy::Policy;

/// The largest file of a form in bytes: 5 GiB, as in S3.
const MAX_FILE: u64 = 5 << 30;

/// The longest address that a browser is sent to.
const MAX_REDIRECT: usize = 2048;

/// Handles forms.
pub(crate) struct Desk<'a> {
    pub(crate) blob: &'a Blob,
    pub(crate) guard: &'a Guard,
    pub(crate) domains: &'a Domains,
    /// The longest time for the fields before the file: until they are there nobody knows whose form it is.
    pub(crate) time_limit: Duration,
}

/// Answers one form.
pub(crate) async fn answer(desk: Desk<'_>, request: Request<Body>) -> S3Result<Response<Body>> {
    let Desk { blob, guard, domains, time_limit } = desk;
    let (parts, body) = request.into_parts();
    let Place { bucket: Some(bucket), key } = domains.path(&parts) else {
        return Err(s3_error!(MethodNotAllowed, "A form must be sent to the URL of a bucket."));
    };
    if !key.is_empty() {
        return Err(s3_error!(MethodNotAllowed, "A form gives the key in a field, not in the URL."));
    }
    let bucket = bucket.as_str();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut form = Form::new(content_type, body)?;
    let fields = timeout(time_limit, form.fields()).await.map_err(|_| late())??;

    let signed = signed(guard, &fields).await?;
    permission::check(&signed, bucket)?;
    let text = fields.get("policy").unwrap_or_default();
    let policy = Policy::read(text, MAX_FILE)?;
    policy.check(&fields.values, bucket, blob.now())?;
    let (new, given) = new(bucket, &fields)?;
    let new = New { condition: convert::condition_in(&parts.headers)?, ..new };
    blob.bucket(&new.bucket).await.map_err(from_blob)?;

    let staged = stage(blob, &mut form, &policy, given.as_ref()).await?;
    let object = blob.commit(staged, new).await.map_err(from_blob)?;
    Ok(done(&object, &fields, &origin(&parts.headers, &parts.extensions)))
}

fn late() -> S3Error {
    s3_error!(RequestTimeout, "Receiving the fields of the form took too long.")
}

/// The buckets that the signer's key opens.
async fn signed(guard: &Guard, fields: &Fields) -> S3Result<Buckets> {
    if fields.get("signature").is_some() || fields.get("awsaccesskeyid").is_some() {
        return Err(gate::old_signature());
    }
    if fields.get("policy").is_none() {
        return Err(s3_error!(AccessDenied, "Forms must be signed: the policy is missing."));
    }
    let need = |name: &str| {
        let missing = || s3_error!(InvalidArgument, "The form has no field {name} before the file.");
        fields.get(name).ok_or_else(missing)
    };
    let (policy, signature) = (need("policy")?, need("x-amz-signature")?);
    if need("x-amz-algorithm")? != "AWS4-HMAC-SHA256" {
        return Err(gate::old_signature());
    }
    let malformed = || s3_error!(AuthorizationHeaderMalformed, "The form's x-amz-credential cannot be read.");
    let scope = Scope::parse(need("x-amz-credential")?).filter(|scope| scope.service == "s3");
    let scope = scope.ok_or_else(malformed)?;
    if need("x-amz-date")?.get(..8) != Some(scope.day) {
        return Err(malformed());
    }
    let access = guard.find(scope.key).await?;
    match scope.is_signed(policy.as_bytes(), signature, access.secret.text()) {
        true => Ok(access.buckets),
        false => Err(s3_error!(SignatureDoesNotMatch, "The signature of the form does not match.")),
    }
}

/// The object that the form describes, and the checksum it gives.
fn new(bucket: &str, fields: &Fields) -> S3Result<(New, Option<Checksum>)> {
    let name = fields.get("key").ok_or_else(|| s3_error!(InvalidArgument, "The form has no key."))?;
    // Some browsers tell the whole path.
    let file = fields.filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut metadata = s3s::dto::Metadata::new();
    let mut class = StorageClass::default();
    let mut checksums: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in &fields.values {
        match name.strip_prefix("x-amz-") {
            Some("algorithm" | "credential" | "date" | "signature") | None => {}
            Some("storage-class") => class = storage_class(Some(value))?,
            Some("checksum-algorithm") => drop(checksum::algorithm(value)?),
            Some(rest) => match (rest.strip_prefix("meta-"), rest.strip_prefix("checksum-")) {
                (Some(name), _) => drop(metadata.insert(name.to_owned(), value.clone())),
                (_, Some(algorithm)) => drop(checksums.insert(algorithm, value)),
                _ => return Err(not_offered(&format!("the field {name}"))),
            },
        }
    }
    acl(fields.get("acl"))?;
    let given = checksum::one(blob::Algorithm::ALL.map(|a| (a, checksums.remove(a.as_str()))))?;
    if let Some((name, _)) = checksums.first_key_value() {
        return Err(s3_error!(InvalidRequest, "Unknown checksum algorithm {name}."));
    }
    let field = |name: &str| fields.get(name).map(str::to_owned);
    let expires = field("expires").map(|text| Timestamp::parse(TimestampFormat::HttpDate, &text)).transpose();
    let attributes = Given {
        content_type: field("content-type"),
        cache_control: field("cache-control"),
        content_disposition: field("content-disposition"),
        content_encoding: field("content-encoding"),
        content_language: field("content-language"),
        expires: expires.map_err(|_| s3_error!(InvalidArgument, "Expires is not a date."))?,
        metadata: Some(metadata),
        storage_class: class,
        tags: fields.get("tagging").map(tags::from_xml).transpose()?.unwrap_or_default(),
    };
    let new = New {
        bucket: convert::bucket(bucket)?,
        key: key(&name.replace("${filename}", file))?,
        attributes: attributes.check()?,
        condition: Condition::None,
        by: By::Client(Means::Post),
    };
    Ok((new, given))
}

/// Brings the file to the disk and checks it.
async fn stage(
    blob: &Blob,
    form: &mut Form<Body>,
    policy: &Policy,
    given: Option<&Checksum>,
) -> S3Result<Staged> {
    let mut writer = blob.writer(None, given.map(|given| given.algorithm)).await.map_err(from_blob)?;
    while let Some(piece) = form.piece().await? {
        writer.write(piece).await.map_err(from_blob)?;
        if writer.size() > *policy.length.end() {
            return Err(s3_error!(
                EntityTooLarge,
                "The policy allows at most {} bytes.",
                policy.length.end()
            ));
        }
    }
    if writer.size() < *policy.length.start() {
        return Err(s3_error!(
            EntityTooSmall,
            "The policy requires at least {} bytes.",
            policy.length.start()
        ));
    }
    let staged = writer.finish().await.map_err(from_blob)?;
    staged.expect(None, given).map_err(from_blob)?;
    Ok(staged)
}

/// The answer for the browser, as the form wishes.
fn done(object: &Object, fields: &Fields, origin: &str) -> Response<Body> {
    let (bucket, key) = (object.bucket.as_str(), object.key.as_str());
    let etag = format!("\"{}\"", object.etag);
    let path = format!("{origin}/{bucket}/{}", Encoding::Url.write(key));
    let redirect = fields.get("success_action_redirect").or(fields.get("redirect"));
    let redirect = redirect
        .filter(|to| to.len() <= MAX_REDIRECT && (to.starts_with("https://") || to.starts_with("http://")));
    let to = redirect.and_then(|to| {
        let (to, anchor) = to.split_at(to.find('#').unwrap_or(to.len()));
        let mark = if to.contains('?') { '&' } else { '?' };
        let key = Encoding::Url.write(key);
        HeaderValue::from_str(&format!(
            "{to}{mark}bucket={bucket}&key={key}&etag=%22{}%22{anchor}",
            object.etag
        ))
        .ok()
    });
    let (status, body) = match (&to, fields.get("success_action_status")) {
        (Some(_), _) => (StatusCode::SEE_OTHER, Vec::new()),
        (None, Some("200")) => (StatusCode::OK, Vec::new()),
        (None, Some("201")) => (StatusCode::CREATED, described(&path, object, &etag)),
        (None, _) => (StatusCode::NO_CONTENT, Vec::new()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let location = to.or_else(|| HeaderValue::from_str(&path).ok());
    headers.extend(location.map(|location| (LOCATION, location)));
    headers.extend(HeaderValue::from_str(&etag).ok().map(|etag| (ETAG, etag)));
    if status == StatusCode::CREATED {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    response
}

/// The description of the stored object.
fn described(path: &str, object: &Object, etag: &str) -> Vec<u8> {
    let told =
        PostResponse { location: path, bucket: object.bucket.as_str(), key: object.key.as_str(), etag };
    let mut text = Vec::new();
    let mut xml = Serializer::new(&mut text);
    // Writing to memory cannot fail.
    let _ = xml.decl().and_then(|()| told.serialize(&mut xml));
    text
}
