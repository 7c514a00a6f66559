//! Fuzz targets of every parser of foreign bytes.
//!
//! A [`Target`] is a function that takes any bytes and holds what must be true whatever they are: ranges lie within
//! what they are ranges of, what was written is read back, what was signed opens what it says and nothing else. That
//! nothing panics is the least of it. Time and memory are bounded by the runner (`fuzz/run`).
//!
//! Each target has seeds in `fuzz/corpus/{name}/`, all made here, and beside them every input that once was a finding;
//! `fuzz/tests/replay.rs` runs them all, also shortened and altered, with the other tests. Parsers that are private to
//! their crates are reached by the feature `fuzzing` of those, which shipped binaries are built without.
//!
//! ```
//! let target = fuzz::find("webvtt").unwrap();
//! (target.run)(b"WEBVTT\n\n00:01.000 --> 00:02.000\n<b>Run!\n");
//! ```

mod bodies;
mod captions;
mod clocks;
mod delivery;
mod faces;
mod files;
mod forms;
mod input;
mod jailed;
mod paths;
mod place;
mod plans;
mod ranges;
mod seals;
pub mod seeds;
mod settings;
mod signatures;
mod sources;
mod wire;

/// One parser, or several that read the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also that of its folder of seeds.
    pub name: &'static str,
    /// Holds what must be true of these bytes; panics where it is not.
    pub run: fn(&[u8]),
    /// Bytes of an input at most.
    pub max_len: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), max_len: usize) -> Target {
    Target { name, run, max_len }
}

/// All targets, the most exposed first.
pub const TARGETS: &[Target] = &[
    target("mp4_index", sources::mp4_index, 16 << 10),
    target("mp4_packets", sources::mp4_packets, 16 << 10),
    target("webvtt", captions::webvtt, 8 << 10),
    target("fragments", files::fragments, 8 << 10),
    target("range", ranges::range, 512),
    target("cdn_request", signatures::cdn_request, 4 << 10),
    target("policy", signatures::policy, 2 << 10),
    target("s3_wire", wire::s3_wire, 4 << 10),
    target("probe", sources::probe, 8 << 10),
    target("sniff", sources::sniff, 4 << 10),
    target("clock", clocks::clock, 4 << 10),
    target("flash", clocks::flash, 4 << 10),
    target("jumps", clocks::jumps, 4 << 10),
    target("path", paths::path, 1 << 10),
    target("path_token", signatures::path_token, 1 << 10),
    target("pattern", paths::pattern, 256),
    target("viewer", faces::viewer, 1 << 10),
    target("cea608", captions::cea608, 8 << 10),
    target("caption_text", captions::text, 4 << 10),
    target("retime", files::retime, 8 << 10),
    target("index", files::index, 4 << 10),
    target("request", delivery::request, 256),
    target("stored_plan", plans::stored_plan, 8 << 10),
    target("transport_stream", delivery::transport_stream, 8 << 10),
    target("report", sources::report, 4 << 10),
    target("sealed", seals::sealed, 4 << 10),
    target("address", faces::address, 1 << 10),
    target("decoded", jailed::decoded, 4 << 10),
    target("picture", jailed::picture, 1 << 10),
    target("form", bodies::form, 1 << 10),
    target("api_body", bodies::api_body, 2 << 10),
    target("event", bodies::event, 2 << 10),
    target("public_key", signatures::public_key, 2 << 10),
    target("settings", settings::settings, 4 << 10),
    target("backup", settings::backup, 2 << 10),
    target("database", settings::database, 512),
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
