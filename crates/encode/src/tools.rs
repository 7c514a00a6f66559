//! The installed ffmpeg and ffprobe: where they are, what they can do, and what their output depends on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Counts changes of our own encoder settings that change the encoded bytes; part of [`Tools::fingerprint`].
///
/// Increase it whenever an argument list or filter graph is changed so that the same plan gives other bytes.
pub(crate) const SETTINGS: u16 = 4;

/// The oldest version that was measured.
const OLDEST: Version = Version { major: 5, minor: 1 };

/// ffmpeg and ffprobe as found on this machine.
#[derive(Debug, Clone)]
pub struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
    features: Features,
    build: String,
    x264: String,
    threads: u16,
}

/// Optional abilities of the installed ffmpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Features {
    /// The `zscale` filter (tone mapping, exact colour conversion).
    pub(crate) zscale: bool,
    /// The `tonemap` filter.
    pub(crate) tonemap: bool,
}

/// A release: `5.1`, or a development build, which counts as newer than any release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Tools {
    /// Finds ffmpeg and ffprobe on `PATH` and asks them what they can do. Blocks for about half a second.
    ///
    /// # Errors
    /// [`Error::ToolMissing`], [`Error::ToolTooOld`] or [`Error::ToolUnusable`].
    pub fn find() -> Result<Self> {
        Self::at(&search("ffmpeg")?, &search("ffprobe")?)
    }

    /// The same with configured executables.
    ///
    /// # Errors
    /// As [`Tools::find`].
    pub fn at(ffmpeg: &Path, ffprobe: &Path) -> Result<Self> {
        let resolve =
            |path: &Path| path.canonicalize().map_err(|source| Error::File { path: path.to_owned(), source });
        let (ffmpeg, ffprobe) = (resolve(ffmpeg)?, resolve(ffprobe)?);
        let about = text(&ffmpeg, &["-version"])?;
        let version = checked_version(&ffmpeg, &about)?;
        checked_version(&ffprobe, &text(&ffprobe, &["-version"])?)?;
        let features = features(&text(&ffmpeg, &["-hide_banner", "-filters"])?);
        let x264 = x264_build(&ffmpeg)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8);
        Ok(Self {
            build: build_hash(&about),
            ffmpeg,
            ffprobe,
            version,
            features,
            x264,
            threads: u16::try_from(threads).unwrap_or(1),
        })
    }

    /// Sets the number of threads of every encoder; x264's output depends on it.
    #[must_use]
    pub fn with_threads(mut self, threads: u16) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The ffmpeg executable, links resolved.
    pub fn ffmpeg(&self) -> &Path {
        &self.ffmpeg
    }

    /// The ffprobe executable, links resolved.
    pub fn ffprobe(&self) -> &Path {
        &self.ffprobe
    }

    /// The version as ffmpeg writes it: `5.1.9-0+deb12u1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Features of this build beyond the required ones.
    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// Threads of every encoder: 1 up to 8 by default, as many as the machine has.
    pub fn threads(&self) -> u16 {
        self.threads
    }

    /// Everything beside plan and source that encoded bytes depend on, as one line for plans.
    ///
    /// Two workers with equal fingerprints write equal bytes for the same chunk (with the CPU-independent and
    /// bit-exact flags that our argument lists carry).
    pub fn fingerprint(&self) -> String {
        format!(
            "ffmpeg {} {} x264 {} threads {} settings {SETTINGS}",
            self.version, self.build, self.x264, self.threads
        )
    }
}

fn search(tool: &'static str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
        .ok_or(Error::ToolMissing { tool })
}

/// Output of a tool when asked about itself. These calls are ours from end to end: no source is involved.
fn run(path: &Path, args: &[impl AsRef<OsStr>]) -> Result<Vec<u8>> {
    let unusable = |reason: String| Error::ToolUnusable { path: path.to_owned(), reason };
    let out = Command::new(path)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|source| unusable(source.to_string()))?;
    if !out.status.success() {
        return Err(unusable(format!("it stops with {}", out.status)));
    }
    Ok(out.stdout)
}

