//! How many channels become two.
//!
//! Channels with names are mixed as ITU-R BS.775-3 (annex 4, 3/2 to 2/0) says: left and right as they are, what is
//! between them, beside and behind people at 3 dB less on its side (or on both), bass effects not at all; channels that it
//! does not know go by the same rule. Nothing is scaled down for what might be loud together: a voice in the centre is
//! as loud (ITU-R BS.1770) in the mix as it was, and a limiter holds what gets louder than −1 dBFS.
//!
//! Channels without names are mixed so that none is lost: the first one left, the second one right, all others in the
//! middle. Ambisonics is heard by two cardioids that look left and right.

use model::media::Mix;

use crate::argv::join;
use crate::run::Arg;

/// 3 dB less: the share of a sound that is on both sides.
const BOTH: &str = "0.707107";

/// A channel by ffmpeg's name of it, and its shares in the left and the right side of the mix.
type Share = (&'static str, &'static str, &'static str);

const SHARES: &[Share] = &[
    ("FL", "1", "0"),
    ("FR", "0", "1"),
    ("FC", BOTH, BOTH),
    ("LFE", "0", "0"),
    ("BL", BOTH, "0"),
    ("BR", "0", BOTH),
    ("FLC", "1", "0"),
    ("FRC", "0", "1"),
    ("BC", "0.5", "0.5"),
    ("SL", BOTH, "0"),
    ("SR", "0", BOTH),
    ("TC", "0.5", "0.5"),
    ("TFL", BOTH, "0"),
    ("TFC", "0.5", "0.5"),
    ("TFR", "0", BOTH),
    ("TBL", BOTH, "0"),
    ("TBC", "0.5", "0.5"),
    ("TBR", "0", BOTH),
    ("DL", "1", "0"),
    ("DR", "0", "1"),
    ("WL", BOTH, "0"),
    ("WR", "0", BOTH),
    ("SDL", BOTH, "0"),
    ("SDR", "0", BOTH),
    ("LFE2", "0", "0"),
    ("TSL", BOTH, "0"),
    ("TSR", "0", BOTH),
    ("BFC", "0.5", "0.5"),
    ("BFL", BOTH, "0"),
    ("BFR", "0", BOTH),
];

/// Most that a mix has in a channel: −1 dBFS, so that encoding does not clip what was just below (EBU R 128 §h).
const LOUDEST: &str = "0.891251";

/// Whether there is a share for a channel of this name.
pub(crate) fn knows(channel: &str) -> bool {
    SHARES.iter().any(|(name, ..)| *name == channel)
}

/// A filter that makes two channels of three and more; `None` of fewer.
pub(crate) fn to_stereo(mix: &Mix, channels: u16) -> Option<Arg> {
    match mix {
        _ if channels <= 2 => None,
        Mix::Ambisonic => Some(ambisonic()),
        Mix::Numbered => Some(numbered(channels)),
        Mix::Named | Mix::Apart(_) => Some(named()),
    }
}

/// A filter for a single channel: as loud on both sides, as players have it.
pub(crate) fn on_both_sides() -> Arg {
    "pan=stereo|c0=c0|c1=c0".into()
}

/// A filter for channels that have names, however many there are at a time.
pub(crate) fn whatever_comes() -> Arg {
    // A single one is called centre, but has no other beside it that it should be as loud with.
    let alone = "aformat=sample_fmts=fltp,volume=volume='if(eq(nb_channels,1),1.414214,1)':precision=float,";
    Arg::of(&[&alone, &named()])
}

/// The filter for sound whose channels have names, whichever there are: those that are not are left out.
fn named() -> Arg {
    let side = |out: &'static str, share: fn(&Share) -> &'static str| {
        let shares = SHARES.iter().filter(|of| share(of) != "0");
        let terms: Vec<Arg> = shares.map(|of| Arg::of(&[&share(of), &"*", &of.0])).collect();
        Arg::of(&[&out, &"=", &join(&terms, "+")])
    };
    let (left, right) = (side("FL", |of| of.1), side("FR", |of| of.2));
    // Sums of whole numbers would be cut off.
    Arg::of(&[&"aformat=sample_fmts=fltp,pan=stereo|", &left, &"|", &right])
}

fn numbered(channels: u16) -> Arg {
    let side = |out: &'static str, own: u16| {
        let others = (2..channels).map(|n| Arg::of(&[&BOTH, &"*c", &n]));
        let terms: Vec<Arg> = [Arg::of(&[&"c", &own])].into_iter().chain(others).collect();
        Arg::of(&[&out, &"=", &join(&terms, "+")])
    };
    Arg::of(&[&"aformat=sample_fmts=fltp,pan=stereo|", &side("c0", 0), &"|", &side("c1", 1)])
}

/// Of the first two channels in the order ACN with normalisation SN3D: what comes from everywhere, and from the left.
fn ambisonic() -> Arg {
    let (plus, minus) = ("*c0+", "*c0-");
    let side = |out: &'static str, sign: &'static str| Arg::of(&[&out, &"=", &BOTH, &sign, &BOTH, &"*c1"]);
    Arg::of(&[&"aformat=sample_fmts=fltp,pan=stereo|", &side("c0", plus), &"|", &side("c1", minus)])
}

/// A filter that lays a single channel of that name where it belongs.
pub(crate) fn placed(channel: &str) -> Arg {
    let (left, right) =
        SHARES.iter().find(|(name, ..)| *name == channel).map_or((BOTH, BOTH), |(_, l, r)| (*l, *r));
    Arg::of(&[&"aformat=sample_fmts=fltp,pan=stereo|c0=", &left, &"*c0|c1=", &right, &"*c0"])
}

/// A filter that holds a mix below [`LOUDEST`], and does nothing to what is not as loud. It looks ahead, and makes up for
/// that itself.
pub(crate) fn limiter() -> Arg {
    Arg::of(&[&"alimiter=level=0:latency=1:attack=5:release=50:limit=", &LOUDEST])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_spelled_for_ffmpeg() {
        let check = |mix, channels, expected: &str| {
            assert_eq!(to_stereo(&mix, channels).map(|arg| arg.to_string()).as_deref(), Some(expected));
        };
        check(
            Mix::Numbered,
            4,
            "aformat=sample_fmts=fltp,pan=stereo|c0=c0+0.707107*c2+0.707107*c3|c1=c1+0.707107*c2+0.707107*c3",
        );
        check(
            Mix::Ambisonic,
            4,
            "aformat=sample_fmts=fltp,pan=stereo|c0=0.707107*c0+0.707107*c1|c1=0.707107*c0-0.707107*c1",
        );
        assert_eq!(
            placed("FC").to_string(),
            "aformat=sample_fmts=fltp,pan=stereo|c0=0.707107*c0|c1=0.707107*c0"
        );
        let named = named().to_string();
        assert!(named.contains("|FL=1*FL+0.707107*FC+0.707107*BL+1*FLC+0.5*BC+0.707107*SL+"), "{named}");
        // Bass effects have no part in it.
        assert!(!named.contains("LFE") && knows("LFE") && !knows("USR65"), "{named}");
        assert_eq!((to_stereo(&Mix::Named, 1), to_stereo(&Mix::Numbered, 2)), (None, None));
    }
}
