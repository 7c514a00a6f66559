//! `multipart/form-data` (RFC 7578) as S3 takes it: fields, then one file, which is handed on as it comes.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use memchr::memmem;
use s3s::{S3Error, S3Result, s3_error};

use crate::error::incoming;

/// Bytes of all fields together, with their heads.
const MAX_FIELDS: usize = 64 << 10;

/// The longest boundary in bytes (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The fields before the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Names in lower case, and values.
    pub(super) values: Vec<(String, String)>,
    /// The file's name on the sender's side.
    pub(super) filename: String,
}

impl Fields {
    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a form as it comes; holds the fields, and of the file little more than a piece of the body.
pub(super) struct Form<S> {
    body: S,
    buffer: BytesMut,
    /// A line end and what stands between parts.
    delimiter: Vec<u8>,
    /// Bytes that fields and heads may still have.
    room: usize,
}

/// The head of a part.
struct Head {
    name: String,
    filename: Option<String>,
}

impl<S, E> Form<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A form with the boundary that its `Content-Type` names.
    pub(super) fn new(content_type: &str, body: S) -> S3Result<Self> {
        let boundary = content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        });
        let boundary = boundary.filter(|b| (1..=MAX_BOUNDARY).contains(&b.len()));
        let boundary = boundary.ok_or_else(|| malformed("The form has no boundary."))?;
        // The first delimiter has no line end before it: with one, it is found like the others.
        let buffer = BytesMut::from(b"\r\n".as_slice());
        Ok(Self { body, buffer, delimiter: format!("\r\n--{boundary}").into_bytes(), room: MAX_FIELDS })
    }

    /// Reads up to where the file begins.
    pub(super) async fn fields(&mut self) -> S3Result<Fields> {
        let mut fields = Fields::default();
        while let Some(Head { name, filename }) = self.head().await? {
            if name == "file" {
                fields.filename = filename.unwrap_or_default();
                return Ok(fields);
            }
            let delimiter = self.delimiter.clone();
            let value = self.until(&delimiter).await?;
            let value = String::from_utf8(value.into()).map_err(|_| malformed("A field is not UTF-8."))?;
            if fields.get(&name).is_some() {
                return Err(malformed("A field is there twice."));
            }
            fields.values.push((name, value));
        }
        Err(s3_error!(InvalidArgument, "POST requires exactly one file upload per request."))
    }

    /// The next piece of the file; `None` at its end. Only to be called after [`Form::fields`].
    pub(super) async fn piece(&mut self) -> S3Result<Option<Bytes>> {
        loop {
            if let Some(end) = memmem::find(&self.buffer, &self.delimiter) {
                return Ok(Some(self.buffer.split_to(end).freeze()).filter(|piece| !piece.is_empty()));
            }
            // The last bytes may be the beginning of the delimiter.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            self.more().await?;
        }
    }

    /// The head of the next part; `None` behind the last one.
    async fn head(&mut self) -> S3Result<Option<Head>> {
        while self.buffer.len() < self.delimiter.len() + 2 {
            self.more().await?;
        }
        let behind = self.take(self.delimiter.len() + 2)?;
        match behind.strip_prefix(&self.delimiter[..]) {
            Some(b"\r\n") => {}
            Some(b"--") => return Ok(None),
            _ => return Err(malformed("A part does not begin with the boundary.")),
        }
        let lines = self.until(b"\r\n\r\n").await?;
        self.take(4)?;
        let lines = std::str::from_utf8(&lines).map_err(|_| malformed("The head of a part is not UTF-8."))?;
        let disposition = lines.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
        });
        let disposition = disposition.ok_or_else(|| malformed("A part has no Content-Disposition."))?;
        let name = parameter(disposition, "name").ok_or_else(|| malformed("A part has no name."))?;
        Ok(Some(Head { name: name.to_ascii_lowercase(), filename: parameter(disposition, "filename") }))
    }

    /// The bytes before `mark`, counted against the space for fields.
    async fn until(&mut self, mark: &[u8]) -> S3Result<BytesMut> {
        loop {
            match memmem::find(&self.buffer, mark) {
                Some(end) => return self.take(end),
                None if self.buffer.len() > self.room => return Err(too_long()),
                None => self.more().await?,
            }
        }
    }

    fn take(&mut self, bytes: usize) -> S3Result<BytesMut> {
        self.room = self.room.checked_sub(bytes).ok_or_else(too_long)?;
        Ok(self.buffer.split_to(bytes))
    }

    async fn more(&mut self) -> S3Result<()> {
        match self.body.next().await {
            Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(incoming(&error.into().to_string())),
            None => return Err(s3_error!(IncompleteBody, "The form is incomplete.")),
        }
        Ok(())
    }
}