fn text(path: &Path, args: &[&str]) -> Result<String> {
    Ok(String::from_utf8_lossy(&run(path, args)?).into_owned())
}

fn checked_version(path: &Path, about: &str) -> Result<String> {
    let found = about.lines().next().and_then(|line| line.split_ascii_whitespace().nth(2));
    let found = found.ok_or_else(|| Error::ToolUnusable {
        path: path.to_owned(),
        reason: "it does not tell its version".to_owned(),
    })?;
    if parse_version(found).is_some_and(|version| version < OLDEST) {
        return Err(Error::ToolTooOld { path: path.to_owned(), found: found.to_owned() });
    }
    Ok(found.to_owned())
}

/// `5.1.9-0+deb12u1`, `n7.1`, `8.0`; `None` for development builds (`N-112233-gabcdef`, `git-…`).
fn parse_version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('n').unwrap_or(text);
    let mut parts = text.split(['.', '-', '+']).map(str::parse);
    let major = parts.next()?.ok()?;
    let minor = parts.next().and_then(Result::ok).unwrap_or(0);
    Some(Version { major, minor })
}

/// Filters are listed as ` T.. name  V->V  description`.
fn features(list: &str) -> Features {
    let has = |name| list.lines().any(|line| line.split_ascii_whitespace().nth(1) == Some(name));
    Features { zscale: has("zscale"), tonemap: has("tonemap") }
}

/// A short hash of the whole self-description: configuration, compiler and library versions.
fn build_hash(about: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, about.as_bytes());
    hex::encode(&hash.as_ref()[..6])
}

/// x264 writes its own build into the stream's first SEI message: `x264 - core 164 r3095 baee400 - …`.
fn x264_build(ffmpeg: &Path) -> Result<String> {
    let args = [
        "-v",
        "error",
        "-nostdin",
        "-f",
        "lavfi",
        "-i",
        "color=black:s=64x64:r=1",
        "-frames:v",
        "1",
        "-c:v",
        "libx264",
        "-threads",
        "1",
        "-f",
        "h264",
        "pipe:1",
    ];
    let stream = run(ffmpeg, &args).map_err(|_| Error::ToolUnusable {
        path: ffmpeg.to_owned(),
        reason: "it has no H.264 encoder (libx264)".to_owned(),
    })?;
    let stream = String::from_utf8_lossy(&stream);
    let build = stream.split_once("x264 - core ").and_then(|(_, rest)| rest.split_once(" - "));
    let build = build.map_or("unknown", |(build, _)| build);
    Ok(build.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_5_1_are_too_old() {
        let check = |text, ok| assert_eq!(parse_version(text).is_none_or(|v| v >= OLDEST), ok, "{text}");
        check("5.1.9-0+deb12u1", true);
        check("n7.1-152-gabc", true);
        check("8.0", true);
        check("N-112233-gabcdef", true);
        check("git-2024-01-01-abcdef", true);
        check("5.0.1", false);
        check("4.4.2-0ubuntu0.22.04.1", false);
        check("5", false);
    }

    #[test]
    fn the_installed_tools_are_described() {
        let tools = Tools::find().unwrap().with_threads(2);
        let fingerprint = tools.fingerprint();
        assert!(fingerprint.starts_with(&format!("ffmpeg {} ", tools.version())), "{fingerprint}");
        assert!(fingerprint.contains(" x264 1") && fingerprint.contains(" threads 2 "), "{fingerprint}");
        assert_ne!(fingerprint, tools.clone().with_threads(3).fingerprint());
        assert!(tools.ffmpeg().is_absolute());
    }

    #[test]
    fn features_are_whole_names() {
        let list = " ... zscale            V->V       Apply.\n T.C tonemapx V->V x";
        let found = features(list);
        assert_eq!(found, Features { zscale: true, tonemap: false });
    }
}
