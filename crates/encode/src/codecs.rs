//! The codecs Kinora decodes; ffmpeg is told to open no other decoder.
//!
//! A decoder is on the list because people have files that need it. Rare and lossless intermediate formats have
//! old, little-tested decoders and are left out.

use crate::arg::Arg;

/// Codecs of moving pictures, by ffmpeg's codec name.
const VIDEO: &[&str] = &[
    "av1",
    "dnxhd",
    "dvvideo",
    "flv1",
    "h263",
    "h264",
    "hevc",
    "mjpeg",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "msmpeg4v2",
    "msmpeg4v3",
    "prores",
    "theora",
    "vc1",
    "vp6",
    "vp6f",
    "vp8",
    "vp9",
    "wmv1",
    "wmv2",
    "wmv3",
];

/// Codecs of sound, by ffmpeg's codec name.
const AUDIO: &[&str] = &[
    "aac",
    "aac_latm",
    "ac3",
    "adpcm_ima_qt",
    "adpcm_ima_wav",
    "adpcm_ms",
    "alac",
    "amr_nb",
    "amr_wb",
    "dts",
    "eac3",
    "flac",
    "mlp",
    "mp1",
    "mp2",
    "mp3",
    "opus",
    "pcm_alaw",
    "pcm_bluray",
    "pcm_dvd",
    "pcm_f32be",
    "pcm_f32le",
    "pcm_f64le",
    "pcm_mulaw",
    "pcm_s16be",
    "pcm_s16le",
    "pcm_s24be",
    "pcm_s24le",
    "pcm_s32be",
    "pcm_s32le",
    "pcm_s8",
    "pcm_u8",
    "s302m",
    "speex",
    "truehd",
    "vorbis",
    "wmapro",
    "wmav1",
    "wmav2",
];

/// Codecs of captions that are text, by ffmpeg's codec name.
const TEXT: &[&str] = &["ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"];

/// Codecs of captions that are pictures, by ffmpeg's codec name.
const DRAWN: &[&str] = &["dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "xsub"];

/// ffmpeg's decoders of these codecs, where they are named otherwise, and those that ffprobe opens for streams
/// that are not used: subtitles and cover art.
const DECODERS: &str = "libdav1d,libaom-av1,av1,dnxhd,dvvideo,flv,h263,h264,hevc,mjpeg,mpeg1video,mpeg2video,\
    mpeg4,msmpeg4v2,msmpeg4,prores,theora,vc1,vp6,vp6f,vp8,vp9,wmv1,wmv2,wmv3,\
    aac,aac_fixed,aac_latm,ac3,ac3_fixed,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,libopencore_amrnb,\
    libopencore_amrwb,dca,eac3,flac,mlp,mp1float,mp1,mp2float,mp2,mp3float,mp3,opus,libopus,pcm_alaw,pcm_bluray,\
    pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,\
    pcm_s8,pcm_u8,s302m,speex,libspeex,truehd,vorbis,libvorbis,wmapro,wmav1,wmav2,\
    png,bmp,gif,webp,\
    ass,ssa,srt,subrip,text,webvtt,mov_text,cc_dec,pgssub,dvdsub,dvbsub,libzvbi_teletextdec,xsub";

/// ffmpeg's decoders of sound that is not decoded, but may lie beside a film that is.
const FOREIGN: &str = "adpcm_4xm,adpcm_adx,adpcm_ct,adpcm_ea,g722,g726,g726le,adpcm_ima_amv,adpcm_ima_apc,\
    adpcm_ima_dk3,adpcm_ima_dk4,adpcm_ima_iss,adpcm_ima_ws,adpcm_sbpro_2,adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,\
    adpcm_xa,adpcm_yamaha,als,mp4als,ape,aptx,atrac1,atrac3,atrac3al,atrac3plus,atrac3plusal,atrac9,cook,dolby_e,\
    dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,dst,dvaudio,evrc,g723_1,g729,gsm,libgsm,gsm_ms,libgsm_ms,\
    ilbc,libilbc,imc,mace3,mace6,metasound,mp3adu,mp3adufloat,mp3on4,mp3on4float,mpc7,mpc8,nellymoser,pcm_f16le,\
    pcm_f24le,pcm_f64be,pcm_lxf,pcm_s16be_planar,pcm_s16le_planar,pcm_s24daud,pcm_s24le_planar,pcm_s32le_planar,\
    pcm_s64be,pcm_s64le,pcm_s8_planar,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_vidc,qcelp,\
    qdm2,qdmc,ra_144,ra_288,real_144,real_288,ralf,shorten,sipr,sonic,tak,truespeech,tta,twinvq,wavpack,\
    wmalossless,wmavoice";

/// Whether moving pictures of this codec are decoded.
pub(crate) fn is_video(codec: &str) -> bool {
    VIDEO.contains(&codec)
}

/// Whether sound of this codec is decoded.
pub(crate) fn is_audio(codec: &str) -> bool {
    AUDIO.contains(&codec)
}

/// Whether captions of this codec are text.
pub(crate) fn is_text(codec: &str) -> bool {
    TEXT.contains(&codec)
}

/// Whether captions of this codec are pictures.
pub(crate) fn is_drawn(codec: &str) -> bool {
    DRAWN.contains(&codec)
}

/// The input option that closes all other decoders.
pub(crate) fn whitelist() -> [Arg; 2] {
    ["-codec_whitelist".into(), DECODERS.into()]
}

/// The option that lets ffprobe look at a file with a foreign audio track beside the film.
///
/// ffprobe opens a decoder for every stream and gives up where it may not. With this, decoders of [`FOREIGN`] may be
/// opened for audio streams by ffprobe itself; none is ever given a packet: guessing at streams goes by
/// [`whitelist`] alone, and frames are only asked for of streams whose codec [`is_audio`] knows.
pub(crate) fn foreign_audio() -> [Arg; 2] {
    ["-codec_whitelist:a".into(), Arg::of(&[&DECODERS, &",", &FOREIGN])]
}

/// The decoder that an input needs and that is not on the list, from the tool's log.
pub(crate) fn refused(log: &[String]) -> Option<String> {
    let line = log.iter().find(|line| line.contains("not on whitelist"))?;
    let (_, rest) = line.split_once("Codec (")?;
    Some(plain(rest.split_once(')')?.0))
}

/// A codec's name as it may be shown and stored: letters, digits and `_`.
pub(crate) fn plain(name: &str) -> String {
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(24).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_decoder_is_named() {
        let log = ["[magicyuv @ 0x5] [error] Codec (magicyuv) not on whitelist 'h264'".to_owned()];
        assert_eq!(refused(&log).as_deref(), Some("magicyuv"));
        assert_eq!(plain("[0][0]\u{1b}"), "00");
        assert_eq!(plain(""), "unknown");
    }

    #[test]
    fn dangerous_decoders_are_not_on_the_list() {
        for name in ["magicyuv", "tty", "ansi", "exr", "rawvideo", "wrapped_avframe"] {
            let listed = DECODERS.split(',').chain(FOREIGN.split(','));
            assert!(!is_video(name) && listed.into_iter().all(|listed| listed != name), "{name}");
        }
    }
}
