//! Command lines: the options in front of every input, for every task.

use super::{Arg, MAX_PIXELS, MAX_STREAMS};
use crate::{Container, codecs};
use jail::INPUT;

/// ffmpeg's: options of the input, everything behind it.
pub(super) fn ffmpeg(container: Container, before: Vec<Arg>, after: Vec<Arg>) -> Vec<Arg> {
    // Repeated messages are written again: complaints are counted.
    let global =
        ["-hide_banner", "-nostdin", "-nostats", "-y", "-v", "repeat+level+warning", "-stats_period", "0.5"];
    let mut args: Vec<Arg> = global.map(Arg::from).to_vec();
    args.extend(["-progress", "pipe:1"].map(Arg::from));
    args.extend(input_options(container));
    // A picture of another size in the middle of a film must not restart the filter graph, which would forget where it
    // is.
    args.extend(["-reinit_filter:v", "0"].map(Arg::from));
    args.extend(before);
    args.extend(["-i".into(), INPUT.into()]);
    args.extend(after);
    args
}

/// ffprobe's.
pub(super) fn ffprobe(container: Container, question: Vec<Arg>) -> Vec<Arg> {
    let mut args: Vec<Arg> = ["-hide_banner", "-v", "level+warning"].map(Arg::from).to_vec();
    args.extend(input_options(container));
    args.extend(codecs::foreign_audio());
    args.extend(question);
    args.extend(["-i".into(), INPUT.into()]);
    args
}

fn input_options(container: Container) -> Vec<Arg> {
    let mut args: Vec<Arg> = ["-protocol_whitelist", "file"].map(Arg::from).to_vec();
    args.extend(["-max_streams".into(), Arg::of(&[&MAX_STREAMS])]);
    args.extend(["-max_pixels".into(), Arg::of(&[&MAX_PIXELS])]);
    args.extend(codecs::whitelist());
    if container == Container::WavToEnd {
        args.extend(["-ignore_length", "1"].map(Arg::from));
    }
    args.extend(["-f".into(), container.demuxer().into()]);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These options are in front of every source, for every task.
    #[test]
    fn every_run_bounds_its_input() {
        let of_both: [&[&str]; 4] = [
            &["-protocol_whitelist", "file"],
            &["-max_streams", "256"],
            &["-max_pixels", "67108864"],
            &["-f", "matroska"],
        ];
        let check = |args: &[Arg], options: &[&[&str]]| {
            let words: Vec<&str> = args.iter().map(Arg::as_str).collect();
            let input = words.iter().position(|word| *word == "-i").unwrap();
            assert_eq!(words[input + 1], INPUT);
            for option in options {
                assert!(
                    words[..input].windows(option.len()).any(|at| at == *option),
                    "{option:?}: {words:?}"
                );
            }
            assert!(words[..input].contains(&"-codec_whitelist"), "{words:?}");
        };
        let container = Container::Matroska;
        let args = ffmpeg(container, vec!["-ss".into(), "1".into()], vec!["-f".into(), "null".into()]);
        check(&args, &of_both);
        check(&args, &[&["-nostdin"], &["-ss", "1"]]);
        check(&ffprobe(container, vec!["-show_format".into()]), &of_both);
    }
}