/// `NAME="value"` of a `Content-Disposition`, as browsers write it: quotes and line ends in values are escaped with `%`,
/// and by other clients with a backslash.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let mut rest = disposition;
    loop {
        let (_, behind) = rest.split_once(';')?;
        let (found, value) = behind.split_once('=')?;
        let value = value.trim_start();
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what stands behind that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        let (piece, behind) = (&rest[..end], &rest[end + 1..]);
        // Browsers leave a backslash as it is; before a quote it can only be an escape.
        match piece.strip_suffix('\\') {
            Some(piece) => text.extend([piece, "\""]),
            None => {
                text.push_str(piece);
                return Some((text, behind));
            }
        }
        rest = behind;
    }
}

fn malformed(what: &'static str) -> S3Error {
    s3_error!(MalformedPOSTRequest, "The form cannot be read: {what}")
}

fn too_long() -> S3Error {
    s3_error!(MaxPostPreDataLengthExceededError, "The fields of the form are too long.")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\nfilms/a\r\n--x\r\n\
        content-disposition: form-data; name=\"empty\"\r\n\r\n\r\n--x\r\n\
        Content-Type: video/mp4\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.mp4\"\r\n\r\n\
        \r\n-\r\n--y\r\n--film\r\n--x--\r\n";

    /// Fields and file, of a body that comes in pieces of so many bytes.
    async fn read(body: &[u8], size: usize) -> S3Result<(Fields, Vec<u8>)> {
        let pieces: Vec<Result<Bytes, Infallible>> =
            body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut form = Form::new("multipart/form-data; boundary=x", futures::stream::iter(pieces))?;
        let fields = form.fields().await?;
        let mut file = Vec::new();
        while let Some(piece) = form.piece().await? {
            file.extend_from_slice(&piece);
        }
        Ok((fields, file))
    }

    async fn refused(body: &[u8], code: &str) {
        let error = read(body, 7).await.unwrap_err();
        assert_eq!(error.code().as_str(), code, "{}", String::from_utf8_lossy(body));
    }

    #[tokio::test]
    async fn a_form_is_read_however_it_is_cut() {
        for size in [1, 2, 3, 5, 7, 64, 10_000] {
            let (fields, file) = read(FORM.as_bytes(), size).await.unwrap();
            assert_eq!(fields.values, [("key".into(), "films/a".into()), ("empty".into(), String::new())]);
            assert_eq!(
                (fields.filename.as_str(), file.as_slice()),
                ("a \"b\".mp4", b"\r\n-\r\n--y\r\n--film".as_slice())
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let field = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
        refused(b"", "IncompleteBody").await;
        refused(b"--y\r\n\r\n", "MalformedPOSTRequest").await;
        refused(b"--x--\r\n", "InvalidArgument").await;
        refused(b"--x\r\nContent-Type: a\r\n\r\n", "MalformedPOSTRequest").await;
        refused(format!("{field}1\r\n{field}2\r\n--x--").as_bytes(), "MalformedPOSTRequest").await;
        refused(&[field.as_bytes(), b"\xff\r\n--x--"].concat(), "MalformedPOSTRequest").await;
        refused(FORM.strip_suffix("\r\n--x--\r\n").unwrap().as_bytes(), "IncompleteBody").await;
        let long = "y".repeat(MAX_FIELDS + 1);
        refused(format!("{field}{long}").as_bytes(), "MaxPostPreDataLengthExceededError").await;
        refused(format!("--x\r\n{long}").as_bytes(), "MaxPostPreDataLengthExceededError").await;
        let many: String = (0..2000)
            .map(|n| field.replace("\"a\"", &format!("\"a{n}\"")) + "0123456789012345678901234567890123\r\n")
            .collect();
        refused(many.as_bytes(), "MaxPostPreDataLengthExceededError").await;
    }

    const PIECES: [&str; 14] = [
        "--x",
        "\r\n",
        "--",
        "\r\n--x\r\n",
        "Content-Disposition: form-data; name=\"a\"",
        "\r\n\r\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"",
        "\"",
        "\\\"",
        ";",
        "=",
        ":",
        "ü",
        "\0",
    ];

    proptest! {
        #[test]
        fn anything_is_read_the_same_however_it_is_cut(
            pieces in prop::collection::vec(prop::sample::select(&PIECES), 0..40),
            begins in any::<bool>(),
            size in 1_usize..50,
        ) {
            let start = if begins { "--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n" } else { "" };
            let body = format!("{start}{}", pieces.concat());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = |size| runtime.block_on(read(body.as_bytes(), size)).map_err(|e| e.code().clone());
            prop_assert_eq!(read(size), read(usize::MAX));
        }
    }

    #[test]
    fn names_are_read_as_browsers_and_others_write_them() {
        let check = |text, name, expected: Option<&str>| {
            assert_eq!(parameter(text, name).as_deref(), expected, "{text}")
        };
        check("form-data; name=\"a\"; filename=\"b;c=d\"", "filename", Some("b;c=d"));
        check("form-data; name=a; filename=b", "name", Some("a"));
        check("form-data; filename=\"name=\\\"x\\\"\"; name=\"n\"", "name", Some("n"));
        check("form-data; filename=\"C:\\films\\a.mp4\"", "filename", Some("C:\\films\\a.mp4"));
        check("form-data; name=\"a", "name", None);
        check("form-data", "name", None);
    }
}
