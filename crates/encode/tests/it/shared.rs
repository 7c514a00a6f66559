//! The contents of the shared media folder: a table.

/// Files of the shared media folder, and what is to be found in them.
pub(crate) const SHARED: &[(&str, &[&str])] = &[
    (
        "main/auto-editor_example.mp4",
        &[
            "mov 42400 ms",
            "0 h264 1280x720 shown 1280x720 turned 0 30/1 1272 frames from 0 us keys [0, 60, 120, 180] yuv420p bt709",
            "1 aac 48000 Hz 2 ch en from 0 us 42400 ms",
        ],
    ),
    (
        "main/bbb_0_30_vp8.webm",
        &[
            "matroska 30000 ms",
            "0 vp8 1280x720 shown 1280x720 turned 0 24/1 720 frames from 3000 us keys [0, 9, 11, 139] yuv420p",
            "1 vorbis 44100 Hz 2 ch und from 3000 us 30019 ms",
        ],
    ),
    (
        "main/bbb_1080p24_30s_5.1.mp4",
        &[
            "mov 30000 ms",
            "0 h264 1920x1080 shown 1920x1080 turned 0 24/1 720 frames from 0 us keys [0, 250, 285, 378] yuv420p",
            "1 aac 48000 Hz 6 ch und from 0 us 30000 ms",
        ],
    ),
    (
        "main/intel_car-detection.mp4",
        &[
            "mov 30160 ms",
            "0 h264 768x432 shown 768x432 turned 0 25/2 377 frames from 0 us keys [0, 60, 120, 180] yuv420p smpte170m",
            "1 aac 48000 Hz 2 ch en from 0 us 30160 ms",
        ],
    ),
    (
        "main/nasa_13013.mp4",
        &[
            "mov 13013 ms",
            "3 h264 480x270 shown 480x270 turned 0 30000/1001 390 frames from 0 us keys [0, 240] yuv420p bt709",
            "1 aac 8000 Hz 2 ch en from 0 us 13056 ms",
            "4 aac 16000 Hz 2 ch en from 0 us 13056 ms",
            "Stream(2) en",
            "Stream(5) en",
        ],
    ),
    (
        "main/openshot_test_video_540p60_29s_noaudio.mp4",
        &[
            "mov 29512 ms",
            "0 h264 960x540 shown 960x540 turned 0 60000/1001 1769 frames from 0 us keys [0, 30, 60, 90] yuv420p bt709",
        ],
    ),
    (
        "main/sintel_trailer_720p24_52s.mp4",
        &[
            "mov 52208 ms",
            "0 h264 1280x720 shown 1280x720 turned 0 24/1 1253 frames from 0 us keys [0, 224, 334, 584] yuv420p",
            "1 aac 48000 Hz 2 ch und from 21333 us 51926 ms",
        ],
    ),
    (
        "odd/ae_SAR-2by3.mp4",
        &[
            "mov 2000 ms",
            "0 h264 640x360 shown 426x360 turned 0 30/1 60 frames from 0 us keys [0] yuv420p",
            "1 aac 44100 Hz 2 ch und from 0 us 2020 ms",
        ],
    ),
    (
        "odd/ae_h264-png.mp4",
        &[
            "mov 2000 ms",
            "0 h264 640x360 shown 640x360 turned 0 30/1 60 frames from 0 us keys [0] yuv420p",
            "1 aac 44100 Hz 2 ch und from 0 us 2020 ms",
        ],
    ),
    (
        "odd/ae_mov_text.mp4",
        &[
            "mov 2000 ms",
            "0 h264 300x200 shown 300x200 turned 0 20/1 40 frames from 0 us keys [0] yuv420p",
            "1 aac 44100 Hz 2 ch und from 0 us 1928 ms",
            "Stream(2) und",
        ],
    ),
    (
        "odd/ae_test_yuv422p.mp4",
        &[
            "mov 2000 ms",
            "0 h264 640x360 shown 640x360 turned 0 30/1 60 frames from 0 us keys [0] yuv422p",
            "1 aac 44100 Hz 2 ch und from 0 us 2020 ms",
        ],
    ),
    (
        "odd/ae_webvtt.mkv",
        &[
            "matroska 2000 ms",
            "0 h264 300x200 shown 300x200 turned 0 20/1 40 frames from 23000 us keys [0] yuv420p",
            "1 aac 44100 Hz 2 ch und from 0 us 1950 ms",
            "Stream(2) und",
        ],
    ),
    (
        "odd/bbb_642x642_768kbps_30fps_vp9.webm",
        &[
            "matroska 3000 ms",
            "0 vp9 642x642 shown 642x642 turned 0 30/1 90 frames from 0 us keys [0, 30, 60] yuv420p",
        ],
    ),
    (
        "odd/bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4",
        &[
            "mov 4000 ms",
            "0 h264 800x640 shown 1138x640 turned 0 30/1 120 frames from 10000000 us keys [0] yuv420p",
        ],
    ),
    (
        "odd/edit_list_positive_shift.mp4",
        &[
            "mov 10000 ms",
            "0 h264 1920x1080 shown 1920x1080 turned 0 30/1 300 frames from 0 us keys [0, 30, 280] yuv420p",
            "1 aac 48000 Hz 2 ch und from 0 us 10005 ms",
        ],
    ),
    (
        "odd/h264_10bits.mp4",
        &[
            "mov 1000 ms",
            "0 h264 200x200 shown 200x200 turned 0 30/1 30 frames from 0 us keys [0] yuv420p10le",
        ],
    ),
    (
        "odd/hdr10-video-with-sdr-container.mp4",
        &[
            "mov 1000 ms",
            "0 hevc 1920x1080 shown 1920x1080 turned 0 30/1 30 frames from 18322 us keys [0] yuv420p10le smpte2084",
            "1 aac 48000 Hz 2 ch en from 0 us 1003 ms",
        ],
    ),
    (
        "odd/hlg10-color-test.mp4",
        &[
            "mov 300 ms",
            "1 hevc 1920x1080 shown 1920x1080 turned 0 90000/3001 9 frames from 0 us keys [0] yuv420p10le arib-std-b67",
            "0 aac 48000 Hz 2 ch en from 0 us 289 ms",
        ],
    ),
    (
        "odd/internal_emulator_transformer_output_270_rotated.mp4",
        &[
            "mov 4971 ms",
            "0 h264 1280x720 shown 720x1280 turned 270 30000/1001 149 frames from 0 us keys [0, 30, 60, 90] yuv420p bt709",
            "1 aac 44100 Hz 2 ch en from 0 us 4969 ms",
        ],
    ),
    (
        "odd/kyrion_dirtystart.ts",
        &[
            "mpegts 4838 ms",
            "0 h264 1920x1080 shown 1920x1080 turned 0 30000/1001 145 frames from 3259359467 us keys [0, 16, 36, 56] yuv420p fields bt709",
            "1 mp2 48000 Hz 2 ch und from 3259368000 us 4464 ms",
            "2 mp2 48000 Hz 2 ch und from 3259368000 us 4464 ms",
        ],
    ),
    (
        "odd/kyrion_mpeg2av_ac3.ts",
        &[
            "mpegts 3436 ms",
            "0 mpeg2video 1920x1080 shown 1920x1080 turned 0 30000/1001 103 frames from 1200836333 us keys [0, 18, 38, 58] yuv420p fields bt709",
            "1 ac3 48000 Hz 2 ch und from 1200850578 us 3072 ms",
            "2 mp2 48000 Hz 2 ch und from 1200840000 us 3096 ms",
        ],
    ),
    (
        "odd/long_1080p_lowbitrate.mp4",
        &[
            "mov 362766 ms",
            "0 h264 1920x1080 shown 1920x1080 turned 0 30/1 10883 frames from 0 us keys [0, 250, 500, 750] yuv420p",
            "1 aac 48000 Hz 2 ch und from 0 us 360000 ms",
        ],
    ),
    (
        "odd/mv_with_2_top_shots.mp4",
        &[
            "mov 1800 ms",
            "0 hevc 1440x1080 shown 1080x1440 turned 270 30/1 54 frames from 0 us keys [0, 7, 14, 21] yuvj420p bt709",
        ],
    ),
    (
        "odd/openshot_480p_ac3.mp4",
        &[
            "mov 700 ms",
            "0 h264 720x480 shown 660x480 turned 0 30000/1001 21 frames from 0 us keys [0, 12] yuv420p",
            "1 ac3 44100 Hz 2 ch und from 0 us 697 ms",
        ],
    ),
    (
        "odd/sample.avi",
        &[
            "avi 4087 ms",
            "0 mpeg4 960x400 shown 960x400 turned 0 24000/1001 98 frames from 0 us keys [0, 12, 13, 14] yuv420p",
            "1 mp3 48000 Hz 2 ch und from 0 us 4080 ms",
        ],
    ),
    (
        "odd/sample_12_5fps_720p_1s.mp4",
        &[
            "mov 1040 ms",
            "1 h264 1280x720 shown 1280x720 turned 0 25/2 13 frames from 0 us keys [0] yuv420p bt709",
            "0 aac 44100 Hz 2 ch en from 0 us 1032 ms",
        ],
    ),
    (
        "odd/sample_2_byte_NAL_length.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p bt709",
            "1 aac 44100 Hz 1 ch und from 67229 us 1023 ms",
        ],
    ),
    (
        "odd/sample_portrait.mp4",
        &[
            "mov 1001 ms",
            "0 h264 720x1080 shown 720x1080 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p",
            "1 aac 44100 Hz 1 ch und from 42993 us 1045 ms",
        ],
    ),
    ("odd/sample_vvc.mp4", &["Codec: the codec `vvc1` is not supported"]),
    (
        "odd/sample_with_chapters.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p bt709",
            "1 aac 44100 Hz 1 ch und from 67211 us 1022 ms",
        ],
    ),
    (
        "broken/large_stbl_truncated_after_moov.m4b",
        &["Truncated: the file stops in the middle: 0 of 108 minutes can be read"],
    ),
    (
        "broken/no_duration.webm",
        &[
            "matroska 4938 ms",
            "0 vp9 1280x720 shown 1280x720 turned 0 15000/1001 74 frames from 0 us keys [0] yuv420p",
            "1 opus 48000 Hz 2 ch en from 15000 us 4859 ms",
        ],
    ),
    (
        "broken/sample_empty_track.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p bt709",
            "2 aac 44100 Hz 1 ch und from 67208 us 1022 ms",
        ],
    ),
    (
        "broken/sample_mdat_too_long.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p",
            "1 aac 44100 Hz 1 ch und from 67211 us 1022 ms",
        ],
    ),
    (
        "broken/sample_missing_stsd.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0] yuv420p",
        ],
    ),
    (
        "broken/sample_without_stss.mp4",
        &[
            "mov 1001 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30000/1001 30 frames from 0 us keys [0, 1, 2, 3] yuv420p",
        ],
    ),
    ("audio/bbb_2ch_44kHz.wav", &["wav 1000 ms", "0 pcm_s16le 44100 Hz 2 ch und from 0 us 1000 ms"]),
    ("audio/bbb_6ch_8kHz_opus.ogg", &["ogg 3000 ms", "0 opus 48000 Hz 6 ch und from 0 us 3000 ms"]),
    ("audio/bear_with_picture.flac", &["flac 2741 ms", "0 flac 48000 Hz 2 ch und from 0 us 2741 ms"]),
    ("audio/sample_alac.mp4", &["mov 955 ms", "0 alac 44100 Hz 1 ch und from 67007 us 955 ms"]),
    (
        "captions/sample_with_ass_subtitles.mkv",
        &[
            "matroska 1000 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30/1 30 frames from 67000 us keys [0] yuv420p",
            "1 ac3 44100 Hz 1 ch und from 129000 us 1009 ms",
            "Stream(2) und",
        ],
    ),
    (
        "captions/sample_with_pgs_subtitles.mkv",
        &[
            "matroska 1016 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 60/1 61 frames from 0 us keys [0] yuv420p",
            "1 ac3 44100 Hz 1 ch und from 0 us 1009 ms",
        ],
    ),
    (
        "captions/sample_with_srt.mkv",
        &[
            "matroska 1000 ms",
            "0 h264 1080x720 shown 1080x720 turned 0 30/1 30 frames from 0 us keys [0] yuv420p",
            "1 ac3 44100 Hz 1 ch und from 62000 us 1009 ms",
            "Stream(2) en \"Subs Label\"",
        ],
    ),
    (
        "captions/sintel-captions.ts",
        &[
            "mpegts 10125 ms",
            "0 h264 400x170 shown 400x170 turned 0 24/1 243 frames from 9875000 us keys [0, 3, 73] yuv420p",
            "1 aac 22050 Hz 2 ch und from 9881000 us 9846 ms",
        ],
    ),
];
